"""Test projects: copies of this project in temporary git repositories, with networks that train in a second."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

# Two test processes run on two cores, so PyTorch uses one thread in each. Set before anything imports it.
os.environ["OMP_NUM_THREADS"] = "1"

# No deadline: the first example may import a library, which takes seconds.
settings.register_profile("project", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("project")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ROOT = Path(__file__).resolve().parents[1]
STAGES = ["download", "prepare", "train", "classifier", "sample", "evaluate", "animate", "report"]
# Parameters of a pipeline that runs in seconds.
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


@dataclass
class Project:
    """A copy of this project in a git repository of its own."""

    path: Path

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project. The caller checks its exit status and output."""
        return subprocess.run(
            args, cwd=self.path, env=self.environment(), capture_output=True, text=True, timeout=300, check=False
        )

    def python(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run Python in the project. The caller checks its exit status and output."""
        return self.command(sys.executable, *args)

    def run_stages(self, *stages: str) -> str:
        """Run stages one after another in one process, without DVC. Returns their output."""
        calls = [f"import stages.{stage}; stages.{stage}.main()" for stage in stages]
        result = self.python("-c", "\n".join(calls))
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def dvc(self, *args: str, status: int = 0) -> str:
        """Run DVC and check its exit status. Returns its output."""
        result = self.python("-m", "dvc", *args)
        output = result.stdout + result.stderr
        assert result.returncode == status, f"dvc {' '.join(args)}: {result.returncode}\n{output}"
        return output

    def repro(self, *args: str) -> list[str]:
        """Run `dvc repro`. Returns the stages that ran; those that DVC restored from its run-cache did not."""
        return ran_stages(self.dvc("repro", *args))

    def git(self, *args: str) -> str:
        """Run git. Returns its output."""
        result = self.command("git", *args)
        assert result.returncode == 0, result.stderr
        return result.stdout

    @contextmanager
    def running(self, *args: str) -> Iterator[subprocess.Popen[str]]:
        """Start a command in a process group of its own, which is killed at the end of the block."""
        process = subprocess.Popen(
            args,
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
        """The environment of the tests without DVC's variables. The stages' `python` is the one that runs the tests."""
        variables = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
        return variables | {
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
        set_parameters(self.path / "params.yaml", **changes)

    def commit(self, message: str) -> None:
        """Commit all files."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)


def ran_stages(output: str) -> list[str]:
    """Names of the stages that ran, in the output of DVC."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def set_parameters(path: Path, **changes: Any) -> None:
    """Change values in a params.yaml: set_parameters(path, train__epochs=3)."""
    params = yaml.safe_load(path.read_text())
    for name, value in changes.items():
        section, key = name.split("__")
        params[section][key] = value
    path.write_text(yaml.safe_dump(params, sort_keys=False))


def tiny_parameters() -> dict[str, Any]:
    """TINY as arguments of `set_parameters`."""
    return {f"{section}__{key}": value for section, values in TINY.items() for key, value in values.items()}


def tracked_files() -> list[str]:
    """Files of this project that git tracks or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in output.splitlines() if (ROOT / name).is_file()]


def create_project(path: Path) -> Project:
    """Copy this project, without results and with TINY parameters, and commit it."""
    for name in tracked_files():
        if name == "dvc.lock" or (name.startswith("reports/") and not name.endswith(".gitignore")):
            continue
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    project = Project(path)
    project.set(**tiny_parameters())
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("tiny")
    return project


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Function that creates a project of that name in tmp_path with changed parameters. Nothing has run in it."""

    def make(name: str = "project", **changes: Any) -> Project:
        project = create_project(tmp_path / name)
        project.set(**changes)
        return project

    return make


@pytest.fixture(scope="session")
def prepared_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared.safetensors with the digits of scikit-learn, 8×8 pixels. Read-only."""
    from gan.data.config import DataConfig, PrepareConfig
    from gan.data.download import download
    from gan.data.prepare import prepare
    from gan.data.raw_dataset import decode

    folder = tmp_path_factory.mktemp("digits")
    raw = folder / "raw"
    images = folder / "images"
    out = folder / "prepared.safetensors"
    download(DataConfig(dataset="digits"), raw, images=images, project_root=folder, cache=folder / "cache")
    assert prepare(decode(raw, images), PrepareConfig(image_size=8), out) == []
    return out


@pytest.fixture
def make_prepared(make_project: Callable[..., Project], prepared_digits: Path) -> Callable[..., Project]:
    """Like `make_project`, with the data prepared, so that `python -m stages.train` can run."""

    def make(name: str = "project", **changes: Any) -> Project:
        project = make_project(name, **changes)
        shutil.copyfile(prepared_digits, project.path / "data/prepared.safetensors")
        return project

    return make


@pytest.fixture(scope="session")
def finished_session(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the whole pipeline has run, committed. Tests copy it or only read it."""
    project = create_project(tmp_path_factory.mktemp("finished") / "project")
    assert project.repro() == STAGES
    project.commit("ran")
    return project


@pytest.fixture
def finished(finished_session: Project, tmp_path: Path) -> Project:
    """A copy of the finished project for one test."""
    shutil.copytree(finished_session.path, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 60) -> None:
    """Wait until a condition holds. Fails if the process ends before, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline, "timeout"
        time.sleep(0.05)


def signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal to the process group of a process, as a terminal does."""
    os.killpg(process.pid, number)


@contextmanager
def float64_default() -> Iterator[None]:
    """Make float64 the default dtype of PyTorch inside the block."""
    import torch

    previous_dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(previous_dtype)
