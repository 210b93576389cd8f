"""What every stage needs: its section of params.yaml, and how it runs as a process."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

import yaml

from gan.config import StrictConfig, UserError
from gan.io import write_json

PARAMS = Path("params.yaml")
ConfigT = TypeVar("ConfigT", bound=StrictConfig)

# DVC sets DVC_ROOT to the repository, also for stages that run in its temporary copies of it:
# the place for what outlives a run, and what the user's relative paths start from.
PROJECT_ROOT = Path(os.environ.get("DVC_ROOT", Path.cwd()))


def run_stage(stage: Callable[[], None]) -> NoReturn:
    """Run a stage as a process: errors of the user's become one line and status 1, Ctrl-C becomes status 130."""
    name, start = Path(sys.argv[0]).stem, time.perf_counter()
    try:
        stage()
    except (UserError, OSError) as error:  # OSError: no permission, a full disk, …
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)  # a stage that exits with 0 would be recorded as complete
    except RuntimeError:
        if os.environ.get("RANK", "0") == "0":
            raise
        sys.exit(1)  # one of several processes, whose first has ended and said why
    if os.environ.get("RANK", "0") != "0":  # one of several processes, of which the first speaks for all
        sys.exit(0)
    seconds = time.perf_counter() - start
    # Seconds differ from run to run, so they must not be among the files that DVC compares.
    write_json(Path(f"reports/timings/{name}.json"), {"seconds": round(seconds, 2)})
    print(f"{name}: {seconds:.1f} s", flush=True)
    sys.exit(0)


def load_section(name: str, config: type[ConfigT]) -> ConfigT:
    """Section `name` of params.yaml as an instance of `settings`; raises UserError where it does not fit."""
    try:
        values = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{PARAMS}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict) or name not in values:
        raise UserError(f"{PARAMS}: has no section `{name}`")
    try:
        return config.parse(name, values[name])
    except UserError as error:
        raise UserError(f"{PARAMS}: {error}") from None


def num_concurrent_jobs() -> int:
    """Processes of this training on this machine, or jobs that `dvc queue start --jobs N` runs side by side."""
    import psutil

    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["LOCAL_WORLD_SIZE"])
    if "DVC_EXP_NAME" not in os.environ:
        return 1
    # Each job has a worker of its own, also while it waits for the next experiment.
    processes = (process.info for process in psutil.process_iter(["cmdline", "cwd"]))
    workers = [
        p for p in processes if "queue-worker" in (p["cmdline"] or []) and p["cwd"] == str(PROJECT_ROOT.resolve())
    ]
    if len(workers) > 1:
        print(f"train: shares the machine's cores with the other {len(workers) - 1} jobs of the queue", flush=True)
    return max(1, len(workers))
