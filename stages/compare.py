"""Train several systems in DVC's queue, and write what came of it to reports/comparison.md and .png.

    python -m stages.compare [--systems tutorial dcgan] [--jobs 1] [-S train.epochs=40] [--only-report]

Every system is an experiment `compare-NAME` of the present commit: `dvc exp show` lists them, `dvc exp apply` takes
one.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from gan.figures.comparison import Row, comparison_figure
from gan.figures.grids import save_png
from gan.files import write_text
from stages.repair import git
from stages.systems import SYSTEMS, switches

REPORTS = Path("reports")
COLUMNS = {"frechet_ratio": "Fréchet ÷ real", "coverage": "coverage", "classes_covered": "classes", "class_kl": "KL"}
POLL = 5.0  # seconds


class Result(NamedTuple):
    name: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    seconds: float | None  # of the training; None where DVC had it in its run-cache
    grid: Image.Image


def dvc(*arguments: str) -> str:
    """What a dvc command prints. Exits if it fails."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"compare: dvc {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ref_of(name: str) -> str:
    """The git ref of an experiment of the present commit, or an empty text."""
    refs = git("for-each-ref", "--format=%(refname)", "refs/exps").split()
    head = git("rev-parse", "HEAD").strip()
    return next((ref for ref in refs if ref.endswith(f"{head[2:]}/{name}")), "")


def queue(systems: list[str], common: list[str]) -> None:
    """Put the systems into the queue, in the place of what was there under their names."""
    for system in systems:
        name = f"compare-{system}"
        if ref_of(name):
            dvc("exp", "remove", name)
        dvc("exp", "run", "--queue", "--name", name, *common, *switches(SYSTEMS[system]))
        print(f"compare: queued {name}", flush=True)


def wait(systems: list[str], jobs: int) -> None:
    """Work the queue off, and say what ends."""
    dvc("queue", "start", "--jobs", str(jobs))
    waiting = {f"compare-{system}" for system in systems}
    while waiting:
        time.sleep(POLL)
        for line in dvc("queue", "status").splitlines():
            name = next((name for name in waiting if name in line.split()), None)
            if name and any(word in line for word in ("Success", "Failed")):
                waiting.remove(name)
                print(
                    f"compare: {name}: {'done' if 'Success' in line else f'failed, see `dvc queue logs {name}`'}",
                    flush=True,
                )


def result_of(system: str) -> Result | None:
    """What an experiment has come to; None if there is none."""
    name = f"compare-{system}"
    if not (ref := ref_of(name)):
        return None
    shown = subprocess.run(["git", "show", f"{ref}:reports/grid.png"], capture_output=True, check=True).stdout
    logs = subprocess.run(
        [sys.executable, "-m", "dvc", "queue", "logs", name], capture_output=True, text=True, check=False
    )
    found = re.search(r"^train: ([\d.]+) s$", logs.stdout, re.MULTILINE)
    metrics = json.loads(git("show", f"{ref}:reports/evaluation.json"))
    seconds = float(found[1]) if found else None
    return Result(system, SYSTEMS[system], metrics, seconds, Image.open(io.BytesIO(shown)))


def table(results: list[Result], common: list[str]) -> str:
    """The results as Markdown."""
    head = ["system", "parameters", *COLUMNS.values(), "GAN-test", "GAN-train", "seconds"]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for one in results:
        figures = [f"{one.metrics[key]:.3g}" if key in one.metrics else "" for key in COLUMNS]
        told = [f"{one.metrics[key]:.1%}" if key in one.metrics else "" for key in ("gan_test", "gan_train")]
        seconds = "" if one.seconds is None else f"{one.seconds:.0f}"
        chosen = " ".join(f"`{key}={value}`" for key, value in one.parameters.items())
        lines.append(f"| {' | '.join([one.name, chosen, *figures, *told, seconds])} |")
    settings = " ".join(common)
    return (
        f"""# Systems compared

![Ten samples of each system, with the figures below as bars](comparison.png)

Each trained and judged by the pipeline with `{settings}` and the parameters in the table. Distance and coverage: in the
features of a classifier, against the test split (README, "Is it good, has it collapsed, has it memorised?");
seconds: of the training on the machine that made this table. One seed each.

"""
        + "\n".join(lines)
        + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--jobs", type=int, default=1, help="experiments at a time")
    parser.add_argument("-S", dest="common", action="append", help="a parameter for all of them", metavar="NAME=VALUE")
    parser.add_argument("--only-report", action="store_true", help="of the experiments that there are")
    args = parser.parse_args()
    common = [part for value in args.common or ["train.epochs=40"] for part in ("-S", value)]
    if not args.only_report:
        queue(args.systems, common)
        wait(args.systems, args.jobs)
    results = [result for system in args.systems if (result := result_of(system))]
    if not results:
        sys.exit("compare: no experiment of this commit has ended well; see `dvc queue status`")
    rows = [
        Row(one.name, one.grid, one.metrics["frechet_ratio"], one.metrics["coverage"], one.seconds) for one in results
    ]
    save_png(comparison_figure(rows), REPORTS / "comparison.png")
    write_text(REPORTS / "comparison.md", table(results, common))
    print(f"compare: {REPORTS}/comparison.md and comparison.png, of {len(results)} systems")


if __name__ == "__main__":
    main()
