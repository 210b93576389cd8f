"""dvc.yaml declares what the stages read, no more and no less."""

import ast
import subprocess
from typing import Any

import pytest
import yaml

from stages.report import CONFIG_SECTIONS
from tests.import_closure import ROOT, closure

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
        read |= set(CONFIG_SECTIONS)
    assert read - {"runtime"} == set(PIPELINE["stages"][stage]["params"])


def test_the_report_depends_on_its_template() -> None:
    templates = {f"gan/figures/{name}" for name in ("page.html.j2", "style.css.j2", "card.md.j2")}
    assert templates <= set(PIPELINE["stages"]["report"]["deps"])


def test_params_yaml_holds_every_setting_and_its_default() -> None:
    for name, kind in CONFIG_SECTIONS.items():
        assert kind.parse(name, PARAMS[name]) == kind(), name
        assert set(PARAMS[name]) == set(kind.model_fields), name
    assert set(PARAMS) == set(CONFIG_SECTIONS)


def test_no_key_that_dvc_drops_from_its_run_cache() -> None:
    assert not {"size", "nfiles"} & {key for section in PARAMS.values() for key in section}


def paths_of(kind: str) -> list[tuple[str, bool]]:
    """Each out of that kind in dvc.yaml, and whether DVC keeps it."""
    entries = [entry for stage in PIPELINE["stages"].values() for entry in stage.get(kind, [])]
    return [
        (e, True) if isinstance(e, str) else (next(iter(e)), next(iter(e.values())).get("cache", True)) for e in entries
    ]


def test_git_ignores_what_dvc_keeps_and_nothing_else() -> None:
    outs = paths_of("outs") + paths_of("metrics") + paths_of("plots")
    assert len(outs) > 12
    for path, kept in outs:
        ignored = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False).returncode == 0
        assert ignored == kept, path


def test_every_setting_says_what_it_means() -> None:
    for name, kind in CONFIG_SECTIONS.items():
        for key, field in kind.model_fields.items():
            assert field.description, f"{name}.{key}"


def test_stage_scripts_stay_short() -> None:
    for name in STAGES:
        assert len((ROOT / f"stages/{name}.py").read_text().splitlines()) <= 60, name
