"""One script a stage: `python -m stages.NAME` reads its sections of params.yaml, calls gan/ and writes its outs."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from gan.files import write_json
from gan.settings import UserError

# DVC sets DVC_ROOT to the repository, also for stages that run in its temporary copies of it:
# the place for what outlives a run, and what the user's relative paths start from.
HOME = Path(os.environ.get("DVC_ROOT", Path.cwd()))


def run(stage: Callable[[], None]) -> NoReturn:
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
