"""Config classes: accepted values, and the error line for the others."""

from typing import Any, ClassVar

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gan.config import StrictConfig, UserError
from gan.training.config import TrainConfig
from stages.report import CONFIG_SECTIONS

SECTIONS = st.sampled_from(sorted(CONFIG_SECTIONS))


class RenamedConfig(StrictConfig):
    """A config with a key that had another name in earlier versions."""

    residual_blocks: int = 3
    renamed: ClassVar[dict[str, str]] = {"blocks": "residual_blocks"}


@given(SECTIONS, st.text(min_size=1))
def test_an_unknown_key_is_named_in_one_line(section: str, key: str) -> None:
    config = CONFIG_SECTIONS[section]
    if key in config.model_fields:
        return
    with pytest.raises(UserError) as caught:
        config.parse(section, {key: 1})
    assert f"{section}.{key}: no such parameter; " in str(caught.value)


def test_a_misspelled_key_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"^train\.epohcs: no such parameter; did you mean train\.epochs\?$"):
        TrainConfig.parse("train", {"epohcs": 1})


@given(st.integers())
def test_the_error_for_a_renamed_key_names_the_new_key(value: int) -> None:
    with pytest.raises(UserError) as caught:
        RenamedConfig.parse("model", {"blocks": value})
    assert str(caught.value) == "model.blocks: no such parameter; it is now called model.residual_blocks"


def test_all_renamed_keys_of_params_yaml_name_an_existing_key() -> None:
    for section, config in CONFIG_SECTIONS.items():
        for old, new in config.renamed.items():
            assert old not in config.model_fields and new in config.model_fields
            with pytest.raises(UserError) as caught:
                config.parse(section, {old: 1})
            assert str(caught.value) == f"{section}.{old}: no such parameter; it is now called {section}.{new}"


@given(
    SECTIONS,
    st.one_of(st.booleans(), st.floats(), st.text(), st.lists(st.integers()), st.dictionaries(st.text(), st.text())),
)
def test_any_value_is_accepted_or_refused_in_one_line_that_names_the_key(section: str, value: Any) -> None:
    config = CONFIG_SECTIONS[section]
    for key in config.model_fields:
        try:
            config.parse(section, {key: value})
        except UserError as error:
            assert str(error).startswith(f"{section}.{key}: ")
            assert "\n" not in str(error).replace(repr(value), "")


@given(st.floats(1e-12, 1, exclude_min=True))
def test_floats_are_read_in_all_notations_of_yaml(lr: float) -> None:
    for text in (repr(lr), f"{lr:e}", f"{lr:.0e}"):  # PyYAML reads 2e-4, without a decimal point, as a string
        assert TrainConfig.parse("train", yaml.safe_load(f"lr: {text}")).lr == pytest.approx(float(text))


@pytest.mark.parametrize("value", [True, "many", None, [1], 1.5])
def test_values_that_are_not_integers_are_refused(value: Any) -> None:
    with pytest.raises(UserError, match=r"train\.epochs"):
        TrainConfig.parse("train", {"epochs": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "inf", -1.0, 0])
def test_a_learning_rate_has_to_be_positive_and_finite(value: Any) -> None:
    with pytest.raises(UserError, match=r"train\.lr"):
        TrainConfig.parse("train", {"lr": value})


def test_a_section_has_to_be_a_mapping() -> None:
    with pytest.raises(UserError, match=r"^train: \[1, 2\] is not allowed; it should be a mapping with .* epochs, "):
        TrainConfig.parse("train", [1, 2])


def test_the_line_names_all_wrong_keys() -> None:
    with pytest.raises(UserError, match=r"train\.epochs: 0 is not allowed; .* \(also wrong: batch_size\)"):
        TrainConfig.parse("train", {"epochs": 0, "batch_size": 0})
