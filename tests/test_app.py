"""Starting the app where it cannot start: one sentence, and exit code 2."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from tests.real_app import ROOT, free_port


def start(port: int, runs_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", "--runs-dir", str(runs_dir)], cwd=ROOT, env=os.environ | {"GRADIO_SERVER_PORT": str(port)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_taken_port_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = start(taken.getsockname()[1], tmp_path / "runs")
    assert result.returncode == 2
    assert "set GRADIO_SERVER_PORT to a free port" in result.stderr.splitlines()[-1]


def test_runs_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file stands here")
    result = start(free_port(), tmp_path / "runs")
    assert result.returncode == 2
    assert "cannot be written" in result.stderr.splitlines()[-1] and "--runs-dir" in result.stderr
    assert (tmp_path / "runs").read_text() == "a file stands here"
