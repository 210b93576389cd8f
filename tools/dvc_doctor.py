"""Find and repair what a killed dvc leaves behind: `python -m tools.dvc_doctor`, with --dry-run to repair nothing.

Exits with status 1 if a problem remains.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.dvc_state import git, orphaned_trainings, previous_branch, running_processes, stale_lock_reason

INDEX_LOCK_SECONDS = 60  # a younger lock may belong to a git that is about to start


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
    yield from diagnose_index_lock(root)
    yield from diagnose_git()


def diagnose_index_lock(root: Path) -> Iterator[Problem]:
    """Yield a problem if git's index is locked and no git is running."""
    lock = Path(git("rev-parse", "--git-path", "index.lock"))
    if not lock.exists() or running_processes(root, "git"):
        return
    description = f"{lock} exists, but no git is running"
    if time.time() - lock.stat().st_mtime > INDEX_LOCK_SECONDS:
        yield Problem(description, "removed", lock.unlink)
    else:
        yield Problem(description, "it is less than a minute old; run this again in a minute")


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
