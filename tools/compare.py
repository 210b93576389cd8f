"""Compare experiments: write reports/comparison.html (animations, metrics, parameters), comparison.md and .png.

    python -m tools.compare                        # train presets of all systems in DVC's queue, then compare them
    python -m tools.compare --presets tutorial dcgan -S train.epochs=100
    python -m tools.compare --experiments NAME …   # train nothing; `dvc exp show` lists the names

Each preset becomes an experiment `compare-NAME` of the current commit. `dvc exp show` lists it; `dvc exp apply` puts
its results into the project.
"""

import argparse
import io
import re
import subprocess
import sys
import time
from pathlib import Path

import yaml
from PIL import Image

from gan.config import UserError
from gan.images import save_png
from gan.io import write_text
from gan.plots.comparison import COLUMNS, ExperimentResult, comparison_figure, write_comparison
from tools.dvc_doctor import git
from tools.presets import ORDER, PRESETS, dvc_set_args, flatten, load_preset

OUT = Path("reports/comparison.md")
DEFAULT_PRESETS = [name for name in ORDER if name not in ("better", "cyclegan-digits")]  # these need other datasets
DEFAULT_EPOCHS = 20
POLL_SECONDS = 5.0
MAX_IDLE_POLLS = 4  # polls without a worker before workers are started again
MAX_RESTARTS = 3  # without an experiment that ends in between


def dvc(*args: str) -> str:
    """Output of a dvc command. Exits if the command fails."""
    command = [sys.executable, "-m", "dvc", *args]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"compare: dvc {' '.join(args)}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def experiment_ref(name: str) -> str:
    """Git ref of an experiment: that of the current commit, else the newest of this name, else an empty string."""
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", f"refs/exps/*/*/{name}").split()
    return next(filter(is_current_commit, refs), refs[0] if refs else "")


def is_current_commit(ref: str) -> bool:
    """Whether the experiment of this ref was started from the current commit."""
    return "".join(ref.split("/")[2:4]) == git("rev-parse", "HEAD")


def enqueue(presets: list[str], common: list[str]) -> None:
    """Add one experiment per preset to DVC's queue; it replaces an earlier one of its name at the current commit.

    common: parameters of all experiments, as NAME=VALUE. They override those of a preset. Without any, presets that do
    not set train.epochs get DEFAULT_EPOCHS.
    """
    for preset in presets:
        name = f"compare-{preset}"
        parameters = load_preset(preset)
        set_args = dvc_set_args(parameters)
        if not common and "train.epochs" not in flatten(parameters):
            set_args += ["-S", f"train.epochs={DEFAULT_EPOCHS}"]
        set_args += [arg for parameter in common for arg in ("-S", parameter)]
        if is_current_commit(experiment_ref(name)):
            dvc("exp", "remove", name)
        dvc("exp", "run", "--queue", "--name", name, *set_args)
        print(f"compare: queued {name}", flush=True)


def wait_for_queue(presets: list[str], jobs: int) -> None:
    """Run the queue until the experiments of all presets have ended. Exits if DVC's workers keep ending before that."""
    pending = {f"compare-{preset}" for preset in presets}
    idle_polls = 0
    restarts = 0
    start_workers(jobs)
    while pending:
        time.sleep(POLL_SECONDS)
        status = dvc("queue", "status")
        for line in status.splitlines():
            name = next((name for name in pending if name in line.split()), None)
            if name and ("Success" in line or "Failed" in line):
                pending.remove(name)
                restarts = 0
                outcome = "done" if "Success" in line else f"failed, see `dvc queue logs {name}`"
                print(f"compare: {name}: {outcome}", flush=True)
        # DVC's worker ends if it reads a message of the queue that is only partly written.
        idle_polls = idle_polls + 1 if "0 active, 0 idle" in status else 0
        if pending and idle_polls == MAX_IDLE_POLLS:
            if restarts == MAX_RESTARTS:
                sys.exit(f"compare: workers end before {min(pending)} does: see `dvc queue status`, `make dvc-doctor`")
            print("compare: DVC's worker has ended, starting another one", flush=True)
            start_workers(jobs)
            idle_polls = 0
            restarts += 1


def start_workers(jobs: int) -> None:
    """Start DVC's workers for the queue, `jobs` experiments at a time."""
    command = [sys.executable, "-m", "dvc", "queue", "start", "--jobs", str(jobs)]
    # A pipe would stay open until the queue is empty, because the workers inherit it.
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def load_experiment(name: str) -> ExperimentResult | None:
    """Result of an experiment, or None, with a message, if no experiment of this name has succeeded."""
    ref = experiment_ref(name)
    if not ref:
        print(f"compare: {name}: no such experiment that succeeded; left out", file=sys.stderr)
        return None
    config = flatten(yaml.safe_load(git_show(f"{ref}:params.yaml")))
    base_config = flatten(yaml.safe_load(git_show("HEAD:params.yaml")))
    metrics = yaml.safe_load(git_show(f"{ref}:reports/evaluation.json"))
    # The log has no duration if DVC restored the training from its run-cache.
    log_command = [sys.executable, "-m", "dvc", "queue", "logs", name]
    log = subprocess.run(log_command, capture_output=True, text=True, check=False).stdout
    if match := re.search(r"^train: ([\d.]+) s$", log, re.MULTILINE):
        metrics["seconds"] = float(match[1])
    return ExperimentResult(
        name=name.removeprefix("compare-"),
        parameters={key: value for key, value in config.items() if value != base_config.get(key)},
        metrics=metrics,
        config=config,
        grid=Image.open(io.BytesIO(git_show(f"{ref}:reports/grid.png"))),
        gif=Image.open(io.BytesIO(git_show(f"{ref}:reports/training.gif"))),
    )


def git_show(path: str) -> bytes:
    """Content of a file in a git commit, `commit:path`."""
    return subprocess.run(["git", "show", path], capture_output=True, check=True).stdout


def to_markdown(experiments: list[ExperimentResult]) -> str:
    """The comparison as a Markdown page with one table."""
    columns = {key: title for key, title in COLUMNS.items() if any(key in e.metrics for e in experiments)}
    first = experiments[0].parameters
    common = {key: value for key, value in first.items() if all(e.parameters.get(key) == value for e in experiments)}
    rows = [f"| experiment | parameters | {' | '.join(columns.values())} |", "|" + "---|" * (len(columns) + 2)]
    for experiment in experiments:
        own = [f"`{key}={value}`" for key, value in experiment.parameters.items() if key not in common]
        metrics = [f"{experiment.metrics[key]:.3g}" if key in experiment.metrics else "" for key in columns]
        rows.append(f"| {' | '.join([experiment.name, ' '.join(own), *metrics])} |")
    base = ", ".join(["the parameters of params.yaml", *(f"`{key}={value}`" for key, value in common.items())])
    table = "\n".join(rows)
    return f"""# Comparison of experiments

![Samples, relative Fréchet distance, coverage and seconds of each experiment](comparison.png)

Each experiment used {base} and those in its row; comparison.html has the animations and all differences. Distance and
coverage compare samples with the test split in the features of a classifier ([docs/README.md](../docs/README.md)).
Seconds are those of the training on the machine that made this table. Each row is one training with one seed.

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=DEFAULT_PRESETS, metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, help="number of experiments that run at the same time")
    parser.add_argument("-S", dest="common", action="append", help="parameter of all experiments", metavar="NAME=VALUE")
    parser.add_argument("--experiments", nargs="+", help="compare these experiments, train nothing", metavar="NAME")
    args = parser.parse_args()
    names = args.experiments or [f"compare-{preset}" for preset in args.presets]
    if not args.experiments:
        try:
            enqueue(args.presets, args.common or [])
        except UserError as error:
            sys.exit(f"compare: {error}")
        wait_for_queue(args.presets, args.jobs)
    experiments = [experiment for name in names if (experiment := load_experiment(name))]
    if not experiments:
        sys.exit("compare: nothing to compare; `dvc exp show --all-commits` lists the experiments")
    save_png(comparison_figure(experiments), OUT.with_suffix(".png"))
    write_comparison(experiments, OUT.with_suffix(".html"))
    write_text(OUT, to_markdown(experiments))
    print(f"compare: {OUT}, .png and .html, of {len(experiments)} experiments")


if __name__ == "__main__":
    main()
