"""Starting the app, and where it cannot start: one sentence, and exit code 2."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests import ready
from tests.real_app import RealApp, free_port


def start(port: int, runs_dir: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port)}
    return ready.run(ready.PAGE, "--runs-dir", str(runs_dir), environment=environment)


@pytest.mark.usefixtures("cold")
def test_app_is_started_and_its_process_holds_no_torch(runs_dir: Path) -> None:
    app = RealApp(runs_dir)
    mapped = Path(f"/proc/{app.process.pid}/maps").read_text()
    app.kill()
    assert app.command[1] == "app.py" and "pyarrow" in mapped
    assert "libtorch" not in mapped and "llvmlite" not in mapped and "sklearn" not in mapped


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
