"""Whether samples have the requested class and translations keep it; samples of saved generators."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan.data.dataset import ImageDataset, Split
from gan.evaluation.conditional_metrics import describe, gan_train_test_scores, translation_metrics
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import FeatureExtractor, Features
from gan.evaluation.generation import generate_samples
from gan.networks.config import ModelConfig
from gan.networks.cyclegan import CycleGenerators
from gan.networks.factory import build_generator, save_network
from gan.networks.layers import UnconditionalSequential

LEVEL = 60  # difference of brightness between two classes


def shades(num_images: int, num_classes: int = 4, side: int = 16) -> Split:
    """Images whose class is their brightness, with a little noise."""
    labels = torch.arange(num_images) % num_classes
    rng = torch.Generator().manual_seed(num_images)
    noise = torch.randint(0, 20, (num_images, 1, side, side), generator=rng)
    return Split((labels.view(-1, 1, 1, 1) * LEVEL + noise).byte(), labels)


def predict_shades(images: Tensor) -> Tensor:
    return images.float().mean((1, 2, 3)).div(LEVEL).long().clamp(max=3)


EXTRACTOR = FeatureExtractor("shades", lambda images: Features(images.float().flatten(1), predict_shades(images)))
OFF_BY_ONE = FeatureExtractor("off by one", lambda images: Features(images.float(), predict_shades(images) - 1))
WITHOUT_CLASSES = FeatureExtractor("without classes", lambda images: Features(images.float().flatten(1)))


@pytest.fixture(autouse=True)
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the classifiers of samples for 8 epochs, which is enough to recognize shades."""
    monkeypatch.setattr("gan.evaluation.conditional_metrics.ClassifierConfig", lambda: ClassifierConfig(epochs=8))


@pytest.fixture
def dataset() -> ImageDataset:
    metadata = {"classes": list("abcd"), "shape": [1, 16, 16], "stacked": 1}
    return ImageDataset(shades(400), shades(80), metadata)


def test_gan_train_and_gan_test_are_high_only_if_the_labels_fit(dataset: ImageDataset) -> None:
    metrics = gan_train_test_scores(EXTRACTOR, [shades(400), shades(200)], dataset)
    assert metrics["gan_test"] == 1
    assert metrics["gan_train"] > 0.95
    samples = shades(400)
    wrong_labels = Split(samples.images, samples.labels.roll(1))
    metrics = gan_train_test_scores(EXTRACTOR, [wrong_labels], dataset)
    assert metrics["gan_test"] == 0
    assert metrics["gan_train"] < 0.1


def test_gan_train_is_low_without_diversity(dataset: ImageDataset) -> None:
    """GAN-test is perfect although two of the four classes are missing."""
    samples = shades(400)
    has_label = samples.labels < 2
    metrics = gan_train_test_scores(EXTRACTOR, [Split(samples.images[has_label], samples.labels[has_label])], dataset)
    assert metrics["gan_test"] == 1 and metrics["gan_train"] < 0.6


def test_no_scores_without_classes(dataset: ImageDataset) -> None:
    assert gan_train_test_scores(WITHOUT_CLASSES, [shades(40)], dataset) == {}
    assert describe({}) == []


class OneClassDarker(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images - 2 * LEVEL / 255


def test_translation_metrics(dataset: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = CycleGenerators(ModelConfig(base_channels=4, residual_blocks=1), (1, 16, 16))
    network.g_ab = UnconditionalSequential(nn.Identity())
    network.g_ba = UnconditionalSequential(OneClassDarker())
    metadata = {"model": {"architecture": "cyclegan", "conditional": False}}
    for module in ("generation", "conditional_metrics"):
        monkeypatch.setattr(f"gan.evaluation.{module}.load_network", lambda path, role: (network, metadata))

    epoch, samples = generate_samples(tmp_path, dataset, 7, 0, "cpu")
    assert epoch == 0 and len(samples.images) == 80  # as many as there are test images
    assert torch.equal(predict_shades(samples.images), samples.labels)
    metrics = translation_metrics(tmp_path, (EXTRACTOR, EXTRACTOR), [samples], (dataset, dataset), "cpu")
    assert metrics["class_accuracy_ab"] == 1
    assert metrics["class_accuracy_ba"] == pytest.approx(0.25)  # only the darkest class stays as it is
    # From A to B and back: LEVEL darker, but for the darkest class, which cannot get darker than 0.
    assert 0.75 * LEVEL / 255 < metrics["cycle_error"] < LEVEL / 255

    # The images of each dataset are classified by the extractor of the other one.
    for extractors, expected in (((EXTRACTOR, OFF_BY_ONE), (0, 1)), ((OFF_BY_ONE, EXTRACTOR), (1, 0))):
        baseline = translation_metrics(tmp_path, extractors, [samples], (dataset, dataset), "cpu")
        assert (baseline["baseline_accuracy_ab"], baseline["baseline_accuracy_ba"]) == expected

    other_classes = ImageDataset(dataset.train, dataset.test, dataset.metadata | {"classes": list("wxyz")})
    datasets = (dataset, other_classes)
    assert translation_metrics(tmp_path, (EXTRACTOR, EXTRACTOR), [samples], datasets, "cpu").keys() == {"cycle_error"}
    extractors = (EXTRACTOR, WITHOUT_CLASSES)
    assert translation_metrics(tmp_path, extractors, [samples], (dataset, dataset), "cpu").keys() == {"cycle_error"}

    translation, cycle = describe(metrics)
    assert "100.0% of the images keep their class from A to B, 25.0% from B to A" in translation
    assert "without translation the classifiers recognize 100.0% and 100.0%" in translation
    assert "from A to B and back to A" in cycle


def test_samples_of_a_conditional_generator_have_the_class_frequencies_of_the_data(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    config = ModelConfig(conditional=True, latent_dim=4, generator_widths=[8], discriminator_widths=[8])
    path = tmp_path / "generator.safetensors"
    generator = build_generator(config, (1, 16, 16), 4)
    save_network(path, generator, "generator", config, {**dataset.metadata, "epoch": 3})

    class_1_only = Split(dataset.train.images, torch.ones(400, dtype=torch.int64))
    epoch, samples = generate_samples(path, ImageDataset(class_1_only, dataset.test, dataset.metadata), 9, 0, "cpu")
    assert epoch == 3 and samples.images.shape == (9, 1, 16, 16)
    assert samples.labels.tolist() == [1] * 9

    _, samples = generate_samples(path, dataset, 50, 1, "cpu")
    _, repeated = generate_samples(path, dataset, 50, 1, "cpu")
    assert samples.labels.equal(repeated.labels)
    assert len(samples.labels.unique()) == 4
