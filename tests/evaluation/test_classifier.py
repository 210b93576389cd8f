"""The classifier learns digits, says the same of any batch size, and comes back from its file."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from gan.config import UserError
from gan.data.dataset import Split
from gan.evaluation.classifier import (
    Classifier,
    load_classifier,
    num_epochs,
    predict,
    rotation_task,
    save_classifier,
    train_classifier,
)
from gan.evaluation.config import ClassifierConfig
from gan.evaluation.feature_extractor import classifier_extractor, make_feature_extractor


def digits() -> tuple[Split, Split]:
    images, labels = load_digits(return_X_y=True)
    pictures = torch.from_numpy(images).view(-1, 1, 8, 8).mul(255 / 16).round().byte()
    truth = torch.from_numpy(labels)
    return Split(pictures[:1400], truth[:1400]), Split(pictures[1400:], truth[1400:])


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return train_classifier(digits()[0], 10, ClassifierConfig(epochs=8))


def test_it_learns_and_training_is_reproducible(trained: Classifier) -> None:
    test = digits()[1]
    seen = predict(trained, test.images)
    assert (seen.logits.argmax(1) == test.labels).float().mean() > 0.9
    assert seen.features.shape == (len(test.images), 128)
    again = train_classifier(digits()[0], 10, ClassifierConfig(epochs=8))
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), again.parameters(), strict=True))


def sheared(images: Tensor, lean: float) -> Tensor:
    """Pictures [N, 1, H, W] as a hand that slants writes them."""
    rows = torch.tensor([[1, lean, 0], [0, 1, 0]]).expand(len(images), 2, 3)
    grid = affine_grid(rows, list(images.shape), align_corners=False)
    return grid_sample(images.float(), grid, align_corners=False).round().byte()


def test_one_that_is_to_judge_translations_reads_a_slanted_hand(trained: Classifier) -> None:
    train, test = digits()
    config = ClassifierConfig(epochs=8)
    assert config.settled(other_hands=False).distortion == "mild"
    by_hand = ClassifierConfig(distortion="mild")
    assert by_hand.settled(other_hands=True) == by_hand
    reader = train_classifier(train, 10, config.settled(other_hands=True))
    for lean in (0.5, -0.5):
        images = sheared(test.images, lean)
        wrong = [(predict(one, images).logits.argmax(1) != test.labels).float().mean() for one in (trained, reader)]
        assert wrong[1] < wrong[0] / 2
    assert (predict(reader, test.images).logits.argmax(1) == test.labels).float().mean() > 0.85


def test_the_batch_size_does_not_matter(trained: Classifier) -> None:
    images = digits()[1].images[:90]
    whole, parts = predict(trained, images), predict(trained, images, batch_size=7)
    assert torch.allclose(whole.features, parts.features, atol=1e-5)


def test_it_comes_back_from_its_file(trained: Classifier, tmp_path: Path) -> None:
    images = digits()[1].images[:50]
    save_classifier(tmp_path / "c.safetensors", trained, {"shape": [1, 8, 8], "classes": list("0123456789")})
    loaded, metadata = load_classifier(tmp_path / "c.safetensors")
    assert metadata["kind"] == "classifier"
    assert torch.equal(predict(loaded, images).logits, predict(trained, images).logits)


@settings(max_examples=15, deadline=None)
@given(shape=st.tuples(st.sampled_from([1, 3]), st.integers(4, 70), st.integers(4, 70)), classes=st.integers(2, 7))
def test_any_size_of_pictures(shape: tuple[int, int, int], classes: int) -> None:
    features, logits = Classifier(shape, classes)(torch.zeros(2, *shape))
    assert (features.shape, logits.shape) == ((2, 128), (2, classes))


def test_turns_are_labels_where_there_are_none() -> None:
    images = torch.randint(0, 256, (6, 1, 9, 9), dtype=torch.uint8)
    split, names = rotation_task(images)
    assert len(split.images) == 24 and len(names) == 4
    for way in range(4):
        rows = split.images[split.labels == way]
        assert torch.equal(rows.rot90(-way, (2, 3)), images)
    wide, _ = rotation_task(torch.randint(0, 256, (6, 3, 9, 12), dtype=torch.uint8))
    assert wide.images.shape == (24, 3, 9, 12)


def test_auto_epochs() -> None:
    auto = ClassifierConfig()
    assert [num_epochs(auto, count) for count in (1000, 4000, 60_000)] == [80, 20, 6]
    assert num_epochs(ClassifierConfig(epochs=3), 4000) == 3


def metadata(task: str = "classes", stacked: int = 1) -> dict[str, object]:
    return {"task": task, "classes": list("0123456789"), "name": "it", "stacked": stacked}


def test_stacks_are_judged_a_channel_at_a_time(trained: Classifier) -> None:
    test = digits()[1]
    single = classifier_extractor(trained, metadata()).look(test.images[:9])
    assert single.classes is not None and single.logits is not None
    stack = test.images[:9].view(3, 3, 8, 8)
    view = classifier_extractor(trained, metadata(stacked=3)).look(stack)
    a, b, c = single.classes.view(3, 3).unbind(1)
    assert view.classes is not None and torch.equal(view.classes, 100 * a + 10 * b + c)
    assert torch.allclose(view.features, single.features.view(3, -1), atol=1e-5)
    assert view.logits is None


def test_a_classifier_of_turns_names_no_classes(trained: Classifier) -> None:
    view = classifier_extractor(trained, metadata("turns")).look(digits()[1].images[:4])
    assert view.classes is None and view.confidence is None


def no_weights(*_: object, **__: object) -> Tensor:
    raise OSError("no network")


def test_without_inception_s_weights(
    trained: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "c.safetensors"
    save_classifier(path, trained, {"shape": [1, 8, 8], **metadata("turns")})
    monkeypatch.setattr("torch_fidelity.utils.create_feature_extractor", no_weights)
    assert make_feature_extractor(path, "auto", torch.device("cpu")).name == "it"
    assert "no network" in capsys.readouterr().out
    with pytest.raises(UserError, match="use auto or classifier"):
        make_feature_extractor(path, "inception", torch.device("cpu"))


def test_a_file_that_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load_classifier(tmp_path / "none.safetensors")
