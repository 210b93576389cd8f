"""Labels that are asked for and kept."""

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


def shades(count: int, classes: int = 4, side: int = 16) -> Split:
    """Pictures whose class is their shade, with a little noise."""
    labels = torch.arange(count) % classes
    noise = torch.randint(0, 20, (count, 1, side, side), generator=torch.Generator().manual_seed(count))
    return Split((labels.view(-1, 1, 1, 1) * 60 + noise).byte(), labels)


def shade_of(images: Tensor) -> Features:
    found = images.float().mean((1, 2, 3)).div(60).long().clamp(max=3)
    return Features(images.float().flatten(1), found)


JUDGE = FeatureExtractor("shades", shade_of)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifiers that learn from samples need not see 80,000 pictures to tell shades."""
    monkeypatch.setattr("gan.evaluation.conditional_metrics.ClassifierSettings", lambda: ClassifierConfig(epochs=8))


@pytest.fixture
def prepared() -> ImageDataset:
    metadata = {"classes": list("abcd"), "shape": [1, 16, 16], "stacked": 1}
    return ImageDataset(shades(400), shades(80), metadata)


def test_a_generator_that_does_as_told_gets_full_marks_and_one_that_does_not_does_not(prepared: ImageDataset) -> None:
    good = gan_train_test_scores(JUDGE, [shades(400), shades(200)], prepared)
    assert good["gan_test"] == 1
    assert good["gan_train"] > 0.95
    samples = shades(400)
    wrong = gan_train_test_scores(JUDGE, [Split(samples.images, samples.labels.roll(1))], prepared)
    assert wrong["gan_test"] == 0
    assert wrong["gan_train"] < 0.1


def test_right_but_all_alike_teaches_little(prepared: ImageDataset) -> None:
    """Why GAN-test alone misleads: two of four classes, each perfect."""
    samples = shades(400)
    some = samples.labels < 2
    found = gan_train_test_scores(JUDGE, [Split(samples.images[some], samples.labels[some])], prepared)
    assert found["gan_test"] == 1 and found["gan_train"] < 0.6


def test_a_judge_without_classes_says_nothing(prepared: ImageDataset) -> None:
    blind = FeatureExtractor("blind", lambda images: Features(images.float().flatten(1)))
    assert gan_train_test_scores(blind, [shades(40)], prepared) == {}
    assert describe({}) == []


class Darker(nn.Module):
    def forward(self, pictures: Tensor) -> Tensor:
        return pictures - 2 * 60 / 255  # one class darker


def test_translators_are_judged_there_back_and_there_and_back(
    prepared: ImageDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = CycleGenerators((1, 16, 16), 4, 1)
    network.g_ab, network.g_ba = UnconditionalSequential(nn.Identity()), UnconditionalSequential(Darker())
    metadata = {"model": {"architecture": "cyclegan", "conditional": False}}
    for module in ("samples", "obedience"):
        monkeypatch.setattr(f"gan.evaluation.{module}.load_network", lambda path, kind: (network, metadata))
    epoch, samples = generate_samples(tmp_path, prepared, 7, 0, "cpu")
    assert epoch == 0 and len(samples.images) == 80  # as many as there are test pictures
    assert shade_of(samples.images).classes is not None
    found = translation_metrics(tmp_path, (JUDGE, JUDGE), [samples], (prepared, prepared), "cpu")
    assert found["kept_there"] == 1
    assert found["kept_back"] == pytest.approx(0.25)  # black stays black, the others become one class darker
    lower = FeatureExtractor(
        "a shade lower", lambda images: Features(images.float(), (torch.as_tensor(shade_of(images).classes) - 1))
    )
    for judges, control in (((JUDGE, lower), (0, 1)), ((lower, JUDGE), (1, 0))):  # each set is for the other's judge
        controlled = translation_metrics(tmp_path, judges, [samples], (prepared, prepared), "cpu")
        assert (controlled["untranslated_there"], controlled["untranslated_back"]) == control
    # there and back again: 60 darker, but for the black ones, which lose what they have above 0
    assert 0.75 * 60 / 255 < found["cycle_error"] < 60 / 255
    other = ImageDataset(prepared.train, prepared.test, prepared.metadata | {"classes": list("wxyz")})
    assert translation_metrics(tmp_path, (JUDGE, JUDGE), [samples], (prepared, other), "cpu").keys() == {"cycle_error"}
    kept, again = describe(found)
    assert "100.0% of the pictures there and 25.0% back" in kept
    assert "right in 100.0% and 100.0% without any translation" in kept
    assert "differs by" in again


def test_samples_of_a_conditional_generator_have_the_datas_classes(prepared: ImageDataset, tmp_path: Path) -> None:
    config = ModelConfig(conditional=True, latent_dim=4, generator_widths=[8], discriminator_widths=[8])
    path = tmp_path / "generator.safetensors"
    save_network(path, build_generator(config, (1, 16, 16), 4), "generator", config, {**prepared.metadata, "epoch": 3})
    ones = ImageDataset(
        Split(prepared.train.images, torch.ones(400, dtype=torch.int64)), prepared.test, prepared.metadata
    )
    epoch, samples = generate_samples(path, ones, 9, 0, "cpu")
    assert epoch == 3 and samples.images.shape == (9, 1, 16, 16)
    assert samples.labels.tolist() == [1] * 9
    again = generate_samples(path, prepared, 50, 1, "cpu")[1]
    assert again.labels.equal(generate_samples(path, prepared, 50, 1, "cpu")[1].labels)
    assert len(again.labels.unique()) == 4
