"""Code common to all stages: exit statuses, messages, and the number of jobs on this machine."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from gan.config import UserError
from stages import _common
from stages._common import num_concurrent_jobs, run_stage


def raise_error(error: BaseException) -> Callable[[], None]:
    def main() -> None:
        raise error

    return main


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/project/stages/train.py"])
    for name in ("RANK", "LOCAL_WORLD_SIZE", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UserError("data/raw: damaged"), "train: data/raw: damaged"),
        (PermissionError(13, "Permission denied", "models"), "train: [Errno 13] Permission denied: 'models'"),
        (KeyboardInterrupt(), 130),
    ],
)
def test_user_errors_exit_with_one_line_and_ctrl_c_with_status_130(error: BaseException, status: int | str) -> None:
    with pytest.raises(SystemExit) as exit_info:
        run_stage(raise_error(error))
    assert exit_info.value.code == status
    assert not Path("reports/timings/train.json").exists()


def test_other_errors_keep_their_traceback() -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        run_stage(raise_error(RuntimeError("shapes do not match")))


def test_a_stage_writes_its_duration(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        run_stage(lambda: None)
    assert exit_info.value.code == 0
    assert json.loads(Path("reports/timings/train.json").read_text())["seconds"] >= 0
    assert capsys.readouterr().out == "train: 0.0 s\n"


def test_other_ranks_print_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("RANK", "1")
    for main, status in ((lambda: None, 0), (raise_error(RuntimeError("connection closed")), 1)):
        with pytest.raises(SystemExit) as exit_info:
            run_stage(main)
        assert exit_info.value.code == status
    assert not Path("reports").exists()
    assert capsys.readouterr() == ("", "")


def test_jobs_are_local_processes_or_workers_of_the_queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def process(cwd: Path, *command: str) -> Any:
        return SimpleNamespace(info={"cmdline": list(command), "cwd": str(cwd)})

    worker = ("python", "-m", "dvc", "queue-worker", "dvc-exp-1")
    processes = [process(tmp_path, *worker), process(tmp_path, *worker), process(Path("/other"), *worker)]
    monkeypatch.setattr(psutil, "process_iter", lambda _attributes: [*processes, process(tmp_path, "python")])
    monkeypatch.setattr(_common, "PROJECT_ROOT", tmp_path)
    assert num_concurrent_jobs() == 1
    monkeypatch.setenv("DVC_EXP_NAME", "compare-lsgan")
    assert num_concurrent_jobs() == 2
    processes.clear()
    assert num_concurrent_jobs() == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert num_concurrent_jobs() == 4
