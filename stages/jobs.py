"""How many trainings share this machine's cores."""

import os

import psutil

from stages import HOME


def sharers() -> int:
    """Processes of this training on this machine, or jobs that `dvc queue start --jobs N` runs side by side."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["LOCAL_WORLD_SIZE"])
    if "DVC_EXP_NAME" not in os.environ:
        return 1
    # Each job has a worker of its own, also while it waits for the next experiment.
    processes = (process.info for process in psutil.process_iter(["cmdline", "cwd"]))
    workers = [p for p in processes if "queue-worker" in (p["cmdline"] or []) and p["cwd"] == str(HOME.resolve())]
    if len(workers) > 1:
        print(f"train: shares the machine's cores with the other {len(workers) - 1} jobs of the queue", flush=True)
    return max(1, len(workers))
