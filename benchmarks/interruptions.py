"""Does a training that is killed again and again end with the bytes of one that never was?

    python -m benchmarks.interruptions [--kills 20] [--seed 0] [--epochs 80]
    python -m benchmarks.interruptions --checkpoint-cost

The first trains a small game on the prepared pictures (so run `dvc repro prepare` before) in a temporary folder, and
again in another, where it sends the trainer SIGKILL at random moments of its start, its training, its writing of a
checkpoint and of the results, and starts it anew each time. It compares all results byte by byte and ends with status 1
if any differs. The second measures what the checkpoints of the default game cost.
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

import torch
import yaml

from gan.data.dataset import BatchLoader, ImageDataset
from gan.networks.config import ModelConfig
from gan.runtime import RuntimeConfig, select_device
from gan.training.checkpoint import CheckpointManager
from gan.training.config import TrainConfig
from gan.training.metrics_log import MetricsLog
from gan.training.trainer import GANTrainer

ROOT = Path(__file__).resolve().parents[1]
DATA = Path("data/prepared.safetensors")
# Small networks, so that most of the time goes to the many starts; a checkpoint every few dozen iterations.
SMALL: dict[str, dict[str, Any]] = {
    "model": {"generator_widths": [64, 128, 256], "discriminator_widths": [128]},
    "train": {"frame_every": 100},
    "runtime": {"checkpoint_seconds": 0.2},
}
RESULTS = {
    "models": "models/[!.]*.safetensors",  # pathlib's * would take hidden files too
    "snapshots": "models/snapshots/*",
    "frames": "reports/frames/*",
    "history": "reports/history.tsv",
    "metrics": "reports/metrics.json",
    "networks": "reports/networks.txt",
}
SAVES = 5


@dataclass(frozen=True)
class Moment:
    """A time to kill: up to `seconds` after the trainer wrote a file that matches `sign`, or, without, was started."""

    name: str
    sign: str | None
    seconds: float


STARTING = Moment("starting", None, 3.0)  # importing torch takes most of that
SAVING = Moment("saving", ".checkpoints/*/.step-*.partial.pt", 0.01)
FINISHING = Moment("finishing", "reports/history.tsv", 0.05)  # the first of the results that are written at the end


def training(seconds: float) -> Moment:
    """A moment up to so many seconds after the trainer's first frame, which a run that goes on copies."""
    return Moment("training", "reports/frames/*", seconds)


def plan(kills: int, seconds: float, chance: random.Random) -> list[Moment]:
    """Moments of every kind, shuffled, for a training of so many seconds; the last tenth of them are at its end."""
    last = -(-kills // 10)
    # A share of the whole each, so that it cannot end before its kills, however fast the machine is.
    kinds = [SAVING] * 3 + [STARTING] * 2 + [training(seconds / kills)] * 5
    before = (kinds * kills)[: kills - last]
    chance.shuffle(before)
    return before + [FINISHING] * last


@dataclass
class Toll:
    """What became of a training that was killed: kills that hit, by moment, and what the trainer said and left."""

    kills: Counter[str] = field(default_factory=Counter)
    resumed: int = 0  # starts that went on from a checkpoint
    torn: list[str] = field(default_factory=list)  # the partial files that the kills left
    strays: list[str] = field(default_factory=list)  # those still there at the end


def new_project(folder: Path, data: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Make a project that can train in `folder`: the code, the prepared pictures, params.yaml with `changes`."""
    for name in ("gan", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / DATA).parent.mkdir()
    shutil.copyfile(data, folder / DATA)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in changes.items():
        params[section].update(values)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


def train(folder: Path) -> str:
    """Train to the end; what the trainer printed."""
    with _trainer(folder) as process:
        return _output(process)


def train_under_fire(folder: Path, moments: list[Moment], chance: random.Random) -> Toll:
    """Train to the end, but kill the trainer at each of the moments and start it anew."""
    toll, before = Toll(), set(_partial(folder))
    for moment in moments:
        with _trainer(folder) as process:
            _wait(process, folder, moment, chance.uniform(0, moment.seconds))
            process.kill()  # does nothing if it has ended
            toll.resumed += "train: resumed at epoch" in _output(process)
            if process.returncode == 0:
                break
        after = set(_partial(folder))
        toll.kills[moment.name] += 1
        toll.torn += sorted(after - before)
        before = after
    else:
        toll.resumed += "train: resumed at epoch" in train(folder)
    toll.strays = _partial(folder)
    return toll


def results(folder: Path) -> dict[str, dict[str, bytes]]:
    """The files that a training makes, by kind and name."""
    return {kind: {path.name: path.read_bytes() for path in folder.glob(sign)} for kind, sign in RESULTS.items()}


@contextmanager
def _trainer(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The training stage as a process, as DVC starts it, which does not outlive the block."""
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
    """Wait for the end; raises RuntimeError unless the trainer was killed or ended well."""
    output, _ = process.communicate()
    if process.returncode not in (0, -9):
        raise RuntimeError(f"the trainer ended with status {process.returncode}:\n{output}")
    return output


def _wait(process: subprocess.Popen[str], folder: Path, moment: Moment, delay: float) -> None:
    """Return `delay` seconds after the moment's sign has come, or when the trainer has ended without it."""
    start = time.time()
    while moment.sign is not None and not _written(folder, moment.sign, start):
        if process.poll() is not None:
            return
        time.sleep(0.001)
    time.sleep(delay)


def _written(folder: Path, sign: str, since: float) -> bool:
    with suppress(FileNotFoundError):  # renamed or removed while being looked at
        return any(path.stat().st_mtime > since for path in folder.glob(sign))
    return False


def _partial(folder: Path) -> list[str]:
    """Files whose writer was killed before it could rename them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".*.partial*"))


def checkpoint_cost() -> None:
    """Print what one checkpoint of the default game costs, and which share of the time between two that is."""
    config, prepared, device = TrainConfig(), ImageDataset.load(DATA), select_device()
    game = GANTrainer(ModelConfig(), config, prepared.shape, device)
    batches = BatchLoader(prepared.train.images.to(device), config.batch_size, config.seed)
    history = MetricsLog(game.scalars, config.log_every, len(batches))
    history.add(game.step(next(batches.epoch(0))))  # the optimizers have their state from here on
    seconds = []
    home = ROOT / ".checkpoints"  # the disk that counts; /tmp may be memory
    home.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        checkpoints = CheckpointManager(Path(folder))
        for step in range(1, SAVES + 1):
            start = time.perf_counter()
            state = {"history": history.state_dict(), "game": game.state_dict(), "threads": torch.get_num_threads()}
            checkpoints.save(step, state)
            seconds.append(time.perf_counter() - start)
        megabytes = max(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
    cost, between = statistics.median(seconds), RuntimeConfig().checkpoint_seconds
    print(f"a checkpoint of the default game, {megabytes:.1f} MB, {device}: {cost:.3f} s ", end="")
    print(f"(median of {SAVES}, {min(seconds):.3f} … {max(seconds):.3f})")
    print(f"share of a training that saves one every {between:g} s: {cost / between:.2%}")


def compare(kills: int, seed: int, epochs: int) -> bool:
    """Train with and without kills and print what came of it; whether all went as it should."""
    changes = SMALL | {"train": SMALL["train"] | {"epochs": epochs}}
    with tempfile.TemporaryDirectory() as temporary:
        whole, killed = Path(temporary, "whole"), Path(temporary, "killed")
        for folder in (whole, killed):
            new_project(folder, DATA, changes)
        train(whole)
        seconds: float = json.loads((whole / "reports/timings/train.json").read_text())["seconds"]
        print(f"{epochs} epochs, {seconds:.1f} s of training without a stop; seed {seed}", flush=True)
        chance = random.Random(seed)
        toll = train_under_fire(killed, plan(kills, seconds, chance), chance)
        expected, found = results(whole), results(killed)

    hit, places = toll.kills.total(), Counter(name.split("/")[0] for name in toll.torn)
    print(f"kills of a living trainer: {hit} ({_counts(toll.kills)})")
    print(f"starts that went on from a checkpoint: {toll.resumed} of {hit}")
    print(f"partial files that the kills left: {len(toll.torn)} ({_counts(places)})")
    print(" ".join([f"partial files still there at the end: {len(toll.strays)}", *toll.strays]))
    for kind, files in expected.items():
        same = bool(files) and files == found[kind]
        print(f"{kind} identical: {'yes' if same else 'no'} ({len(files)} files)")
    if hit < kills:
        print(f"the training ended before {kills - hit} of its kills: give it more --epochs")
    return hit == kills and all(expected.values()) and expected == found


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--checkpoint-cost", action="store_true", help="measure what a checkpoint costs instead")
    args = parser.parse_args()
    if args.checkpoint_cost:
        checkpoint_cost()
    elif not compare(args.kills, args.seed, args.epochs):
        sys.exit(1)


if __name__ == "__main__":
    main()
