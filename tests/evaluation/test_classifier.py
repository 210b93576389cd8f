"""The classifier, its file, and the feature extractors made of it."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from gan.config import UserError
from gan.data.dataset import ImageDataset, Split
from gan.evaluation.classifier import (
    Classifier,
    classification_task,
    load_classifier,
    num_epochs,
    predict,
    rotation_task,
    save_classifier,
    train_classifier,
)
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import classifier_extractor, make_feature_extractor
from gan.io import save_safetensors
from tests.evaluation.conftest import classifier_metadata, digit_splits


def error_rate(classifier: Classifier, images: Tensor, labels: Tensor) -> float:
    return (predict(classifier, images).logits.argmax(1) != labels).float().mean().item()


def test_training_succeeds_and_is_reproducible(classifier: Classifier) -> None:
    train, test = digit_splits()
    assert error_rate(classifier, test.images, test.labels) < 0.1
    assert predict(classifier, test.images).features.shape == (len(test.images), 128)
    repeated = train_classifier(train, 10, ClassifierConfig(epochs=8))
    assert all(torch.equal(a, b) for a, b in zip(classifier.parameters(), repeated.parameters(), strict=True))


def sheared(images: Tensor, shear: float) -> Tensor:
    """Shear images [N, 1, H, W] horizontally, like slanted handwriting."""
    matrices = torch.tensor([[1, shear, 0], [0, 1, 0]]).expand(len(images), 2, 3)
    grid = affine_grid(matrices, list(images.shape), align_corners=False)
    return grid_sample(images.float(), grid, align_corners=False).round().byte()


def test_cross_domain_classifier_recognizes_slanted_digits(classifier: Classifier) -> None:
    train, test = digit_splits()
    cross_domain = train_classifier(train, 10, ClassifierConfig(epochs=8).resolve(cross_domain=True))
    for shear in (0.5, -0.5):
        images = sheared(test.images, shear)
        mild_error = error_rate(classifier, images, test.labels)
        assert error_rate(cross_domain, images, test.labels) < mild_error / 2
    assert error_rate(cross_domain, test.images, test.labels) < 0.15


def test_auto_augmentation() -> None:
    assert ClassifierConfig().resolve(cross_domain=False).augmentation == "mild"
    assert ClassifierConfig().resolve(cross_domain=True).augmentation == "strong"
    explicit = ClassifierConfig(augmentation="mild")
    assert explicit.resolve(cross_domain=True) == explicit


def test_the_former_name_of_augmentation_is_refused() -> None:
    with pytest.raises(UserError, match=r"classifier\.distortion: .*classifier\.augmentation"):
        ClassifierConfig.parse("classifier", {"distortion": "strong"})


def test_the_batch_size_does_not_matter(classifier: Classifier) -> None:
    images = digit_splits()[1].images[:90]
    small_batches = predict(classifier, images, batch_size=7)
    assert torch.allclose(predict(classifier, images).features, small_batches.features, atol=1e-5)


def test_save_and_load(classifier: Classifier, tmp_path: Path) -> None:
    images = digit_splits()[1].images[:50]
    path = tmp_path / "classifier.safetensors"
    save_classifier(path, classifier, {"shape": [1, 8, 8], "classes": list("0123456789")})
    loaded, metadata = load_classifier(path)
    assert metadata["role"] == "classifier"
    assert torch.equal(predict(loaded, images).logits, predict(classifier, images).logits)


def test_files_that_hold_no_classifier_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    with pytest.raises(UserError, match="no such file"):
        load_classifier(path)
    save_safetensors(path, {}, {"role": "generator"})
    with pytest.raises(UserError, match="holds a generator, not a classifier"):
        load_classifier(path)


@settings(max_examples=15, deadline=None)
@given(shape=st.tuples(st.sampled_from([1, 3]), st.integers(4, 70), st.integers(4, 70)), classes=st.integers(2, 7))
def test_any_image_size(shape: tuple[int, int, int], classes: int) -> None:
    features, logits = Classifier(shape, classes)(torch.zeros(2, *shape))
    assert (features.shape, logits.shape) == ((2, 128), (2, classes))


def test_rotation_task() -> None:
    images = torch.randint(0, 256, (6, 1, 9, 9), dtype=torch.uint8)
    split, names = rotation_task(images)
    assert len(split.images) == 24 and len(names) == 4
    for label in range(4):
        rotated = split.images[split.labels == label]
        assert torch.equal(rotated.rot90(-label, (2, 3)), images)
    flips, _ = rotation_task(torch.randint(0, 256, (6, 3, 9, 12), dtype=torch.uint8))
    assert flips.images.shape == (24, 3, 9, 12)


def test_unlabeled_images_are_classified_by_rotation() -> None:
    train, test = digit_splits()
    metadata = {"classes": list("0123456789"), "stacked": 1}
    assert classification_task(ImageDataset(train, test, metadata))[2:] == (tuple("0123456789"), "classes")
    unlabeled = Split(train.images, torch.full_like(train.labels, -1))
    rotated_train, rotated_test, names, task = classification_task(ImageDataset(unlabeled, test, metadata))
    assert (len(names), task) == (4, "rotations")
    assert len(rotated_train.images) == 4 * len(train.images) and len(rotated_test.images) == 4 * len(test.images)


def test_auto_epochs() -> None:
    auto = ClassifierConfig()
    assert [num_epochs(auto, num_images) for num_images in (1000, 4000, 60_000)] == [80, 20, 6]
    assert num_epochs(ClassifierConfig(epochs=3), 4000) == 3


def test_stacks_are_classified_channel_by_channel(classifier: Classifier) -> None:
    images = digit_splits()[1].images[:9]
    single = classifier_extractor(classifier, classifier_metadata()).extract(images)
    assert single.predictions is not None and single.logits is not None
    stacks = images.view(3, 3, 8, 8)
    stacked = classifier_extractor(classifier, classifier_metadata(num_stacked=3)).extract(stacks)
    hundreds, tens, ones = single.predictions.view(3, 3).unbind(1)
    assert stacked.predictions is not None
    assert torch.equal(stacked.predictions, 100 * hundreds + 10 * tens + ones)
    assert torch.allclose(stacked.features, single.features.view(3, -1), atol=1e-5)
    assert stacked.logits is None


def test_a_classifier_of_rotations_predicts_no_classes(classifier: Classifier) -> None:
    extractor = classifier_extractor(classifier, classifier_metadata("rotations"))
    output = extractor.extract(digit_splits()[1].images[:4])
    assert output.predictions is None and output.confidence is None


def no_weights(*_: object, **__: object) -> Tensor:
    raise OSError("no network")


def test_without_inception_weights(
    classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "classifier.safetensors"
    save_classifier(path, classifier, {"shape": [1, 8, 8], **classifier_metadata("rotations")})
    monkeypatch.setattr("torch_fidelity.utils.create_feature_extractor", no_weights)
    assert make_feature_extractor(path, "auto", torch.device("cpu")).name == "digit classifier"
    assert "no network" in capsys.readouterr().out
    with pytest.raises(UserError, match="use auto or classifier"):
        make_feature_extractor(path, "inception", torch.device("cpu"))
