"""The file of accounts: what fits, what does not, and what is told of a line that is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.passwords import account_line, read_accounts
from tests.ready import ROOT

PASSWORD = "correct horse: Ümlaut"


def test_password_fits_its_own_name_alone_and_does_not_stand_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "accounts"
    path.write_text(f"# who may in\n\n{account_line('ada', PASSWORD)}\n{account_line('bob@example.org', PASSWORD)}\n")
    accounts = read_accounts(path)
    assert accounts.fits("ada", PASSWORD) and accounts.fits("bob@example.org", PASSWORD)
    for name, password in (
        ("ada", PASSWORD + " "),
        ("ada", ""),
        ("Ada", PASSWORD),
        ("", ""),
        ("eve", PASSWORD),
        ("ada", "x" * 9999),
    ):
        assert not accounts.fits(name, password)
    one, other = path.read_text().splitlines()[2:]
    assert PASSWORD not in path.read_text() and one.split(":")[2:] != other.split(":")[2:]
    assert PASSWORD not in repr(accounts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no account"),
        ("# nobody\n", "has no account"),
        ("ada:secret-in-plain\n", "Line 1 of accounts is no account"),
        ("{ada}\n\nada:scrypt:00:00\n", "Line 3 of accounts is no account"),
        ("{ada}\n{ada}\n", "Line 2 of accounts is a second account"),
    ],
)
def test_file_that_is_wrong_is_told_without_its_content(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "accounts"
    path.write_text(text.replace("{ada}", account_line("ada", PASSWORD)))
    with pytest.raises(ConfigError, match=said) as caught:
        read_accounts(path)
    assert "secret-in-plain" not in str(caught.value)


def test_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_accounts(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "password"), [("a:b", PASSWORD), ("", PASSWORD), ("ada", "short"), ("x" * 65, PASSWORD)])
def test_account_that_cannot_be_is_refused(name: str, password: str) -> None:
    with pytest.raises(ConfigError, match="choose another"):
        account_line(name, password)


def test_command_writes_the_line_of_a_password_that_it_is_given(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.passwords", "ada"]
    done = subprocess.run(command, cwd=ROOT, input=f"{PASSWORD}\n", capture_output=True, text=True, timeout=60, check=True)
    path = tmp_path / "accounts"
    path.write_text(done.stdout)
    assert read_accounts(path).fits("ada", PASSWORD)
    refused = subprocess.run(command, cwd=ROOT, input="short\n", capture_output=True, text=True, timeout=60, check=False)
    assert refused.returncode == 2 and "choose another" in refused.stderr and not refused.stdout
