"""dvc.yaml declares exactly what the stages read."""

import ast
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stages.report import CONFIG_SECTIONS
from tests.conftest import STAGES, tracked_files
from tests.import_closure import ROOT, import_closure, template_closure

PIPELINE: dict[str, Any] = yaml.safe_load((ROOT / "dvc.yaml").read_text())
PARAMS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "params.yaml").read_text())
CODE_FOLDERS = ("gan", "stages", "tools", "tests", "benchmarks")


def source_closure(stage: str, root: Path = ROOT) -> set[str]:
    """Code and templates that a stage reads."""
    modules = import_closure(f"stages.{stage}", root)
    return modules | template_closure(modules, root)


def check_dependencies(deps: list[str], closure: set[str], files: list[str]) -> tuple[set[str], set[str]]:
    """Compare a stage's declared dependencies with its closure; a folder stands for all its files in `files`.

    Returns the files that are read but not declared, and those that are declared but not read.
    """
    code = {dep for dep in deps if dep.split("/")[0] in CODE_FOLDERS}
    declared = {file for file in files for dep in code if file == dep or file.startswith(f"{dep}/")}
    no_files = {dep for dep in code if not any(file == dep or file.startswith(f"{dep}/") for file in files)}
    without_code = {file for file in declared if file.endswith("/__init__.py") and file not in closure}
    return closure - declared, declared - closure - without_code | no_files


@pytest.fixture(scope="module")
def files() -> list[str]:
    return tracked_files()


def test_every_stage_is_tested() -> None:
    assert set(PIPELINE["stages"]) == set(STAGES) == {path.stem for path in ROOT.glob("stages/[a-z]*.py")}


@pytest.mark.parametrize("stage", STAGES)
def test_declared_code_is_the_closure(stage: str, files: list[str]) -> None:
    deps = PIPELINE["stages"][stage]["deps"]
    assert check_dependencies(deps, source_closure(stage), files) == (set(), set())


def test_folders_and_files_are_compared_with_the_closure() -> None:
    files = ["gan/a/__init__.py", "gan/a/x.py", "gan/a/y.py", "gan/b/__init__.py", "gan/b/z.py"]
    closure = {"gan/a/x.py", "gan/a/y.py", "gan/b/z.py"}
    assert check_dependencies(["data/raw", "gan/a", "gan/b/z.py"], closure, files) == (set(), set())
    assert check_dependencies(["gan/a"], closure, files) == ({"gan/b/z.py"}, set())
    assert check_dependencies(["gan/a", "gan/b"], closure - {"gan/a/y.py"}, files) == (set(), {"gan/a/y.py"})
    assert check_dependencies(["gan/a", "gan/b", "gan/c"], closure, files) == (set(), {"gan/c"})
    assert check_dependencies(["gan/a/x.py", "gan/b/z.py"], closure, files) == ({"gan/a/y.py"}, set())
    with_init = closure | {"gan/b/__init__.py"}  # it has code
    assert check_dependencies(["gan/a", "gan/b/z.py"], with_init, files) == ({"gan/b/__init__.py"}, set())


def test_a_new_import_or_template_extends_the_closure(tmp_path: Path) -> None:
    for folder in ("gan", "stages"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    closure = source_closure("train", tmp_path)
    (tmp_path / "gan/new.py").write_text('TEMPLATE = "new.j2"\n')
    (tmp_path / "gan/plots/new.j2").write_text('{% include "style.css.j2" %}')
    path = tmp_path / "gan/training/loop.py"
    path.write_text(path.read_text() + "\n\ndef later() -> None:\n    from gan import new\n")
    new_files = {"gan/new.py", "gan/plots/new.j2", "gan/plots/style.css.j2"}
    assert source_closure("train", tmp_path) == closure | new_files
    (tmp_path / "gan/__init__.py").write_text('"""A docstring."""\nimport gan.io\n')
    assert source_closure("train", tmp_path) == closure | new_files | {"gan/__init__.py"}


def test_code_of_the_animation_is_read_by_animate_only() -> None:
    readers = {stage for stage in STAGES if "gan/plots/animation.py" in source_closure(stage)}
    assert readers == {"animate"}


@pytest.mark.parametrize("stage", STAGES)
def test_declared_parameters_are_the_sections_that_a_stage_reads(stage: str) -> None:
    """A stage calls `load_section` with a constant; the report reads all of CONFIG_SECTIONS."""
    tree = ast.parse((ROOT / f"stages/{stage}.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "load_section"]
    sections = {name.value for name in names if isinstance(name, ast.Constant)}
    assert sections
    if stage == "report":
        sections |= set(CONFIG_SECTIONS)
    assert sections - {"runtime"} == set(PIPELINE["stages"][stage]["params"])


def test_params_yaml_has_every_parameter_with_its_default() -> None:
    assert set(PARAMS) == set(CONFIG_SECTIONS)
    for section, config in CONFIG_SECTIONS.items():
        assert config.parse(section, PARAMS[section]) == config(), section
        assert set(PARAMS[section]) == set(config.model_fields), section


def test_no_parameter_has_a_name_that_dvc_drops_from_its_run_cache() -> None:
    assert not {"size", "nfiles"} & {key for section in PARAMS.values() for key in section}


def test_every_parameter_has_a_description() -> None:
    for section, config in CONFIG_SECTIONS.items():
        for key, field in config.model_fields.items():
            assert field.description, f"{section}.{key}"


def outputs(kind: str) -> list[tuple[str, bool]]:
    """Path of each output of a kind, and whether DVC caches it."""
    entries = [entry for stage in PIPELINE["stages"].values() for entry in stage.get(kind, [])]
    paths_and_options = [(entry, {}) if isinstance(entry, str) else next(iter(entry.items())) for entry in entries]
    return [(path, options.get("cache", True)) for path, options in paths_and_options]


def test_git_ignores_the_outputs_that_dvc_caches_and_no_others() -> None:
    paths = outputs("outs") + outputs("metrics") + outputs("plots")
    assert len(paths) > 20
    for path, cached in paths:
        result = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT, check=False)
        assert (result.returncode == 0) == cached, path
