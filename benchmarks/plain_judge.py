"""A second judge: the network of PyTorch's MNIST example, to see how far figures depend on who judges.

https://github.com/pytorch/examples/blob/main/mnist/main.py: two convolutions, 128 features, dropout, no BatchNorm.
Trained on the training split as it is, undistorted; kept in .cache/benchmarks/.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softmax
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.mnist import CACHE
from gan.data.dataset import ImageDataset, to_float
from gan.evaluation.feature_extractor import FeatureExtractor, Features
from gan.io import load_safetensors, save_safetensors

EPOCHS, BATCH, PEAK_LR = 6, 128, 2e-3


def network() -> nn.Sequential:
    """Pictures [B, 1, 28, 28] in [-1, 1] to logits [B, 10]; without its last two layers, to 128 features."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(), nn.Linear(9216, 128), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def plain_judge(prepared: ImageDataset) -> FeatureExtractor:
    """The judge, trained on MNIST's training split if that has not been done."""
    path = CACHE / "plain_classifier.safetensors"
    if not path.exists():
        print("training the plain judge (minutes, once)", flush=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            untrained = network()
            _train(untrained, prepared.train.images, prepared.train.labels)
        save_safetensors(path, untrained.state_dict(), {"kind": "plain classifier"})
    classifier = network()
    classifier.load_state_dict(load_safetensors(path))
    classifier.eval()

    @torch.inference_mode()
    def look(images: Tensor) -> Features:
        features = torch.cat([classifier[:-2](to_float(rows)) for rows in images.split(500)])
        logits = classifier[-2:](features)
        confidence, classes = softmax(logits, 1).max(1)
        return Features(features, classes, confidence, logits)

    right = torch.eq(torch.as_tensor(look(prepared.test.images).classes), prepared.test.labels)
    accuracy = right.float().mean().item()
    return FeatureExtractor(f"the network of PyTorch's MNIST example ({accuracy:.2%} right on the test split)", look)


def _train(classifier: nn.Module, images: Tensor, labels: Tensor) -> None:
    steps = len(images) // BATCH
    optimizer = torch.optim.Adam(classifier.parameters(), fused=True)
    schedule = OneCycleLR(optimizer, PEAK_LR, total_steps=EPOCHS * steps)
    classifier.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(BATCH)[:steps]:
            loss = cross_entropy(classifier(to_float(images[rows])), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
