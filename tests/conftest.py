"""Whole projects in temporary git repositories, small enough to train in a second or two."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

# Two test processes on two cores: PyTorch is to use one thread in each (before anything imports it).
os.environ["OMP_NUM_THREADS"] = "1"

# A first example may import a library for a second: that is no failure.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Path(__file__).resolve().parents[1]
TINY: dict[str, dict[str, Any]] = {
    "data": {"dataset": "digits"},
    "prepare": {"image_size": 8},
    "model": {"latent_dim": 8, "generator_widths": [16, 32], "discriminator_widths": [16]},
    "train": {"epochs": 2, "lr": 1e-3, "frame_every": 10, "log_every": 5, "ema": 0.9},
    "sample": {"grid_rows": 2, "grid_columns": 3, "interpolations": 2, "interpolation_steps": 3},
    "classifier": {"epochs": 1},
    "evaluate": {"samples": 100, "repeats": 2},
    "runtime": {"threads": 1, "device": "cpu"},
}
STAGES = ["download", "prepare", "train", "classifier", "sample", "evaluate", "animate", "report"]


@dataclass
class Project:
    """A copy of this project in a git repository of its own."""

    path: Path

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project; its output is checked by whoever calls."""
        return subprocess.run(
            arguments, cwd=self.path, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.command(sys.executable, *arguments)

    def dvc(self, *arguments: str, status: int = 0) -> str:
        """Run DVC, check its exit status, return all that it printed."""
        done = self.python("-m", "dvc", *arguments)
        assert done.returncode == status, f"dvc {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def git(self, *arguments: str) -> str:
        done = self.command("git", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command in a process group of its own, which does not outlive the block."""
        process = subprocess.Popen(
            arguments,
            cwd=self.path,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def environment(self) -> dict[str, str]:
        # The stages' `python` is the one that runs these tests; and no DVC around the tests is theirs.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_AUTHOR_NAME": "t",
            "GIT_AUTHOR_EMAIL": "t@example.org",
            "GIT_COMMITTER_NAME": "t",
            "GIT_COMMITTER_EMAIL": "t@example.org",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def set(self, **changes: Any) -> None:
        """Change parameters: set(train__epochs=3)."""
        path = self.path / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            section, name = key.split("__")
            params[section][name] = value
        path.write_text(yaml.safe_dump(params, sort_keys=False))

    def repro(self, *arguments: str) -> list[str]:
        """Run `dvc repro`; the names of the stages that really ran."""
        lines = self.dvc("repro", *arguments).splitlines()
        return [line.split("'")[1] for line in lines if line.startswith("Running stage")]


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[str], Project]:
    """Makes a project with tiny parameters in tmp_path/NAME; nothing has run in it."""

    def make(name: str = "project") -> Project:
        return _new(tmp_path / name)

    return make


def _new(path: Path) -> Project:
    for name in _tracked():
        if name == "dvc.lock" or (name.startswith("reports/") and not name.endswith(".gitignore")):
            continue
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    project = Project(path)
    project.set(**{f"{section}__{key}": value for section, keys in TINY.items() for key, value in keys.items()})
    project.git("init", "--quiet", "--initial-branch=main")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message=tiny")
    return project


@pytest.fixture(scope="session")
def _finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = _new(tmp_path_factory.mktemp("finished") / "project")
    assert project.repro() == STAGES
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message=ran")
    return project


@pytest.fixture
def finished(_finished: Project, tmp_path: Path) -> Project:
    """A project of one's own in which everything has run and is committed."""
    shutil.copytree(_finished.path, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to the whole process group, as a terminal does."""
    os.killpg(process.pid, number)


@contextmanager
def float64_default() -> Iterator[None]:
    """Networks, noise and products in double precision."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
