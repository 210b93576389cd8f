"""Settings: what is taken, and the line for what is not."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gan.config import UserError
from gan.training.config import TrainConfig
from stages.report import CONFIG_SECTIONS


@given(st.sampled_from(sorted(CONFIG_SECTIONS)), st.text(min_size=1))
def test_an_unknown_key_is_refused_by_name_in_one_line(section: str, key: str) -> None:
    kind = CONFIG_SECTIONS[section]
    if key in kind.model_fields:
        return
    with pytest.raises(UserError) as caught:
        kind.parse(section, {key: 1})
    assert f"{section}.{key}: no such setting" in str(caught.value)


@given(
    st.sampled_from(sorted(CONFIG_SECTIONS)),
    st.one_of(st.booleans(), st.floats(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.text())),
)
def test_any_value_is_taken_or_refused_in_one_line_that_names_the_key(section: str, value: Any) -> None:
    kind = CONFIG_SECTIONS[section]
    for key in kind.model_fields:
        try:
            kind.parse(section, {key: value})
        except UserError as error:
            assert str(error).startswith(f"{section}.{key}: ")
            assert "\n" not in str(error).replace(repr(value), "")


@given(st.floats(1e-12, 1, exclude_min=True))
def test_numbers_are_read_however_yaml_writes_them(lr: float) -> None:
    for text in (repr(lr), f"{lr:e}", f"{lr:.0e}"):  # PyYAML reads 2e-4, without a point, as a string
        assert TrainConfig.parse("train", yaml.safe_load(f"lr: {text}")).lr == pytest.approx(float(text))


@pytest.mark.parametrize("value", [True, "many", None, [1], 1.5])
def test_a_whole_number_is_a_whole_number(value: Any) -> None:
    with pytest.raises(UserError, match=r"train\.epochs"):
        TrainConfig.parse("train", {"epochs": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "inf", -1.0, 0])
def test_a_rate_is_a_positive_finite_number(value: Any) -> None:
    with pytest.raises(UserError, match=r"train\.lr"):
        TrainConfig.parse("train", {"lr": value})


def test_a_section_that_is_no_mapping() -> None:
    with pytest.raises(UserError, match=r"train: expected a mapping of settings \(epochs, "):
        TrainConfig.parse("train", [1, 2])


def test_two_mistakes_are_counted() -> None:
    with pytest.raises(UserError, match=r"train\.epochs: 0 is not allowed; .* \(also wrong: batch_size\)"):
        TrainConfig.parse("train", {"epochs": 0, "batch_size": 0})
