"""The classifier: a small convolutional network, trained on the training split, whose features serve the metrics."""

from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from gan.config import UserError
from gan.data.dataset import ImageDataset, Split, to_float, unstack_digits
from gan.evaluation.config import ClassifierConfig
from gan.io import load_safetensors, read_metadata, save_safetensors

NUM_FEATURES = 128
BATCH_SIZE = 128


class Augmentation(NamedTuple):
    """Largest random distortions, each in both directions.

    rotate: radians. scale: sizes change by a factor of 1 / (1 ± scale). translate: fraction of half the image. shear:
    horizontal shift per vertical distance. stretch: as scale, of the width only.
    """

    rotate: float
    scale: float
    translate: float
    shear: float = 0.0
    stretch: float = 0.0


MILD = Augmentation(rotate=0.175, scale=0.1, translate=0.14)
# Trained on scikit-learn's digits, a classifier recognizes 87% of MNIST's digits with STRONG and 72% with MILD.
STRONG = Augmentation(rotate=0.3, scale=0.25, translate=0.2, shear=0.5, stretch=0.35)


class ClassifierOutput(NamedTuple):
    """Features [N, 128] and logits [N, num_classes]."""

    features: Tensor
    logits: Tensor


class Classifier(nn.Module):
    """Convolutional network: images [B, C, H, W] in [-1, 1] → features [B, 128] and logits [B, num_classes].

    3×3 convolutions with BatchNorm and ReLU: 32 channels at full size, then 64 after each halving, down to 8×8 pixels.
    """

    def __init__(self, image_shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        layers: list[nn.Module] = [*conv_bn_relu(channels, 32)]
        channels = 32
        while max(height, width) > 8:
            layers += [nn.MaxPool2d(2, ceil_mode=True), *conv_bn_relu(channels, 64)]
            channels = 64
            height = ceil(height / 2)
            width = ceil(width / 2)
        self.backbone = nn.Sequential(
            *layers,
            nn.Flatten(),
            nn.Linear(channels * height * width, NUM_FEATURES, bias=False),
            nn.BatchNorm1d(NUM_FEATURES),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Linear(NUM_FEATURES, num_classes)

    def forward(self, images: Tensor) -> ClassifierOutput:
        # channels_last is the fastest memory format for convolutions on the CPU.
        features = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return ClassifierOutput(features, self.head(features))


def conv_bn_relu(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    """3×3 convolution, BatchNorm and ReLU: [B, in_channels, H, W] → [B, out_channels, H, W]."""
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return conv, nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True)


@torch.inference_mode()
def predict(classifier: Classifier, images: Tensor, *, batch_size: int = 500) -> ClassifierOutput:
    """Apply a classifier in eval mode to images, uint8 [N, C, H, W]; the output is on the CPU."""
    device = next(classifier.parameters()).device
    outputs = [classifier(to_float(batch.to(device))) for batch in images.split(batch_size)]
    features, logits = zip(*outputs, strict=True)
    return ClassifierOutput(torch.cat(features).cpu(), torch.cat(logits).cpu())


def train_classifier(
    train: Split, num_classes: int, config: ClassifierConfig, device: torch.device | str = "cpu"
) -> Classifier:
    """Train a classifier on labeled images and return it in eval mode.

    Adam with a one-cycle learning rate (Smith and Topin 2018, https://arxiv.org/abs/1708.07120) and augmentation;
    `auto` augmentation is mild.
    """
    num_images = len(train.images)
    epochs = num_epochs(config, num_images)
    total_steps = epochs * max(1, ceil((num_images - 1) / BATCH_SIZE))
    augmentation = STRONG if config.augmentation == "strong" else MILD

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        channels, height, width = train.images.shape[1:]
        classifier = Classifier((channels, height, width), num_classes)
    classifier = classifier.to(device).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    scheduler = OneCycleLR(optimizer, 3e-3, total_steps=total_steps)

    rng = torch.Generator().manual_seed(config.seed)
    batches = (
        indices
        for _ in range(epochs)
        for indices in torch.randperm(num_images, generator=rng).split(BATCH_SIZE)
        if len(indices) > 1 or num_images == 1  # BatchNorm needs two images
    )
    for indices in tqdm(batches, total=total_steps, desc="classifier", disable=None, leave=False):
        images = augment(to_float(train.images[indices].to(device)), rng, augmentation)
        labels = train.labels[indices].to(device)
        loss = cross_entropy(classifier(images).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return classifier.eval()


def num_epochs(config: ClassifierConfig, num_images: int) -> int:
    """Number of epochs for a training split of `num_images`; auto: 80,000 images in total, but at least 6 epochs."""
    return max(6, ceil(80_000 / num_images)) if config.epochs == "auto" else config.epochs


def augment(images: Tensor, rng: torch.Generator, strength: Augmentation) -> Tensor:
    """Apply a random affine transformation, at most of the given strength, to each image [N, C, H, W]."""
    limits = [strength.rotate, strength.scale, strength.translate, strength.translate]
    angle, scale, shift_x, shift_y = uniform(limits, images, rng)
    cosine = angle.cos() / (1 + scale)
    sine = angle.sin() / (1 + scale)
    # Columns of the matrices [N, 2, 3] that map output coordinates to input coordinates.
    x_column = torch.stack([cosine, sine], 1)
    y_column = torch.stack([-sine, cosine], 1)
    shift = torch.stack([shift_x, shift_y], 1)
    if strength.shear or strength.stretch:
        shear, stretch = uniform([strength.shear, strength.stretch], images, rng)[..., None]
        y_column = y_column + shear * x_column
        x_column = x_column * (1 + stretch)
    matrices = torch.stack([x_column, y_column, shift], 2)
    grid = affine_grid(matrices, list(images.shape), align_corners=False)
    return grid_sample(images, grid, padding_mode="border", align_corners=False)


def uniform(limits: list[float], images: Tensor, rng: torch.Generator) -> Tensor:
    """Uniform random numbers between −limit and limit for each limit and image, [len(limits), N]."""
    values = torch.rand(len(limits), len(images), generator=rng).mul_(2).sub_(1).to(images.device)
    return values * torch.tensor(limits, device=images.device)[:, None]


def classification_task(dataset: ImageDataset) -> tuple[Split, Split, tuple[str, ...], str]:
    """Return labeled training and test images, the class names, and the task: `classes` or `rotations`.

    The task is `rotations` if there are fewer than two classes or if a training image has no label. Stacks of digits
    are split into single digits.
    """
    if dataset.metadata["stacked"] > 1:
        num_digits = dataset.metadata["digits"]
        train = unstack_digits(dataset.train, num_digits["train"])
        test = unstack_digits(dataset.test, num_digits["test"])
        return train, test, tuple("0123456789"), "classes"
    class_names = tuple(dataset.metadata["classes"])
    if len(class_names) < 2 or torch.any(dataset.train.labels < 0):
        train, rotation_names = rotation_task(dataset.train.images)
        test, _ = rotation_task(dataset.test.images)
        return train, test, rotation_names, "rotations"
    return dataset.train, dataset.test, class_names, "classes"


def rotation_task(images: Tensor) -> tuple[Split, tuple[str, ...]]:
    """Make a classification task of unlabeled images [N, C, H, W]: four rotations, or flips if they are not square.

    Returns the transformed images [4 N, C, H, W] with the transformation as label, and the names of the labels.
    Gidaris et al. 2018 (https://arxiv.org/abs/1803.07728).
    """
    if images.shape[-1] == images.shape[-2]:
        names = tuple(f"rotated by {angle}°" for angle in (0, 90, 180, 270))
        transformed = [images.rot90(num_turns, (2, 3)) for num_turns in range(4)]
    else:
        names = ("original", "flipped vertically", "flipped horizontally", "rotated by 180°")
        transformed = [images, images.flip(2), images.flip(3), images.flip(2, 3)]
    labels = torch.arange(4).repeat_interleave(len(images))
    return Split(torch.cat(transformed), labels), names


def save_classifier(path: Path, classifier: Classifier, metadata: dict[str, Any]) -> None:
    """Write a classifier. metadata: `shape`, `classes` (names), `task`, `name`, and any others that JSON can hold."""
    save_safetensors(path, classifier.state_dict(), {**metadata, "role": "classifier"})


def load_classifier(path: Path) -> tuple[Classifier, dict[str, Any]]:
    """Return a classifier in eval mode on the CPU, and its metadata. Raises UserError if the file holds none."""
    metadata = read_metadata(path)
    if metadata.get("role") != "classifier":
        raise UserError(f"{path}: holds a {metadata.get('role', 'dataset')}, not a classifier; `dvc repro` creates it")
    channels, height, width = metadata["shape"]
    classifier = Classifier((channels, height, width), len(metadata["classes"]))
    classifier.load_state_dict(load_safetensors(path))
    classifier.to(memory_format=torch.channels_last).eval()
    return classifier, metadata
