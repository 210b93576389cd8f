"""Find and repair what a killed dvc leaves behind: `python -m tools.dvc_doctor`, with --dry-run to repair nothing.

Exits with status 1 if a problem remains.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil


class Problem(NamedTuple):
    """A problem, the message about its solution, and the function that repairs it; None if the user has to."""

    description: str
    solution: str
    fix: Callable[[], object] | None = None


def diagnose(root: Path) -> Iterator[Problem]:
    """Yield the problems of a project. The fix of a problem may need the fixes of those before it."""
    for pid in orphaned_trainings(root):
        solution = f"wait for it, or end it with `kill {pid}`; the next run resumes from its checkpoint"
        yield Problem(f"process {pid} is still training, but its dvc has ended", solution)
    for path in (Path(".dvc/tmp/rwlock"), Path(".dvc/tmp/exps/rwlock")):
        if reason := stale_lock_reason(path):
            yield Problem(f"{path} {reason}", "removed", path.unlink)
    lock = Path(git("rev-parse", "--git-path", "index.lock"))
    if lock.exists() and not running_processes(root, "git"):
        description = f"{lock} exists, but no git is running"
        if time.time() - lock.stat().st_mtime > 60:  # a younger lock may belong to a git that is about to start
            yield Problem(description, "removed", lock.unlink)
        else:
            yield Problem(description, "it is less than a minute old; run this again in a minute")
    yield from diagnose_git()


def diagnose_git() -> Iterator[Problem]:
    """Yield problems of HEAD, refs and index, which `dvc exp run` changes in the workspace and restores at its end."""
    refs = git("for-each-ref", "--format=%(refname)", "refs/exps/exec").split()
    names = [ref.rpartition("/")[2] for ref in refs]
    was_killed = bool(set(names) - {"EXEC_HEAD", "EXEC_APPLY"})  # these two remain after every experiment
    branch = None if git("symbolic-ref", "--quiet", "HEAD") else previous_branch()
    # A run that is killed at its very start leaves no refs, and HEAD at the branch's commit.
    if branch and (was_killed or git("rev-parse", "HEAD") == git("rev-parse", f"refs/heads/{branch}")):
        commit = git("rev-parse", "--short", "HEAD")
        description = f"HEAD is detached at {commit}"
        if not git("for-each-ref", "--contains=HEAD", "refs/heads"):
            solution = f"keep the commit with `git branch NAME {commit}`, then run this again"
            yield Problem(f"{description}, which is on no branch", solution)
            return
        hint = "" if was_killed or not git("stash", "list") else "; `git stash list` may have your last edits"
        fix = partial(git, "switch", "--quiet", branch, check=True)
        yield Problem(description, f"switched back to {branch}{hint}", fix)
    if was_killed:  # DVC takes EXEC_BASELINE for HEAD, so it would compare with that commit
        merge_commit = git("rev-parse", "--quiet", "--verify", "--short", "refs/exps/exec/EXEC_MERGE")
        solution = f"removed; the files of that run are in commit {merge_commit}" if merge_commit else "removed"
        yield Problem(f"refs of a killed run: {', '.join(names)}", solution, partial(remove_refs, refs))
    if git("ls-files", ".dvc/tmp/repro.dat"):
        fix = partial(git, "rm", "--cached", "--force", "--quiet", ".dvc/tmp/repro.dat", check=True)
        yield Problem("DVC's .dvc/tmp/repro.dat is in git's index", "removed from the index", fix)


def remove_refs(refs: list[str]) -> None:
    """Delete git refs, but not what a symbolic one points to: EXEC_BRANCH points to the ref of an experiment."""
    for ref in refs:
        git("update-ref", "--no-deref", "-d", ref, check=True)


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


def apply_fix(problem: Problem, root: Path, dry_run: bool) -> tuple[str, bool]:
    """Repair a problem. Returns a message, and whether it was repaired. Exits if the repair fails."""
    if problem.fix is None:
        return problem.solution, False
    if processes := running_processes(root, "dvc"):
        pid, command = next(iter(processes.items()))
        return f"not repaired while dvc is running here (process {pid}: {command})", False
    if dry_run:
        return f"not yet {problem.solution}", False
    try:
        problem.fix()
    except OSError as error:  # later fixes may need this one
        sys.exit(f"dvc-doctor: {problem.description}: not repaired: {error}")
    return problem.solution, True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="print the problems, repair nothing")
    args = parser.parse_args()
    root = Path.cwd().resolve()
    if not (root / ".dvc").is_dir() or not git("rev-parse", "--git-dir"):
        sys.exit("dvc-doctor: this is not a DVC project in a git repository; run it in the project's root")
    outcomes = []
    for problem in diagnose(root):
        message, repaired = apply_fix(problem, root, args.dry_run)
        print(f"dvc-doctor: {problem.description}: {message}", flush=True)
        outcomes.append(repaired)
    if not outcomes:
        print("dvc-doctor: nothing to repair")
    return int(not all(outcomes))


if __name__ == "__main__":
    sys.exit(main())
