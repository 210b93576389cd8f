"""`python -m tools.dvc_doctor` repairs what real kills leave behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, signal_group, wait_until

NOTHING = (0, ["dvc-doctor: nothing to repair"])


def doctor(project: Project, *args: str) -> tuple[int, list[str]]:
    """Exit status and lines of the command."""
    result = project.python("-m", "tools.dvc_doctor", *args)
    assert "Traceback" not in result.stderr, result.stderr
    return result.returncode, (result.stdout + result.stderr).splitlines()


def head(project: Project) -> str:
    return (project.path / ".git/HEAD").read_text().strip()


def exec_refs(project: Project) -> str:
    return project.git("for-each-ref", "--format=%(refname)", "refs/exps/exec")


def test_a_killed_experiment_is_repaired_and_a_live_one_left_alone(finished: Project) -> None:
    project = finished
    project.set(train__epochs=100_000, runtime__checkpoint_seconds=0.2, train__seed=1)
    project.commit("long")
    project.set(train__lr=2e-3)  # edits that must not be lost: a parameter and a text
    readme = project.path / "README.md"
    readme.write_text(readme.read_text() + "a user's text\n")
    old_checkpoints = set(project.path.glob(".checkpoints/*/step-*.pt"))

    with project.running(sys.executable, "-m", "dvc", "exp", "run") as dvc:
        wait_until(lambda: set(project.path.glob(".checkpoints/*/step-*.pt")) - old_checkpoints, dvc)
        detached_head = head(project)
        refs = exec_refs(project)
        status, lines = doctor(project)
        assert status == 1
        assert len(lines) == 2
        assert all(f": not repaired while dvc is running here (process {dvc.pid}: " in line for line in lines)

        dvc.kill()
        dvc.wait()
        trainer = json.loads((project.path / ".checkpoints/workspace/owner.json").read_text())["process"]
        status, lines = doctor(project, "--dry-run")
        assert status == 1
        orphan, detached, stale = lines
        assert orphan.startswith(f"dvc-doctor: process {trainer} is still training")
        assert f"`kill {trainer}`" in orphan
        assert detached.endswith(f"HEAD is detached at {detached_head[:7]}: not yet switched back to main")
        assert "EXEC_BASELINE, EXEC_HEAD, EXEC_MERGE: not yet removed" in stale
        assert (head(project), exec_refs(project)) == (detached_head, refs)

        status, lines = doctor(project)
        assert status == 1  # the trainer still runs
        assert lines[0] == orphan
        assert lines[1].endswith(": switched back to main")
        assert (head(project), exec_refs(project)) == ("ref: refs/heads/main", "")
        assert doctor(project) == (1, [orphan])
        signal_group(dvc, signal.SIGKILL)

    assert doctor(project) == NOTHING
    edits = project.git("diff", "HEAD", "--unified=0", "params.yaml", "README.md")
    assert "+  lr: 0.002" in edits and "+a user's text" in edits
    project.set(train__epochs=2)
    assert project.repro("train") == ["train"]
    assert "+  lr: 0.002" in project.git("diff", "HEAD", "params.yaml")


def test_after_a_successful_experiment_there_is_nothing_to_repair(make_project: Callable[..., Project]) -> None:
    project = make_project()
    assert doctor(project) == NOTHING
    project.dvc("exp", "run", "download")
    assert "EXEC_HEAD" in exec_refs(project)
    assert doctor(project) == NOTHING


def test_locks_that_block_dvc_and_git(make_project: Callable[..., Project]) -> None:
    project = make_project()
    (project.path / ".dvc/tmp").mkdir()
    lock = project.path / ".dvc/tmp/rwlock"
    index_lock = project.path / ".git/index.lock"

    def entry(pid: int) -> str:
        return json.dumps({"write": {str(project.path / "data/raw"): {"pid": pid, "cmd": "dvc repro"}}})

    foreign_pid = os.getpid()
    for text, reason in (
        (entry(foreign_pid), f"waits for process {foreign_pid}, which is not dvc"),
        ("", "is truncated"),
    ):
        lock.write_text(text)
        project.dvc("repro", "download", status=255)
        assert doctor(project) == (0, [f"dvc-doctor: .dvc/tmp/rwlock {reason}: removed"])

    ended = subprocess.Popen(["true"])
    ended.wait()
    lock.write_text(entry(ended.pid))  # DVC removes such entries itself
    (project.path / ".dvc/tmp/lock").write_text(f" {ended.pid}\n")  # DVC checks the flock, not the text
    assert doctor(project) == NOTHING
    assert project.repro("download") == ["download"]

    index_lock.touch()
    status, [line] = doctor(project)
    assert status == 1
    assert "run this again in a minute" in line
    assert index_lock.exists()
    os.utime(index_lock, (0, 0))
    assert doctor(project) == (0, ["dvc-doctor: .git/index.lock exists, but no git is running: removed"])
    assert not index_lock.exists()


@pytest.fixture
def detached(make_project: Callable[..., Project]) -> Project:
    """A project with HEAD detached as a killed `dvc exp run` leaves it, and an earlier experiment, good-one."""
    project = make_project()
    commit = project.git("rev-parse", "HEAD").strip()
    project.git("checkout", "--quiet", commit)
    for name in ("exec/EXEC_HEAD", "exec/EXEC_BASELINE", f"{commit[:2]}/{commit[2:]}/good-one"):
        project.git("update-ref", f"refs/exps/{name}", commit)
    project.git("symbolic-ref", "refs/exps/exec/EXEC_BRANCH", f"refs/exps/{commit[:2]}/{commit[2:]}/good-one")
    return project


def test_a_commit_on_no_branch_is_named_and_kept(detached: Project) -> None:
    detached.git("commit", "--quiet", "--allow-empty", "--message=while detached")
    commit = head(detached)
    refs = exec_refs(detached)
    status, [line] = doctor(detached)
    assert status == 1
    assert f"`git branch NAME {commit[:7]}`" in line
    assert (head(detached), exec_refs(detached)) == (commit, refs)

    detached.git("branch", "keep", commit)
    status, lines = doctor(detached)
    assert status == 0
    assert lines[0].endswith("switched back to main")
    assert (head(detached), exec_refs(detached)) == ("ref: refs/heads/main", "")
    assert "good-one" in detached.git("for-each-ref", "refs/exps")  # EXEC_BRANCH pointed to it


def test_nothing_is_lost_if_git_refuses_to_switch(detached: Project) -> None:
    commit = head(detached)
    refs = exec_refs(detached)
    params = detached.path / "params.yaml"
    text = params.read_text()
    params.write_text("main: 1\n")
    detached.git("commit", "--quiet", "--all", "--message=later")
    detached.git("branch", "--force", "main", "HEAD")
    detached.git("update-ref", "HEAD", commit)
    params.write_text(text + "local: 1\n")
    detached.git("reset", "--quiet")
    status, [line] = doctor(detached)
    assert status == 1
    assert "not repaired: error: Your local changes" in line
    assert (head(detached), exec_refs(detached)) == (commit, refs)
    assert "local: 1" in params.read_text()


def test_a_head_that_the_user_detached_stays(make_project: Callable[..., Project]) -> None:
    project = make_project()
    project.git("tag", "v1")
    project.git("commit", "--quiet", "--allow-empty", "--message=second")
    for target in ("v1", project.git("rev-parse", "v1").strip()):
        project.git("switch", "--quiet", "main")
        project.git("switch", "--quiet", "--detach", target)
        assert doctor(project) == NOTHING
        assert not head(project).startswith("ref: ")


def test_outside_of_a_dvc_project_it_says_where_to_run(make_project: Callable[..., Project], tmp_path: Path) -> None:
    project = make_project()
    (project.path / ".dvc").rename(tmp_path / "gone")
    message = "dvc-doctor: this is not a DVC project in a git repository; run it in the project's root"
    assert doctor(project) == (1, [message])
