"""`python -m tools.preset` writes presets into params.yaml and does not change other lines."""

import difflib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gan.config import UserError
from gan.networks.config import ModelConfig
from gan.training.config import TrainConfig
from gan.training.hparams import check_compatibility, resolve_hparams, resolve_model_config
from stages.report import CONFIG_SECTIONS
from tests.conftest import ROOT
from tools import presets
from tools.preset import apply_presets, edit_params, main
from tools.presets import FOLDER, PRESETS, describe_preset, dvc_set_args, flatten, load_preset

PARAMS = (ROOT / "params.yaml").read_text()


@pytest.fixture(autouse=True)
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of params.yaml in the working folder."""
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


def run(monkeypatch: pytest.MonkeyPatch, *args: str) -> None:
    monkeypatch.setattr(sys, "argv", ["preset", *args])
    main()


def changed_lines(text: str) -> list[str]:
    """Lines that differ from params.yaml of the project."""
    diff = difflib.unified_diff(PARAMS.splitlines(), text.splitlines(), n=0, lineterm="")
    return [line[1:] for line in diff if line.startswith("+ ")]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_lists_its_metrics(name: str) -> None:
    parameters = load_preset(name)
    for section, values in parameters.items():
        CONFIG_SECTIONS[section].parse(section, values)
    model = ModelConfig.parse("model", parameters.get("model", {}))
    train = TrainConfig.parse("train", parameters.get("train", {}))
    hparams = resolve_hparams(model, train, 28)
    check_compatibility(resolve_model_config(model, hparams), hparams, num_classes=10)
    _, result = describe_preset(name)
    assert re.match(r"Reached: .+, \d+ epochs: ", result)


def test_presets_differ_and_are_all_listed() -> None:
    assert len({str(load_preset(name)) for name in PRESETS}) == len(PRESETS)
    assert sorted(PRESETS) == sorted(path.stem for path in FOLDER.glob("*"))


def test_arguments_for_dvc() -> None:
    parameters: dict[str, dict[str, Any]] = {
        "model": {"conditional": True},
        "train": {"betas": [0, 0.99], "lr": 0.0005},
        "data": {"source": None},
    }
    expected = "-S model.conditional=true -S train.betas=[0, 0.99] -S train.lr=0.0005 -S data.source=null"
    assert " ".join(dvc_set_args(parameters)) == expected


def test_a_preset_changes_its_lines_and_keeps_their_comments(
    params: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "ttur")
    assert capsys.readouterr().out.splitlines() == [
        "preset: train.loss: auto → hinge",
        "preset: train.ttur: false → true",
    ]
    lines = changed_lines(params.read_text())
    assert [line.split(" #")[0] for line in lines] == ["  loss: hinge", "  ttur: true"]
    assert all(f"{line.split(' #')[1]}\n" in PARAMS for line in lines)

    run(monkeypatch, "r1")
    assert capsys.readouterr().out.splitlines() == [
        "preset: train.r1: auto → 1",
        "preset: not changed: train.loss=hinge train.ttur=true (to set other parameters to their defaults: --reset)",
    ]
    run(monkeypatch, "ttur", "r1")
    assert "params.yaml: has these values already" in capsys.readouterr().out
    run(monkeypatch, "--reset")
    assert params.read_text() == PARAMS


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_set_and_reset(name: str, params: Path) -> None:
    apply_presets([name])
    text = params.read_text()
    expected = flatten(yaml.safe_load(PARAMS)) | flatten(load_preset(name))
    assert flatten(yaml.safe_load(text)) == expected
    apply_presets([], reset=True)
    assert params.read_text() == PARAMS
    params.write_text(PARAMS.replace("threads: auto", "threads: 1").replace("epochs: 200", "epochs: 3"))
    apply_presets([name], reset=True)
    assert params.read_text() == text.replace("threads: auto", "threads: 1")


def test_a_later_preset_overrides_an_earlier_one(params: Path) -> None:
    apply_presets(["dcgan", "hinge", "stylegan"])
    lines = [line.split(" #")[0] for line in changed_lines(params.read_text())]
    assert lines == ["  architecture: stylegan", "  base_channels: 16", "  loss: hinge"]


def test_a_file_that_dvc_has_written_can_be_edited() -> None:
    """`dvc exp run -S` writes lists in several lines, null as nothing, and moves comments."""
    text = """data:
  source:
  target: images   # cyclegan
train:
  betas:      # of Adam
  - 0
  - 0.99
  lr: "5e-4" # a "quoted" value # with a comment
"""
    changes: dict[str, dict[str, Any]] = {
        "data": {"source": "../mnist", "target": None},
        "train": {"betas": "auto", "lr": 0.001, "r1": 1},
    }
    assert (
        edit_params(text, changes)
        == """data:
  source: ../mnist
  target: null # cyclegan
train:
  r1: 1
  betas: auto # of Adam
  lr: 0.001 # a "quoted" value # with a comment
"""
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: [", "params.yaml: cannot be read: "),
        (PARAMS.replace("  loss:", "  lose:"), "params.yaml: train.lose: no such parameter; did you mean train.loss?"),
        (PARAMS.replace("sample:", "samples:"), "params.yaml: has no section `sample`"),
        (
            PARAMS.replace("  loss: auto", '  "loss": auto'),
            "params.yaml: cannot be edited, it needs one line per parameter; set by hand: train.loss=hinge",
        ),
    ],
    ids=["not YAML", "unknown key", "missing section", "quoted key"],
)
def test_a_file_that_cannot_be_edited_stays_as_it_is(text: str, message: str, params: Path) -> None:
    params.write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        apply_presets(["hinge"])
    assert params.read_text() == text
    params.unlink()
    with pytest.raises(UserError, match=r"params\.yaml: cannot be read"):
        apply_presets(["hinge"])


def test_a_preset_of_your_own_is_checked_before_it_is_written(
    params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    monkeypatch.setattr(presets, "PRESETS", ["custom"])
    monkeypatch.setattr("tools.preset.PRESETS", ["custom"])
    for text, message in (
        ("train:\n  losss: hinge\n", r"train\.losss: no such parameter; did you mean train\.loss\?"),
        ("train:\n  r1: -1\n", r"train\.r1: -1 is not allowed"),
        ("training:\n  r1: 1\n", "training: no such section"),
    ):
        (tmp_path / "custom.yaml").write_text(text)
        with pytest.raises(UserError, match=message):
            apply_presets(["custom"])
        assert params.read_text() == PARAMS


@pytest.mark.parametrize("text", ["train:", "- a", "train: [", "train: 3"])
def test_a_malformed_preset_is_named_and_changes_nothing(
    text: str, params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The malformed preset is not the one that is written, but one of those that the last message compares with."""
    before = params.read_text()
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "good.yaml").write_text("train:\n  lr: 0.5\n")
    (folder / "mine.yaml").write_text(text)
    monkeypatch.setattr(presets, "FOLDER", folder)
    monkeypatch.setattr(presets, "PRESETS", ["good", "mine"])
    monkeypatch.setattr("tools.preset.PRESETS", ["good", "mine"])
    with pytest.raises(UserError, match=r"presets/mine\.yaml: (cannot be read|needs sections with keys)"):
        apply_presets(["good"])
    assert params.read_text() == before


def test_unknown_names_and_the_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"preset: relativsitic: no such preset; did you mean relativistic"):
        run(monkeypatch, "relativsitic")
    with pytest.raises(SystemExit, match=r"preset: zzz: no such preset; the presets are tutorial, better, "):
        run(monkeypatch, "zzz")
    with pytest.raises(SystemExit):
        run(monkeypatch)
    assert "--list lists all" in capsys.readouterr().err
    run(monkeypatch, "--list")
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines if not line.startswith(" ")] == list(PRESETS)


def test_preset_runs_as_a_command(params: Path) -> None:
    command = [sys.executable, "-m", "tools.preset", "wgan-gp"]
    result = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("preset: train.loss: auto → wgan-gp\n", "")
    assert "  loss: wgan-gp #" in params.read_text()
