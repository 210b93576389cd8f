"""One training in several processes, and several trainings in one folder."""

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from gan.io import load_safetensors
from tests.conftest import Project, signal_group, wait_until
from tests.pipeline.test_determinism import num_frames, results

# 1,437 images: the last batch has 29, so shards of 15 and 14. One hidden layer, so no BatchNorm, whose statistics each
# process computes from its own shard.
NO_BATCHNORM = {"model__generator_widths": [16]}


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Copies of the weights of all models of a project."""
    paths = sorted((path / "models").glob("*.safetensors"))
    assert len(paths) == 3
    return {f"{path.name} {key}": value.clone() for path in paths for key, value in load_safetensors(path).items()}


def load_history(path: Path) -> torch.Tensor:
    lines = (path / "reports/history.tsv").read_text().splitlines()[1:]
    return torch.tensor([[float(cell) for cell in line.split("\t")] for line in lines])


def train(project: Project) -> str:
    """Run the stage as a process. Returns its output."""
    result = project.python("-m", "stages.train")
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_two_processes_train_the_same_weights_as_one(make_prepared: Callable[..., Project]) -> None:
    project = make_prepared(**NO_BATCHNORM)
    train(project)
    weights = load_weights(project.path)
    history = load_history(project.path)
    project.set(runtime__processes=2)
    train(project)
    torch.testing.assert_close(load_weights(project.path), weights, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(load_history(project.path), history, atol=1e-4, rtol=1e-3)


def test_two_processes_resume_exactly_and_two_machines_give_the_same_bytes(
    make_prepared: Callable[..., Project],
) -> None:
    """The machines are two agents of torchrun, each with a folder of its own, that connect to a port."""
    projects = [
        make_prepared(name, runtime__processes=2, train__epochs=6) for name in ("uninterrupted", "stopped", "0", "1")
    ]
    uninterrupted, stopped, *nodes = projects
    train(uninterrupted)

    with stopped.running("python", "-m", "stages.train") as process:
        wait_until(lambda: num_frames(stopped) > 4, process)
        signal_group(process, signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert not list(stopped.path.glob("models/*.safetensors"))
    assert "train: resumed at epoch" in train(stopped)
    assert results(stopped) == results(uninterrupted)

    with socket.socket() as free_socket:
        free_socket.bind(("127.0.0.1", 0))
        port = free_socket.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
    torchrun += ["--master-addr=127.0.0.1", f"--master-port={port}"]
    commands = [[*torchrun, f"--node-rank={rank}", "-m", "stages.train"] for rank in (0, 1)]
    with nodes[0].running(*commands[0]) as first, nodes[1].running(*commands[1]) as second:
        for process in (first, second):
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output
    assert results(nodes[0]) == results(uninterrupted)
    assert not list(nodes[1].path.glob("models/*.safetensors"))  # the main process writes


def test_a_second_training_in_the_same_folder_is_refused(make_prepared: Callable[..., Project]) -> None:
    project = make_prepared(train__epochs=100_000)
    with project.running("python", "-m", "stages.train") as process:
        wait_until(lambda: num_frames(project) > 1, process)
        for num_processes in (1, 2):
            project.set(train__lr=0.01, runtime__processes=num_processes)
            result = project.python("-m", "stages.train")
            assert result.returncode == 1
            assert f"process {process.pid} is training in this folder" in result.stderr
            assert "Traceback" not in result.stderr


def test_an_error_in_several_processes_is_printed_and_ends_them(make_project: Callable[..., Project]) -> None:
    result = make_project(runtime__processes=2).python("-m", "stages.train")
    assert result.returncode == 1
    assert "train: data/prepared.safetensors: no such file" in result.stderr
    assert "Traceback" not in result.stderr
