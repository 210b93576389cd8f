"""How many trainings share this machine's cores."""

import os

import psutil


def sharers() -> int:
    """Processes of this training on this machine, or jobs that `dvc queue start --jobs N` runs side by side."""
    if "LOCAL_WORLD_SIZE" in os.environ:
        return int(os.environ["LOCAL_WORLD_SIZE"])
    if "DVC_EXP_NAME" not in os.environ:
        return 1
    # Each job has a worker of its own, also while it waits for the next experiment.
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return max(1, sum("queue-worker" in command for command in commands))
