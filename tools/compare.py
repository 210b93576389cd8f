"""Compare experiments: reports/comparison.html (films, figures, parameters), .md and .png.

    python -m tools.compare                        # trains the systems of tools/presets.py in DVC's queue
    python -m tools.compare --systems tutorial dcgan -S train.epochs=100
    python -m tools.compare --experiments NAME …   # any that `dvc exp show` lists

Every system is an experiment `compare-NAME` of the present commit: `dvc exp show` lists them, `dvc exp apply` takes
one.
"""

import argparse
import io
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from gan.images import save_png
from gan.io import write_text
from gan.plots.comparison import COLUMNS, ExperimentResult, comparison_figure, write_comparison
from tools.dvc_state import git
from tools.presets import SYSTEMS, switches

OUT = Path("reports/comparison.md")
POLL = 5.0  # seconds
PATIENCE, RESTARTS = 4, 3  # looks without any worker before another is started; how often, while nothing ends


def dvc(*arguments: str) -> str:
    """What a dvc command prints. Exits if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"compare: dvc {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ref_of(name: str) -> str:
    """The git ref of an experiment: of the present commit if there is one, else the newest; or an empty text."""
    refs = git("for-each-ref", "--sort=-committerdate", "--format=%(refname)", "refs/exps").split()
    named = [ref for ref in refs if ref.split("/")[-1] == name and len(ref.split("/")) == 5]
    return next(filter(_is_here, named), named[0] if named else "")


def _is_here(ref: str) -> bool:
    """Whether it is one of the present commit."""
    return "".join(ref.split("/")[2:4]) == git("rev-parse", "HEAD").strip()


def queue(systems: list[str], common: list[str]) -> None:
    """Put the systems into the queue, in the place of what was there under their names."""
    for system in systems:
        name = f"compare-{system}"
        if _is_here(ref_of(name)):
            dvc("exp", "remove", name)
        dvc("exp", "run", "--queue", "--name", name, *common, *switches(SYSTEMS[system]))
        print(f"compare: queued {name}", flush=True)


def wait(systems: list[str], jobs: int) -> None:
    """Work the queue off, and say what ends. Exits if no worker stays alive."""
    waiting, without, started = {f"compare-{system}" for system in systems}, 0, 0
    start(jobs)
    while waiting:
        time.sleep(POLL)
        status = dvc("queue", "status")
        for line in status.splitlines():
            name = next((name for name in waiting if name in line.split()), None)
            if name and ("Success" in line or "Failed" in line):
                waiting.remove(name)
                started = 0
                outcome = "done" if "Success" in line else f"failed, see `dvc queue logs {name}`"
                print(f"compare: {name}: {outcome}", flush=True)
        # A worker of DVC's dies of a message in the queue that is not yet written to its end.
        without = without + 1 if "0 active, 0 idle" in status else 0
        if waiting and without == PATIENCE:
            if started == RESTARTS:
                sys.exit(f"compare: workers end before {min(waiting)} does: see `dvc queue status`, `make doctor`")
            print("compare: DVC's worker has ended, starting another", flush=True)
            start(jobs)
            without, started = 0, started + 1


def start(jobs: int) -> None:
    """Start workers for the queue."""
    # The worker that it leaves behind would hold a pipe open until the whole queue is done.
    command = [sys.executable, "-m", "dvc", "queue", "start", "--jobs", str(jobs)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def experiment_of(name: str) -> ExperimentResult | None:
    """What an experiment has come to; None if there is none of this name that has ended well."""
    if not (ref := ref_of(name)):
        return None

    def shown(path: str) -> bytes:
        return subprocess.run(["git", "show", f"{ref}:{path}"], capture_output=True, check=True).stdout

    texts = shown("params.yaml"), git("show", "HEAD:params.yaml")
    config, base = (flat(yaml.safe_load(text)) for text in texts)
    logs = [sys.executable, "-m", "dvc", "queue", "logs", name]
    found = re.search(
        r"^train: ([\d.]+) s$", subprocess.run(logs, capture_output=True, text=True, check=False).stdout, re.MULTILINE
    )  # nothing where DVC had the training in its run-cache
    return ExperimentResult(
        name.removeprefix("compare-"),
        {key: value for key, value in config.items() if value != base.get(key)},
        yaml.safe_load(shown("reports/evaluation.json")) | ({"seconds": float(found[1])} if found else {}),
        config,
        *(Image.open(io.BytesIO(shown(f"reports/{file}"))) for file in ("grid.png", "training.gif")),
    )


def flat(params: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters by section and name."""
    return {f"{section}.{key}": value for section, keys in params.items() for key, value in keys.items()}


def table(experiments: list[ExperimentResult]) -> str:
    """The experiments as Markdown."""
    columns = {key: title for key, title in COLUMNS.items() if any(key in one.metrics for one in experiments)}
    common = {
        key: value
        for key, value in experiments[0].parameters.items()
        if all(one.parameters.get(key) == value for one in experiments)
    }
    lines = [f"| experiment | parameters | {' | '.join(columns.values())} |", "|" + "---|" * (len(columns) + 2)]
    for one in experiments:
        own = " ".join(f"`{key}={value}`" for key, value in one.parameters.items() if key not in common)
        cells = [f"{one.metrics[key]:.3g}" if key in one.metrics else "" for key in columns]
        lines.append(f"| {' | '.join([one.name, own, *cells])} |")
    config = ", ".join(f"`{key}={value}`" for key, value in common.items()) or "the parameters of the project"
    return f"""# Trainings compared

![Samples of each, with distance, coverage and seconds as bars](comparison.png)

Each trained and judged by the pipeline with {config} and what the table says; films and all differences are in
comparison.html. Distance and coverage: in the features of a classifier, against the test split (README, "Is it good,
has it collapsed, has it memorised?"); seconds: of the training, on the machine that made this table. One seed each.

""" + "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    parser.add_argument("-S", dest="common", action="append", help="a parameter for all of them", metavar="NAME=VALUE")
    parser.add_argument("--experiments", nargs="+", help="train nothing: compare these experiments", metavar="NAME")
    args = parser.parse_args()
    names = args.experiments or [f"compare-{system}" for system in args.systems]
    if not args.experiments:
        queue(args.systems, [part for value in args.common or ["train.epochs=40"] for part in ("-S", value)])
        wait(args.systems, args.jobs)
    found = {name: experiment_of(name) for name in names}
    experiments = [one for one in found.values() if one is not None]
    for name in (name for name, one in found.items() if one is None):
        print(f"compare: {name}: no such experiment that has ended well; left out", file=sys.stderr)
    if not experiments:
        sys.exit("compare: nothing to compare; `dvc exp show --all-commits` lists the experiments")
    save_png(comparison_figure(experiments), OUT.with_suffix(".png"))
    write_comparison(experiments, OUT.with_suffix(".html"))
    write_text(OUT, table(experiments))
    print(f"compare: {OUT}, .png and .html, of {len(experiments)} experiments")


if __name__ == "__main__":
    main()
