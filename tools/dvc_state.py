"""What a killed dvc leaves in the process table, in .dvc/tmp and in git, seen from outside of DVC."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def git(*arguments: str, check: bool = False) -> str:
    """What git prints. Raises OSError with what it complains of, in one line, if `check` and it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(" ".join(done.stderr.split()))
    return done.stdout.strip()


def running_processes(root: Path, program: str) -> dict[int, str]:
    """The processes in `root` or below that are `program`, or a Python that runs the script or module of that name."""
    found = {}
    for info in (process.info for process in psutil.process_iter(["pid", "cmdline", "cwd"])):
        command = info["cmdline"] or [""]  # a zombie has none
        names = command[1:4] if Path(command[0]).name.startswith("python") else command[:1]
        # Where another user's process works cannot be seen: it may be here.
        if program in (Path(name).name for name in names) and Path(info["cwd"] or root).is_relative_to(root):
            found[info["pid"]] = " ".join(command)
    return found


def orphaned_trainings(root: Path) -> Iterator[int]:
    """Trainings that a dvc has started and none waits for. One that was started by hand is no orphan."""
    trainings = running_processes(root, "stages.train")
    cared_for = {*trainings, *running_processes(root, "dvc")}
    for pid in trainings:
        with suppress(psutil.Error):  # it has just ended
            process = psutil.Process(pid)
            if "DVC_STAGE" in process.environ() and cared_for.isdisjoint(p.pid for p in process.parents()):
                yield pid


def stale_lock_reason(path: Path) -> str | None:
    """What in an rwlock file of DVC's would stop DVC, or None. Entries of dead processes it removes by itself."""
    text = path.read_text(encoding="utf-8") if path.exists() else "{}"
    with suppress(ValueError):
        json.loads(text)
        alive = {int(pid) for pid in re.findall(r'"pid": (\d+)', text) if psutil.pid_exists(int(pid))}
        strangers = alive - running_processes(Path("/"), "dvc").keys()  # processes that got the number of a dead dvc
        return f"waits for process {min(strangers)}, which is no dvc" if strangers else None
    return "was cut short"


def previous_branch() -> str | None:
    """The branch that dvc detached HEAD from; None if the user had detached it before, or nothing tells."""
    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    for line in git("reflog", "--format=%gs").splitlines():
        by_dvc = re.fullmatch(r"checkout: moving from (\S+) to [0-9a-f]{40}|dvc: Restore HEAD to '(.+)'", line)
        if by_dvc and (by_dvc[1] or by_dvc[2]) in branches:
            return by_dvc[1] or by_dvc[2]
        if not by_dvc and line.startswith("checkout: moving"):  # the user's: dvc gives the commit in full
            return None
    likely = branches if len(branches) == 1 else [name for name in ("main", "master") if name in branches]
    return likely[0] if likely else None
