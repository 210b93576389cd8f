"""Code common to all stages: parameters from params.yaml, error handling, timing and the number of concurrent jobs."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml

from gan.config import StrictConfig, UserError
from gan.io import write_json

ConfigT = TypeVar("ConfigT", bound=StrictConfig)

PARAMS = Path("params.yaml")
TIMINGS = Path("reports/timings")  # DVC does not track it: seconds differ from run to run

# The repository, also for stages that DVC runs in a temporary copy of it. Checkpoints and downloads are kept here.
PROJECT_ROOT = Path(os.environ.get("DVC_ROOT", Path.cwd()))


def run_stage(main: Callable[[], None]) -> NoReturn:
    """Run a stage as a process and write its duration (rank 0) to reports/timings/.

    A UserError or OSError is printed as one line, with exit status 1. Ctrl-C exits with status 130, so that DVC does
    not record the stage as complete.
    """
    name = Path(sys.argv[0]).stem
    is_main_process = os.environ.get("RANK", "0") == "0"
    start_time = time.perf_counter()
    try:
        main()
    except (UserError, OSError) as error:  # OSError: no permission, a full disk, …
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(130)
    except RuntimeError:
        if is_main_process:
            raise
        sys.exit(1)  # the main process has exited, and printed why
    if is_main_process:
        seconds = time.perf_counter() - start_time
        write_json(TIMINGS / f"{name}.json", {"seconds": round(seconds, 2)})
        print(f"{name}: {seconds:.1f} s", flush=True)
    sys.exit(0)


def read_params() -> dict[str, Any]:
    """Read params.yaml. Raises UserError if it is missing or is not YAML."""
    try:
        params = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{PARAMS}: cannot be read: {' '.join(str(error).split())}") from None
    return params if isinstance(params, dict) else {}


def parse_section(params: Mapping[str, Any], name: str, config: type[ConfigT]) -> ConfigT:
    """Parse a section of params.yaml. Raises UserError if it is missing or has a value that is not allowed."""
    if name not in params:
        raise UserError(f"{PARAMS}: has no section `{name}`")
    try:
        return config.parse(name, params[name])
    except UserError as error:
        raise UserError(f"{PARAMS}: {error}") from None


def load_section(name: str, config: type[ConfigT]) -> ConfigT:
    """Read and parse a section of params.yaml; raises UserError as `read_params` and `parse_section` do."""
    return parse_section(read_params(), name, config)


def num_concurrent_jobs() -> int:
    """Number of trainings on this machine: processes of this one, or jobs of `dvc queue start --jobs N`."""
    import psutil

    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["LOCAL_WORLD_SIZE"])
    if "DVC_EXP_NAME" not in os.environ:
        return 1
    root = str(PROJECT_ROOT.resolve())
    processes = [process.info for process in psutil.process_iter(["cmdline", "cwd"])]
    # Each job has a worker process, also while that waits for the next experiment.
    num_workers: int = sum("queue-worker" in (info["cmdline"] or []) and info["cwd"] == root for info in processes)
    if num_workers > 1:
        print(f"train: the CPU cores are divided among {num_workers} jobs of the queue", flush=True)
    return max(1, num_workers)
