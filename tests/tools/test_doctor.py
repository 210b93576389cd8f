"""`python -m tools.doctor` on what real kills leave."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, stop

Maker = Callable[..., Project]


def doctor(project: Project, *arguments: str) -> tuple[int, list[str]]:
    """Its exit status, and what it says."""
    done = project.python("-m", "tools.doctor", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, (done.stdout + done.stderr).splitlines()


def head(project: Project) -> str:
    return (project.path / ".git/HEAD").read_text().strip()


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    for _ in range(400):
        if condition():
            return
        assert process.poll() is None, process.stdout and process.stdout.read()
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def refs(project: Project) -> str:
    return project.git("for-each-ref", "--format=%(refname)", "refs/exps/exec")


def test_a_killed_experiment_is_repaired_and_a_live_one_left_alone(make_project: Maker) -> None:
    project = make_project()
    project.set(train__epochs=100_000, runtime__checkpoint_seconds=0.2)
    project.git("commit", "--quiet", "--all", "--message=long")
    project.set(train__lr=2e-3)  # edits that are not to be lost: this one, and one that is no parameter
    readme = project.path / "README.md"
    readme.write_text(readme.read_text() + "my words\n")

    with project.running(sys.executable, "-m", "dvc", "exp", "run") as dvc:
        wait_for(lambda: list(project.path.glob(".checkpoints/*/step-*.pt")), dvc)
        detached, before = head(project), refs(project)
        status, lines = doctor(project)
        assert status == 1
        assert [line.partition(":")[0] for line in lines] == ["doctor"] * 2
        assert all(f"left alone, as dvc is at work here (process {dvc.pid}: " in line for line in lines)

        dvc.kill()
        dvc.wait()
        trainer = json.loads((project.path / ".checkpoints/here/holder.json").read_text())["process"]
        status, lines = doctor(project, "--dry-run")
        assert status == 1
        orphan, detached_line, stale = lines
        assert orphan.startswith(f"doctor: process {trainer} trains on") and f"`kill {trainer}`" in orphan
        assert detached_line.endswith(f"HEAD is detached at {detached[:7]}: not yet switched back to main")
        assert "EXEC_BASELINE, EXEC_HEAD, EXEC_MERGE: not yet removed" in stale
        assert (head(project), refs(project)) == (detached, before)

        status, lines = doctor(project)
        assert status == 1  # the trainer is left
        assert lines[0] == orphan
        assert lines[1].endswith(": switched back to main")
        assert (head(project), refs(project)) == ("ref: refs/heads/main", "")
        assert doctor(project) == (1, [orphan])
        stop(dvc, signal.SIGKILL)

    assert doctor(project) == (0, ["doctor: nothing to repair"])
    edits = project.git("diff", "HEAD", "--unified=0", "params.yaml", "README.md")
    assert "+  lr: 0.002" in edits and "+my words" in edits
    project.set(train__epochs=2)
    assert project.repro("train") == ["train"]
    assert "+  lr: 0.002" in project.git("diff", "HEAD", "params.yaml")


def test_after_an_experiment_that_went_well_there_is_nothing_to_repair(make_project: Maker) -> None:
    project = make_project()
    assert doctor(project) == (0, ["doctor: nothing to repair"])
    project.dvc("exp", "run", "download")
    assert "EXEC_HEAD" in refs(project)
    assert doctor(project) == (0, ["doctor: nothing to repair"])


def test_locks_that_stop_dvc_and_git(make_project: Maker) -> None:
    project = make_project()
    (project.path / ".dvc/tmp").mkdir()
    lock, index = project.path / ".dvc/tmp/rwlock", project.path / ".git/index.lock"

    def entry(pid: int) -> str:
        return json.dumps({"write": {str(project.path / "data/raw"): {"pid": pid, "cmd": "dvc repro"}}})

    for text, why in ((entry(os.getpid()), f"waits for process {os.getpid()}, which is no dvc"), ("", "was cut short")):
        lock.write_text(text)
        project.dvc("repro", "download", status=255)
        assert doctor(project) == (0, [f"doctor: .dvc/tmp/rwlock {why}: removed"])

    ended = subprocess.Popen(["true"])
    ended.wait()
    lock.write_text(entry(ended.pid))  # such entries DVC itself removes
    (project.path / ".dvc/tmp/lock").write_text(f" {ended.pid}\n")  # what counts is the flock
    assert doctor(project) == (0, ["doctor: nothing to repair"])
    assert project.repro("download") == ["download"]

    index.touch()
    status, [line] = doctor(project)
    assert status == 1 and "run this again in a minute" in line and index.exists()
    os.utime(index, (0, 0))
    assert doctor(project) == (0, ["doctor: .git/index.lock is there, but no git at work: removed"])
    assert not index.exists()


@pytest.fixture
def detached(make_project: Maker) -> Project:
    """Two commits, and HEAD detached at the first as a killed `dvc exp run` leaves it, an experiment done."""
    project = make_project()
    first = project.git("rev-parse", "HEAD").strip()
    project.git("checkout", "--quiet", first)
    for name in ("exec/EXEC_HEAD", "exec/EXEC_BASELINE", f"{first[:2]}/{first[2:]}/good-one"):
        project.git("update-ref", f"refs/exps/{name}", first)
    project.git("symbolic-ref", "refs/exps/exec/EXEC_BRANCH", f"refs/exps/{first[:2]}/{first[2:]}/good-one")
    return project


def test_a_commit_that_no_branch_has_is_named_and_stays(detached: Project) -> None:
    detached.git("commit", "--quiet", "--allow-empty", "--message=made while detached")
    commit, before = head(detached), refs(detached)
    status, [line] = doctor(detached)
    assert status == 1
    assert f"`git branch NAME {commit[:7]}`" in line
    assert (head(detached), refs(detached)) == (commit, before)

    detached.git("branch", "mine", commit)
    status, lines = doctor(detached)
    assert status == 0 and lines[0].endswith("switched back to main")
    assert (head(detached), refs(detached)) == ("ref: refs/heads/main", "")
    assert "good-one" in detached.git("for-each-ref", "refs/exps")  # EXEC_BRANCH has pointed to it


def test_when_git_refuses_to_switch_nothing_is_lost(detached: Project) -> None:
    where, before = head(detached), refs(detached)
    params = detached.path / "params.yaml"
    text = params.read_text()
    params.write_text("theirs: 1\n")
    detached.git("commit", "--quiet", "--all", "--message=main goes on")
    detached.git("branch", "--force", "main", "HEAD")
    detached.git("update-ref", "HEAD", where)
    params.write_text(text + "mine: 1\n")
    detached.git("reset", "--quiet")
    status, [line] = doctor(detached)
    assert status == 1 and "not repaired: error: Your local changes" in line
    assert (head(detached), refs(detached)) == (where, before)
    assert "mine: 1" in params.read_text()


def test_a_head_that_the_user_has_detached_stays(make_project: Maker) -> None:
    project = make_project()
    project.git("tag", "v1")
    project.git("commit", "--quiet", "--allow-empty", "--message=second")
    for target in ("v1", project.git("rev-parse", "v1").strip()):
        project.git("switch", "--quiet", "main")
        project.git("switch", "--quiet", "--detach", target)
        assert doctor(project) == (0, ["doctor: nothing to repair"])
        assert not head(project).startswith("ref: ")


def test_elsewhere_it_says_where_to_run_it(make_project: Maker, tmp_path: Path) -> None:
    project = make_project()
    (project.path / ".dvc").rename(tmp_path / "gone")
    assert doctor(project) == (1, ["doctor: no .dvc here, or no git repository; run this from the project's folder"])
