"""The classifier: a small convolutional network, trained on the training split alone, whose features judge pictures."""

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from gan.config import UserError
from gan.data.dataset import Split, to_float
from gan.evaluation.config import ClassifierConfig
from gan.io import load_safetensors, read_metadata, save_safetensors

FEATURES = 128
BATCH = 128
MAX_FINAL_MAP = 8  # pixels a side; maps are halved until they are no larger
PEAK_LR = 3e-3
AUTO_NUM_IMAGES, AUTO_MIN_EPOCHS = 80_000, 6
ROTATIONS = ("upright", "turned by 90°", "turned by 180°", "turned by 270°")
FLIPS = ("upright", "upside down", "left-right mirrored", "turned by 180°")


class Augmentation(NamedTuple):
    """How far training pictures are distorted at most, and back: turned, radians; scaled; moved, as a share of half the
    picture; slanted, as a share of the height (of a square); stretched in width. A share s of scale or stretch is
    between 1 / (1 + s) and 1 / (1 - s) times the size."""

    turn: float
    scale: float
    move: float
    slant: float = 0.0
    stretch: float = 0.0


MILD = Augmentation(0.175, 0.1, 0.14)
# Of MNIST's digits a classifier of scikit-learn's, which stand upright, reads 87% if trained so, mildly 72%: README.
STRONG = Augmentation(0.3, 0.25, 0.2, 0.5, 0.35)


class ClassifierOutput(NamedTuple):
    """What a classifier says of pictures: features [N, 128] and logits [N, classes]."""

    features: Tensor
    logits: Tensor


class Classifier(nn.Module):
    """Pictures [B, C, H, W] in [-1, 1] to features [B, 128] and logits [B, classes].

    3×3 convolutions with BatchNorm and ReLU, 32 channels wide, then 64 after each halving down to 8 pixels a side.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = [*conv_bn_relu(channels, 32)]
        inputs = 32
        while max(height, width) > MAX_FINAL_MAP:
            layers += [nn.MaxPool2d(2, ceil_mode=True), *conv_bn_relu(inputs, 64)]
            inputs, height, width = 64, ceil(height / 2), ceil(width / 2)
        self.trunk = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(inputs * height * width, FEATURES, bias=False),
            nn.BatchNorm1d(FEATURES),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, pictures: Tensor) -> ClassifierOutput:
        features = self.trunk(pictures)
        return ClassifierOutput(features, self.head(features))


def conv_bn_relu(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


@torch.inference_mode()
def predict(classifier: Classifier, images: Tensor, *, batch_size: int = 500) -> ClassifierOutput:
    """What the classifier, in eval mode, says of pictures, uint8 [N, C, H, W]; on the CPU."""
    device = next(classifier.parameters()).device
    seen = [classifier(channels_last(to_float(rows.to(device)))) for rows in images.split(batch_size)]
    features, logits = (torch.cat(parts).cpu() for parts in zip(*seen, strict=True))
    return ClassifierOutput(features, logits)


def train_classifier(
    train: Split, classes: int, config: ClassifierConfig, device: torch.device | str = "cpu"
) -> Classifier:
    """A classifier of `classes` trained on labelled pictures, in eval mode.

    Adam with one cycle of the learning rate (Smith and Topin 2018); every picture is distorted: see Distortion.
    """
    count = len(train.images)
    epochs = num_epochs(config, count)
    distortion = STRONG if config.distortion == "strong" else MILD
    steps = epochs * (ceil(count / BATCH) - (count % BATCH == 1 and count > 1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        channels, height, width = train.images.shape[1:]
        classifier = Classifier((channels, height, width), classes)
    classifier = classifier.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    schedule = OneCycleLR(optimizer, PEAK_LR, total_steps=steps)
    generator = torch.Generator().manual_seed(config.seed)
    for rows in tqdm(_batches(count, epochs, generator), total=steps, desc="classifier", disable=None, leave=False):
        pictures = augment(to_float(train.images[rows].to(device)), generator, distortion)
        loss = cross_entropy(classifier(channels_last(pictures)).logits, train.labels[rows].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    classifier.eval()
    return classifier


def num_epochs(config: ClassifierConfig, count: int) -> int:
    """Passes over `count` training pictures."""
    return config.epochs if config.epochs != "auto" else max(AUTO_MIN_EPOCHS, ceil(AUTO_NUM_IMAGES / count))


def rotation_task(images: Tensor) -> tuple[Split, tuple[str, ...]]:
    """The pictures turned or mirrored in four ways, which way as label: a task that needs no labels, and the ways.

    Gidaris et al. 2018 (https://arxiv.org/abs/1803.07728): to tell which way is up, a network must see what is there.
    Pictures that are not square are mirrored instead of turned by 90°.
    """
    if images.shape[-1] == images.shape[-2]:
        ways, names = [images.rot90(quarter, (2, 3)) for quarter in range(4)], ROTATIONS
    else:
        ways, names = [images, images.flip(2), images.flip(3), images.flip(2, 3)], FLIPS
    return Split(torch.cat(ways), torch.arange(4).repeat_interleave(len(images))), names


def save_classifier(path: Path, classifier: Classifier, facts: dict[str, Any]) -> None:
    """Write a classifier with facts: `shape` and `classes` (names), `task`, `accuracy`, ..."""
    save_safetensors(path, classifier.state_dict(), {**facts, "kind": "classifier"})


def load_classifier(path: Path) -> tuple[Classifier, dict[str, Any]]:
    """A classifier in eval mode on the CPU, and its facts; raises UserError if the file is not one."""
    metadata = read_metadata(path)
    if metadata.get("kind") != "classifier":
        raise UserError(f"{path}: holds a {metadata.get('kind', 'data set')}, not a classifier; `dvc repro` makes it")
    channels, height, width = metadata["shape"]
    classifier = Classifier((channels, height, width), len(metadata["classes"]))
    classifier.load_state_dict(load_safetensors(path))
    classifier.to(memory_format=torch.channels_last).eval()
    return classifier, metadata


def _batches(count: int, epochs: int, generator: torch.Generator) -> Iterator[Tensor]:
    for _ in range(epochs):
        for rows in torch.randperm(count, generator=generator).split(BATCH):
            if len(rows) > 1 or count == 1:  # BatchNorm has no statistics for one
                yield rows


def augment(pictures: Tensor, generator: torch.Generator, most: Augmentation) -> Tensor:
    """Each picture distorted at random, by up to `most`."""
    angle, scale, right, down = uniform([most.turn, most.scale, most.move, most.move], pictures, generator)
    cosine, sine = angle.cos() / (1 + scale), angle.sin() / (1 + scale)
    columns = [torch.stack(column, 1) for column in ((cosine, sine), (-sine, cosine), (right, down))]
    if most.slant or most.stretch:
        slant, stretch = uniform([most.slant, most.stretch], pictures, generator)[..., None]
        columns[1] = columns[1] + slant * columns[0]
        columns[0] = columns[0] * (1 + stretch)
    grid = affine_grid(torch.stack(columns, 2), list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def uniform(most: list[float], pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers between plus and minus each of `most`, one for each picture: [len(most), N]."""
    drawn = torch.rand(len(most), len(pictures), generator=generator).mul_(2).sub_(1).to(pictures.device)
    return drawn * torch.tensor(most, device=pictures.device)[:, None]


def channels_last(pictures: Tensor) -> Tensor:
    """Channels last, which convolutions on the CPU are fastest with."""
    return pictures.contiguous(memory_format=torch.channels_last)
