"""Find and repair what a killed dvc leaves: `python -m tools.doctor`, or with --dry-run to be told only."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.dvc_state import git, orphaned_trainings, previous_branch, running_processes, stale_lock_reason


class Problem(NamedTuple):
    what: str
    remedy: str  # what `repair` does, or what is left to the user
    repair: Callable[[], object] | None = None


def diagnose(root: Path) -> Iterator[Problem]:
    """What is not as it should be. A repair may need those before it."""
    for pid in orphaned_trainings(root):
        remedy = f"wait for it, or end it with `kill {pid}`; the next run goes on from its checkpoint"
        yield Problem(f"process {pid} trains on though its dvc is gone", remedy)
    for path in (Path(".dvc/tmp/rwlock"), Path(".dvc/tmp/exps/rwlock")):
        if why := stale_lock_reason(path):
            yield Problem(f"{path} {why}", "removed", path.unlink)
    index = Path(git("rev-parse", "--git-path", "index.lock"))
    if index.exists() and not running_processes(root, "git"):
        old = time.time() - index.stat().st_mtime > 60
        remedy = "removed" if old else "it is not a minute old; run this again in a minute"
        yield Problem(f"{index} is there, but no git at work", remedy, index.unlink if old else None)
    yield from examine_git()


def examine_git() -> Iterator[Problem]:
    """HEAD and the refs, which any `dvc exp run` in the workspace changes and at its end puts back."""
    refs = git("for-each-ref", "--format=%(refname)", "refs/exps/exec").split()
    names = [ref.rpartition("/")[2] for ref in refs]
    killed = set(names) - {"EXEC_HEAD", "EXEC_APPLY"}  # these two are there after any experiment
    branch = None if git("symbolic-ref", "--quiet", "HEAD") else previous_branch()
    # Killed at its very start it leaves no refs: then HEAD is where the branch is.
    if branch and (killed or git("rev-parse", "HEAD") == git("rev-parse", f"refs/heads/{branch}")):
        commit = git("rev-parse", "--short", "HEAD")
        if not git("for-each-ref", "--contains=HEAD", "refs/heads"):
            remedy = f"keep it with `git branch NAME {commit}`, then run this again"
            yield Problem(f"HEAD is detached at {commit}, which no branch has", remedy)
            return
        hint = "" if killed or not git("stash", "list") else "; `git stash list` may have your last edits"
        repair = partial(git, "switch", "--quiet", branch, check=True)
        yield Problem(f"HEAD is detached at {commit}", f"switched back to {branch}{hint}", repair)
    if killed:  # they hinder: DVC takes EXEC_BASELINE for HEAD, and compares with that commit from then on
        files = git("rev-parse", "--quiet", "--verify", "--short", "refs/exps/exec/EXEC_MERGE")
        remedy = f"removed; the files of that run are commit {files}" if files else "removed"
        yield Problem(f"refs of a killed run, {', '.join(names)}", remedy, partial(remove_refs, refs))
    if git("ls-files", ".dvc/tmp/repro.dat"):
        repair = partial(git, "rm", "--cached", "--force", "--quiet", ".dvc/tmp/repro.dat", check=True)
        yield Problem("DVC's .dvc/tmp/repro.dat is in git's index", "taken out", repair)


def remove_refs(refs: list[str]) -> None:
    for ref in refs:  # EXEC_BRANCH points to an experiment's ref, which is to stay
        git("update-ref", "--no-deref", "-d", ref, check=True)


def apply_fix(finding: Problem, root: Path, dry: bool) -> tuple[str, bool]:
    """What becomes of a finding, and whether it is repaired. Exits if a repair fails: the next may build on it."""
    if finding.repair is None:
        return finding.remedy, False
    if dvc := running_processes(root, "dvc"):
        pid, command = next(iter(dvc.items()))
        return f"left alone, as dvc is at work here (process {pid}: {command})", False
    if dry:
        return f"not yet {finding.remedy}", False
    try:
        finding.repair()
    except OSError as error:
        sys.exit(f"doctor: {finding.what}: not repaired: {error}")
    return finding.remedy, True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.doctor", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="report, and repair nothing")
    dry, root, repaired = parser.parse_args().dry_run, Path.cwd().resolve(), []
    if not (root / ".dvc").is_dir() or not git("rev-parse", "--git-dir"):
        sys.exit("doctor: no .dvc here, or no git repository; run this from the project's folder")
    for finding in diagnose(root):
        outcome, well = apply_fix(finding, root, dry)
        print(f"doctor: {finding.what}: {outcome}", flush=True)
        repaired.append(well)
    if not repaired:
        print("doctor: nothing to repair")
    return int(not all(repaired))


if __name__ == "__main__":
    sys.exit(main())
