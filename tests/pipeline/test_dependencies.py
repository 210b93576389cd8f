"""dvc.yaml declares what the stages read, no more and no less."""

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.sections import SECTIONS
from tests.closure import ROOT, closure

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = list(PIPELINE["stages"])
PARAMS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.mark.parametrize("stage", STAGES)
def test_declared_code_is_the_import_closure(stage: str) -> None:
    declared = {dep for dep in PIPELINE["stages"][stage]["deps"] if dep.endswith(".py")}
    assert declared == closure(f"stages.{stage}")


@pytest.mark.parametrize("stage", STAGES)
def test_sections_that_a_stage_reads_are_declared(stage: str) -> None:
    """`section("name", …)` in a stage's script, and what the report lists, are the stage's parameters."""
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text())
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "section"]
    read = {c.args[0].value for c in calls if isinstance(c.args[0], ast.Constant)}
    if stage == "report":
        read |= set(SECTIONS)
    assert read - {"runtime"} == set(PIPELINE["stages"][stage]["params"])


def test_the_report_depends_on_its_template() -> None:
    assert "gan/figures/page.html.j2" in PIPELINE["stages"]["report"]["deps"]


def test_params_yaml_holds_every_setting_and_its_default() -> None:
    for name, kind in SECTIONS.items():
        assert kind.parse(name, PARAMS[name]) == kind(), name
        assert set(PARAMS[name]) == set(kind.model_fields), name
    assert set(PARAMS) == set(SECTIONS)


def test_no_key_that_dvc_drops_from_its_run_cache() -> None:
    assert not {"size", "nfiles"} & {key for section in PARAMS.values() for key in section}


def test_outs_are_ignored_by_git_and_pictures_are_not() -> None:
    ignored = set((ROOT / ".gitignore").read_text().split())
    for stage in PIPELINE["stages"].values():
        for out in stage.get("outs", []):
            assert f"/{out}" in ignored or f"/{out}/" in ignored or out.startswith("models/"), out
    assert not [line for line in ignored if line.endswith((".png", ".gif", ".json"))]


def test_every_setting_says_what_it_means() -> None:
    for name, kind in SECTIONS.items():
        for key, field in kind.model_fields.items():
            assert field.description, f"{name}.{key}"


def test_stage_scripts_stay_short() -> None:
    for path in Path(ROOT / "stages").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 60, path.name
