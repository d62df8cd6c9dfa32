"""Who may sign in to a studio of one's own: a file of names and hashed passwords, one account a line.

`python -m core.passwords NAME >> accounts` asks for a password and writes the line. Passwords are kept as scrypt hashes
(RFC 7914) with a salt each; 32 MB and about a tenth of a second each guess.
"""

import argparse
import getpass
import hashlib
import hmac
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ConfigError, StudioError, one_sentence

NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")
LINE = re.compile(rf"({NAME.pattern}):scrypt:([0-9a-f]{{32}}):([0-9a-f]{{64}})")
SHORTEST, LONGEST = 8, 1024
ROUNDS, BLOCKS, LANES, MEMORY_BYTES = 2**15, 8, 1, 64 * 2**20


@dataclass(frozen=True)
class Accounts:
    """The accounts of one file: salt and hash by name."""

    known: Mapping[str, tuple[bytes, bytes]] = field(repr=False)

    def fits(self, name: str, password: str) -> bool:
        """Tell whether this is the password of that name; one that is not known takes as long as one that is."""
        if len(password) > LONGEST:
            return False
        salt, wanted = self.known.get(name, (b"", b""))
        return hmac.compare_digest(_hashed(password, salt), wanted)


def read_accounts(path: Path) -> Accounts:
    """Read a file of accounts; empty lines and such that begin with # are passed over.

    Raises:
        ConfigError: it cannot be read, has no account, or a line is none; the line is named by its number alone.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError("", f"The accounts in {str(path)[-120:]} cannot be read ({reason}); set STUDIO_AUTH_FILE.") from None
    known = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = LINE.fullmatch(line.strip())
        if found is None or found[1] in known:
            fault = "no account" if found is None else "a second account of the same name"
            raise ConfigError("", f"Line {number} of {path.name[:60]} is {fault}; write it with python -m core.passwords NAME.")
        known[found[1]] = bytes.fromhex(found[2]), bytes.fromhex(found[3])
    if not known:
        raise ConfigError("", f"{path.name[:60]} has no account; add one with python -m core.passwords NAME.")
    return Accounts(known)


def account_line(name: str, password: str) -> str:
    """Return the line of an account.

    Raises:
        ConfigError: the name or the password cannot be one.
    """
    if not NAME.fullmatch(name):
        raise ConfigError("", "A name has 1 to 64 letters, digits and . _ @ -; choose another.")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError("", f"A password has {SHORTEST} to {LONGEST:,} characters; choose another.")
    salt = secrets.token_bytes(16)
    return f"{name}:scrypt:{salt.hex()}:{_hashed(password, salt).hex()}"


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=ROUNDS, r=BLOCKS, p=LANES, maxmem=MEMORY_BYTES, dklen=32)


def _asked() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise ConfigError("", "These are two different passwords; try again.")
    return password


def main() -> int:
    """Ask for a password, or read it from a pipe, and write the account's line."""
    parser = argparse.ArgumentParser(prog="python -m core.passwords", description="Write a line for STUDIO_AUTH_FILE.")
    parser.add_argument("name", metavar="NAME")
    name = parser.parse_args().name
    try:
        password = _asked() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        line = account_line(name, password)
    except StudioError as error:
        sys.stderr.write(f"{one_sentence(error)}\n")
        return 2
    sys.stdout.write(f"{line}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
