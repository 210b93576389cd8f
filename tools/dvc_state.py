"""State that a killed dvc leaves behind: processes, lock files, and the branch that it switched away from."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def git(*args: str, check: bool = False) -> str:
    """Output of a git command. With `check`, raises OSError with git's message if the command fails."""
    result = subprocess.run(["git", *args], capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise OSError(" ".join(result.stderr.split()))
    return result.stdout.strip()


def running_processes(root: Path, program: str) -> dict[int, str]:
    """Command lines, by process ID, of the processes that run `program` in `root` or below.

    program: an executable, or a script or module that Python runs.
    """
    processes = {}
    for info in (process.info for process in psutil.process_iter(["pid", "cmdline", "cwd"])):
        command = info["cmdline"] or [""]  # a zombie has no command line
        runs_python = Path(command[0]).name.startswith("python")
        names = [Path(name).name for name in (command[1:4] if runs_python else command[:1])]
        cwd = Path(info["cwd"] or root)  # unknown for another user's process, which may be one of this project
        if program in names and cwd.is_relative_to(root):
            processes[info["pid"]] = " ".join(command)
    return processes


def orphaned_trainings(root: Path) -> Iterator[int]:
    """Process IDs of trainings that a dvc started and that no dvc waits for. Excludes those started by hand."""
    trainings = running_processes(root, "stages.train")
    supervised = {*trainings, *running_processes(root, "dvc")}
    for pid in trainings:
        with suppress(psutil.Error):  # the process has ended
            process = psutil.Process(pid)
            parents = {parent.pid for parent in process.parents()}
            if "DVC_STAGE" in process.environ() and supervised.isdisjoint(parents):
                yield pid


def stale_lock_reason(path: Path) -> str | None:
    """The reason why a rwlock file blocks DVC, or None. DVC itself removes entries of processes that have ended."""
    text = path.read_text(encoding="utf-8") if path.exists() else "{}"
    with suppress(ValueError):
        json.loads(text)
        live_pids = {int(pid) for pid in re.findall(r'"pid": (\d+)', text) if psutil.pid_exists(int(pid))}
        # Other programs that the system gave the process ID of a dvc that has ended.
        foreign_pids = live_pids - running_processes(Path("/"), "dvc").keys()
        return f"waits for process {min(foreign_pids)}, which is not dvc" if foreign_pids else None
    return "is truncated"


def previous_branch() -> str | None:
    """The branch that dvc detached HEAD from. None if the user detached HEAD, or if that is unknown."""
    branches = git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    for line in git("reflog", "--format=%gs").splitlines():
        by_dvc = re.fullmatch(r"checkout: moving from (\S+) to [0-9a-f]{40}|dvc: Restore HEAD to '(.+)'", line)
        if by_dvc and (by_dvc[1] or by_dvc[2]) in branches:
            return by_dvc[1] or by_dvc[2]
        if not by_dvc and line.startswith("checkout: moving"):  # by the user: dvc names the full commit
            return None
    candidates = branches if len(branches) == 1 else [name for name in ("main", "master") if name in branches]
    return candidates[0] if candidates else None
