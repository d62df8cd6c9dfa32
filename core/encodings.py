"""Which encoding a text file is in: UTF-8 where it can be, else what its bytes look like most."""

import codecs
from pathlib import Path

from charset_normalizer import from_bytes

from core.errors import DataError

BLOCK_BYTES = 1 << 20
GUESSED_FROM_BYTES = 1 << 17
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(path: Path, where: str) -> tuple[str, list[str]]:
    """Return Python's name of a file's encoding, and a note where it is not UTF-8.

    Raises:
        DataError: the bytes are no text in any encoding that people use.
    """
    with path.open("rb") as file:
        head = file.read(GUESSED_FROM_BYTES)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name, [] if name == "utf-8-sig" else ["read as UTF-16"]
    wide = _utf16_without_a_mark(head)
    if wide:
        return wide, ["read as UTF-16"]
    if b"\0" in head:
        raise DataError(f"{where} is no text file; save it as CSV, JSON lines, Parquet or plain text.")
    if _is_utf8(path):
        return "utf-8", []
    best = from_bytes(head).best()
    # A byte that is no UTF-8 may stand far behind the head; Windows' Western code page then reads the rest.
    name = best.encoding if best and best.encoding not in ("utf_8", "ascii") else "cp1252"
    if name in ("latin_1", "iso8859_1"):
        name = "cp1252"
    return _readable(path, name), [f"not UTF-8: read as {name.replace('_', '-')}, so check its accents below"]


def _utf16_without_a_mark(head: bytes) -> str | None:
    """Tell UTF-16 by its zeros: in Western text every second byte is one."""
    even, odd = head[0:4096:2], head[1:4096:2]
    if len(odd) >= 4 and odd.count(0) > 0.4 * len(odd) and even.count(0) == 0:
        return "utf-16-le"
    if len(even) >= 4 and even.count(0) > 0.4 * len(even) and odd.count(0) == 0:
        return "utf-16-be"
    return None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _readable(path: Path, name: str) -> str:
    """Return the encoding if the whole file can be read in it, else Latin-1, in which every byte is a letter."""
    try:
        with path.open(encoding=name) as file:
            while file.read(BLOCK_BYTES):
                pass
    except (UnicodeError, LookupError):
        return "latin-1"
    return name
