"""README.md keeps to the code."""

import re

import pytest
import yaml

from benchmarks.trained import SETTINGS
from gan.training.config import TrainConfig
from stages.report import CONFIG_SECTIONS
from tests.conftest import ROOT
from tools.parameters import parameter_table

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]


def test_the_table_of_parameters_is_that_of_the_code() -> None:
    assert parameter_table() in README


def test_parameters_named_anywhere_exist() -> None:
    names = set(re.findall(r"`-S ([a-z]+\.[a-z_]+)=", README)) | set(re.findall(r"-S '?([a-z]+\.[a-z_]+)=", README))
    names |= set(
        re.findall(
            r"`((?:data|prepare|model|train|sample|classifier|evaluate|animate|report|runtime)\.[a-z_]+)`", README
        )
    )
    assert len(names) > 20
    for name in names:
        section, key = name.split(".")
        assert key in CONFIG_SECTIONS[section].model_fields, name


def test_the_chinese_one_has_the_same_commands_code_pictures_and_parameters() -> None:
    other = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    for kind in ("sh", "python"):
        blocks = [re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for text in (README, other)]
        assert blocks[0] == blocks[1], kind
    assert re.findall(r"\]\((reports/[^)]+)\)", README)[:2] == re.findall(r"\]\((reports/[^)]+)\)", other)
    tables = [
        re.findall(r"^\| (`[a-z]+\.[a-z_0-9]+` \| `.+?` \| .+?) \| .* \|$", text, re.MULTILINE)
        for text in (README, other)
    ]
    assert len(tables[0]) > 60 and tables[0] == tables[1]
    switches = [re.findall(r"^\| [^|]+ \| (`(?:train|model)\..*?`) \|", text, re.MULTILINE) for text in (README, other)]
    assert len(switches[0]) == 13 and switches[0] == switches[1]


def test_make_targets_modules_and_pictures_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for module in re.findall(r"python -m ([a-z_.]+)", README):
        assert (ROOT / (module.replace(".", "/") + ".py")).is_file(), module
    for picture in re.findall(r"\]\((reports/[^)]+)\)", README):
        assert (ROOT / picture).is_file(), picture


def test_the_graph_has_every_stage() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    graph = README.split("```mermaid")[1].split("```")[0]
    assert all(stage in graph for stage in stages)


@pytest.mark.parametrize("command", ["make run", "make test", "dvc repro", "dvc params diff"])
def test_the_everyday_commands_are_there(command: str) -> None:
    assert command in COMMANDS


def test_make_better_takes_the_settings_that_the_benchmarks_measure() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\nbetter:")[1].split("\n\n")[0]
    found = {key: yaml.safe_load(value) for key, value in re.findall(r"-S '?train\.([a-z0-9_]+)=([^' \n]+)", recipe)}
    assert TrainConfig.parse("train", found) == SETTINGS["better"].model_copy(update={"epochs": 20})
