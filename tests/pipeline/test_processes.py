"""One training in several processes, and several trainings on one machine."""

import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gan.io import load_safetensors
from tests.conftest import Project, stop
from tests.pipeline.test_determinism import results, wait_for

# 1,437 pictures: a last batch of 29, so parts of 15 and 14. No BatchNorm, whose statistics each process has for itself.
PLAIN = {"model__generator_widths": [16]}


@pytest.fixture
def prepared(make_project: Callable[[str], Project], finished: Project) -> Callable[..., Project]:
    """Makes a project with these changes and its pictures prepared."""

    def make(name: str, **changes: object) -> Project:
        project = make_project(name)
        project.set(**changes)
        shutil.copyfile(finished.path / "data/prepared.safetensors", project.path / "data/prepared.safetensors")
        return project

    return make


def trained(project: Project) -> dict[str, torch.Tensor]:
    """The weights after training."""
    done = project.python("-m", "stages.train")
    assert done.returncode == 0, done.stderr
    return weights(project.path)


def weights(path: Path) -> dict[str, torch.Tensor]:
    paths = sorted((path / "models").glob("*.safetensors"))
    assert len(paths) == 3
    return {f"{path.name} {name}": tensor for path in paths for name, tensor in load_safetensors(path).items()}


def test_two_processes_train_what_one_does(prepared: Callable[..., Project]) -> None:
    project = prepared("two", **PLAIN)
    one = {name: tensor.clone() for name, tensor in trained(project).items()}
    history = (project.path / "reports/history.tsv").read_text().splitlines()
    project.set(runtime__processes=2)
    two = trained(project)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=2e-4, rtol=1e-3, msg=name)
    shared = (project.path / "reports/history.tsv").read_text().splitlines()
    for mine, theirs in zip(history[1:], shared[1:], strict=True):
        a, b = (torch.tensor([float(x) for x in line.split("\t")]) for line in (mine, theirs))
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


def test_two_machines_train_what_two_processes_do(prepared: Callable[..., Project]) -> None:
    """Two agents of torchrun's, each with a folder of its own, meet at a port."""
    together, *nodes = [prepared(name, runtime__processes=2, train__epochs=1) for name in ("together", "0", "1")]
    trained(together)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    commands = [[*torchrun, f"--node-rank={rank}", "-m", "stages.train"] for rank in (0, 1)]
    with nodes[0].running(*commands[0]) as first, nodes[1].running(*commands[1]) as second:
        for process in (first, second):
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
    assert results(nodes[0]) == results(together)
    assert not list((nodes[1].path / "models").glob("*.safetensors"))  # the first process writes


def test_two_processes_that_are_stopped_go_on_exactly(prepared: Callable[..., Project]) -> None:
    whole, stopped = (prepared(name, runtime__processes=2, train__epochs=10) for name in ("whole", "stopped"))
    trained(whole)
    with stopped.running("python", "-m", "stages.train") as process:
        wait_for(lambda: len(list(stopped.path.glob("reports/frames/*"))) > 4)
        stop(process, signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not list(stopped.path.glob("models/*.safetensors"))
    done = stopped.python("-m", "stages.train")
    assert done.returncode == 0 and "train: resumed at epoch" in done.stdout, done.stderr
    assert results(stopped) == results(whole)


def test_a_second_training_in_several_processes_is_refused_in_a_line(prepared: Callable[..., Project]) -> None:
    project = prepared("refused", train__epochs=100_000)
    with project.running("python", "-m", "stages.train"):
        wait_for(lambda: len(list(project.path.glob("reports/frames/*"))) > 1)
        project.set(runtime__processes=2)
        done = project.python("-m", "stages.train")
    assert done.returncode == 1
    assert "is training in this folder; wait for it" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_in_several_processes_is_told_and_ends_them(make_project: Callable[[str], Project]) -> None:
    project = make_project("project")
    project.set(runtime__processes=2)
    done = project.python("-m", "stages.train")
    assert done.returncode == 1
    assert "train: data/prepared.safetensors: no such file" in done.stderr
    assert "Traceback" not in done.stderr
