"""Check that a training run that is killed many times ends with the same bytes as an uninterrupted run.

    python -m tests.stress.interruptions [--kills 20] [--seed 0] [--epochs 80]
    python -m tests.stress.interruptions --checkpoint-cost

Needs data/prepared.safetensors (`dvc repro prepare`). The first command trains small networks in a temporary project.
It then trains them in a second project and sends SIGKILL to the trainer at random moments: while it starts, trains,
writes a checkpoint or writes its results. After each kill it starts the trainer again. It compares all results byte by
byte and exits with status 1 if any differs. The second command measures the time that one checkpoint takes with the
default networks. pytest does not collect this file; tests/pipeline/test_interruptions.py is the short version.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gan.data.dataset import BatchLoader, ImageDataset
from gan.networks.config import ModelConfig
from gan.runtime import RuntimeConfig, select_device
from gan.training.checkpoint import CheckpointManager
from gan.training.config import TrainConfig
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import GANTrainer

ROOT = Path(__file__).resolve().parents[2]
DATA = Path("data/prepared.safetensors")
RESUME_MESSAGE = "train: resumed at epoch"
# Small networks, so that most of the time goes to the many starts; a checkpoint every few dozen iterations.
SMALL_CONFIG: dict[str, dict[str, Any]] = {
    "model": {"generator_widths": [64, 128, 256], "discriminator_widths": [128]},
    "train": {"frame_every": 100},
    "runtime": {"checkpoint_seconds": 0.2},
}
RESULT_GLOBS = {
    "models": "models/[!.]*.safetensors",  # pathlib's * also matches hidden files
    "snapshots": "models/snapshots/*",
    "frames": "reports/frames/*",
    "history": "reports/history.tsv",
    "metrics": "reports/metrics.json",
    "networks": "reports/networks.txt",
}
NUM_SAVES = 5  # checkpoints that are timed


@dataclass(frozen=True)
class KillPoint:
    """When to kill the trainer: at most `max_delay` seconds after it wrote a file that matches `trigger_glob`.

    trigger_glob: None counts the delay from the start of the process.
    """

    name: str
    trigger_glob: str | None
    max_delay: float


STARTING = KillPoint("starting", None, 3.0)  # importing torch takes most of this time
SAVING = KillPoint("saving", ".checkpoints/*/.step-*.partial.pt", 0.01)
FINISHING = KillPoint("finishing", "reports/history.tsv", 0.05)  # the first result that is written at the end


def kill_schedule(num_kills: int, run_seconds: float, rng: random.Random) -> list[KillPoint]:
    """Shuffled kill points of every kind for a run of `run_seconds`. The last tenth of them are at its end."""
    num_finishing = -(-num_kills // 10)
    # A resumed run copies its earlier frames first, which is the trigger. Each kill in training takes at most its
    # fraction of the run, so the run cannot end before its last kill.
    training = KillPoint("training", "reports/frames/*", run_seconds / num_kills)
    kinds = [SAVING] * 3 + [STARTING] * 2 + [training] * 5
    schedule = (kinds * num_kills)[: num_kills - num_finishing]
    rng.shuffle(schedule)
    return schedule + [FINISHING] * num_finishing


@dataclass
class KillReport:
    """Result of a run with kills.

    kills: kills that hit a running trainer, by the name of the kill point. num_resumed: starts that resumed from a
    checkpoint. partial_files: temporary files left by the kills. leftover_files: those that still exist at the end.
    """

    kills: Counter[str] = field(default_factory=Counter)
    num_resumed: int = 0
    partial_files: list[str] = field(default_factory=list)
    leftover_files: list[str] = field(default_factory=list)


def make_project(folder: Path, data: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Create a project in `folder` that can train: the code, the prepared dataset, and params.yaml with `changes`."""
    for name in ("gan", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / DATA).parent.mkdir()
    shutil.copyfile(data, folder / DATA)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        params[section].update(values)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def train(folder: Path) -> str:
    """Train to the end. Return the output of the trainer."""
    with _trainer(folder) as process:
        return _output(process)


def train_with_kills(folder: Path, schedule: list[KillPoint], rng: random.Random) -> KillReport:
    """Train to the end, but kill the trainer at each kill point and start it again."""
    report = KillReport()
    earlier_partial = set(_partial_files(folder))
    for point in schedule:
        with _trainer(folder) as process:
            _wait(process, folder, point, rng.uniform(0, point.max_delay))
            process.kill()  # has no effect if the process has ended
            report.num_resumed += RESUME_MESSAGE in _output(process)
            if process.returncode == 0:
                break
        partial = set(_partial_files(folder))
        report.kills[point.name] += 1
        report.partial_files += sorted(partial - earlier_partial)
        earlier_partial = partial
    else:
        report.num_resumed += RESUME_MESSAGE in train(folder)
    report.leftover_files = _partial_files(folder)
    return report


def results(folder: Path) -> dict[str, dict[str, bytes]]:
    """Contents of the files that a training run writes, by kind and name."""
    return {kind: {path.name: path.read_bytes() for path in folder.glob(glob)} for kind, glob in RESULT_GLOBS.items()}


@contextmanager
def _trainer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start the train stage as DVC starts it. The process is killed at the end of the block."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DVC_")}
    with subprocess.Popen(
        [sys.executable, "-m", "stages.train"],
        cwd=folder,
        env=environment | {"DVC_ROOT": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _output(process: subprocess.Popen[str]) -> str:
    """Wait for the end of the process. Raise RuntimeError unless it succeeded or was killed."""
    output, _ = process.communicate()
    if process.returncode not in (0, -9):
        raise RuntimeError(f"the trainer ended with status {process.returncode}:\n{output}")
    return output


def _wait(process: subprocess.Popen[str], folder: Path, point: KillPoint, delay: float) -> None:
    """Return `delay` seconds after the trigger of the kill point, or when the process has ended without it."""
    start = time.time()
    while point.trigger_glob is not None and not _is_written(folder, point.trigger_glob, start):
        if process.poll() is not None:
            return
        time.sleep(0.001)
    time.sleep(delay)


def _is_written(folder: Path, glob: str, since: float) -> bool:
    """Whether a file that matches `glob` was written after the time `since`."""
    with suppress(FileNotFoundError):  # a file may be renamed or removed meanwhile
        return any(path.stat().st_mtime > since for path in folder.glob(glob))
    return False


def _partial_files(folder: Path) -> list[str]:
    """Temporary files whose writer was killed before it could rename them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*.partial*"))


def measure_checkpoint_cost() -> None:
    """Print the time of one checkpoint of the default networks, and its fraction of the checkpoint interval."""
    config = TrainConfig()
    dataset = ImageDataset.load(DATA)
    device = select_device()
    trainer = GANTrainer(ModelConfig(), config, dataset.shape, device)
    loader = BatchLoader(dataset.train.images.to(device), config.batch_size, config.seed)
    log = MetricsLog(trainer.metric_names, config.log_every, len(loader))
    log.update(trainer.step(next(loader.epoch(0))))  # the optimizers have no state before the first step
    parent = ROOT / ".checkpoints"  # /tmp may be memory instead of a disk
    parent.mkdir(exist_ok=True)
    seconds = []
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        checkpoints = CheckpointManager(Path(folder))
        for step in range(1, NUM_SAVES + 1):
            start = time.perf_counter()
            checkpoints.save(step, {"trainer": trainer.state_dict(), "metrics_log": log.state_dict()})
            seconds.append(time.perf_counter() - start)
        megabytes = max(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    cost = statistics.median(seconds)
    interval = RuntimeConfig().checkpoint_seconds
    print(f"one checkpoint of the default networks, {megabytes:.1f} MB, {device}: {cost:.3f} s ", end="")
    print(f"(median of {NUM_SAVES}, {min(seconds):.3f} … {max(seconds):.3f})")
    print(f"fraction of the time at one checkpoint every {interval:g} s: {cost / interval:.2%}")


def compare(num_kills: int, seed: int, epochs: int) -> bool:
    """Train without and with kills and print the result. Return whether all kills hit and all results are equal."""
    changes = SMALL_CONFIG | {"train": SMALL_CONFIG["train"] | {"epochs": epochs}}
    with tempfile.TemporaryDirectory() as temporary:
        uninterrupted = Path(temporary, "uninterrupted")
        killed = Path(temporary, "killed")
        for folder in (uninterrupted, killed):
            make_project(folder, DATA, changes)
        train(uninterrupted)
        timings = json.loads((uninterrupted / "reports/timings/train.json").read_text())
        print(f"{epochs} epochs, {timings['seconds']:.1f} s of training without kills; seed {seed}", flush=True)
        rng = random.Random(seed)
        report = train_with_kills(killed, kill_schedule(num_kills, timings["seconds"], rng), rng)
        expected = results(uninterrupted)
        actual = results(killed)

    hits = report.kills.total()
    folders = Counter(name.split("/")[0] for name in report.partial_files)
    print(f"kills of a running trainer: {hits} ({_format_counts(report.kills)})")
    print(f"starts that resumed from a checkpoint: {report.num_resumed} of {hits}")
    print(f"partial files left by the kills: {len(report.partial_files)} ({_format_counts(folders)})")
    print(f"partial files at the end: {len(report.leftover_files)}", *report.leftover_files)
    for kind, files in expected.items():
        identical = bool(files) and files == actual[kind]
        print(f"{kind} identical: {'yes' if identical else 'no'} ({len(files)} files)")
    if hits < num_kills:
        print(f"the training ended before {num_kills - hits} of its kills; raise --epochs")
    return hits == num_kills and all(expected.values()) and expected == actual


def _format_counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counter.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="seed of the kill points")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--checkpoint-cost", action="store_true", help="measure the time of a checkpoint instead")
    args = parser.parse_args()
    if args.checkpoint_cost:
        measure_checkpoint_cost()
    elif not compare(args.kills, args.seed, args.epochs):
        sys.exit(1)


if __name__ == "__main__":
    main()
