"""Which encoding a text file is in: UTF-8 where it can be, else what its bytes look like most."""

import codecs
import re
from itertools import pairwise
from pathlib import Path

from charset_normalizer import from_bytes

from core.errors import DataError

BLOCK_BYTES = 1 << 20
GUESSED_FROM_BYTES = 1 << 17
# UTF-32's mark begins with the one of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))
# What Python makes of a byte that is no UTF-8, under errors="surrogateescape".
BROKEN_LETTER = re.compile("[\udc80-\udcff]")
# Bytes that are letters in one of these, and signs or rare letters in Windows' Western code page.
LETTERS_OF = {"cp1250": b"\x9a\x9d\x9e\x9f\xa3\xa5\xb3\xb9", "cp1254": b"\xf0\xfd\xfe"}
OTHER_SCRIPTS = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "cp932", "euc_jp", "gb18030", "big5", "cp949"]


def encoding_of(path: Path, where: str) -> tuple[str, list[str]]:
    """Return Python's name of a file's encoding, and a note where it is not UTF-8.

    Raises:
        DataError: the bytes are no text in any encoding that people use.
    """
    with path.open("rb") as file:
        head = file.read(GUESSED_FROM_BYTES)
    for mark, name in MARKS:
        if head.startswith(mark):
            return name, [] if name == "utf-8-sig" else [f"read as {name.upper()}"]
    wide = _utf16_without_a_mark(head)
    if wide:
        return wide, ["read as UTF-16"]
    if b"\0" in head or _count(head, CONTROLS) * 100 > len(head):
        raise DataError(f"{where} is no text file; save it as CSV, JSON lines, Parquet or plain text.")
    if _is_utf8(path):
        return "utf-8", []
    _refuse_broken_utf8(path, where)
    name = _readable(path, _guess(head))
    return name, [f"not UTF-8: read as {name.replace('_', '-')}, so check its accents below"]


def _count(text: bytes, wanted: bytes) -> int:
    return len(text) - len(text.translate(None, wanted))


def _guess(head: bytes) -> str:
    """Guess a code page: Windows' Western one wherever it reads as well as any other, since most such files are in it."""
    high = bytes(range(128, 256))
    # A Latin script has single accents among plain letters; other scripts have whole words of high bytes.
    beside = sum(first > 127 and second > 127 for first, second in pairwise(head))
    if beside * 3 > _count(head, high) * 2:
        other = from_bytes(head, cp_isolation=OTHER_SCRIPTS).best()
        return other.encoding if other else "cp1252"
    other = from_bytes(head, cp_isolation=list(LETTERS_OF)).best()
    letters = _count(head, LETTERS_OF[other.encoding]) if other else 0
    return other.encoding if other and letters * 20 > _count(head, high) else "cp1252"


def _refuse_broken_utf8(path: Path, where: str) -> None:
    """Refuse UTF-8 in which a few bytes are broken: read as something else, all its other accents would be wrong."""
    whole, broken, first = 0, 0, 0
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, 1):
            if line.isascii():
                continue
            bad = len(BROKEN_LETTER.findall(line))
            letters = len(line) - len(line.encode("ascii", errors="ignore"))
            whole, broken, first = whole + letters - bad, broken + bad, first or (bad and number)
            if broken > whole + 1000:
                return
    if whole > broken:
        raise DataError(f"{where}, line {first}: a letter is broken or cut off in this UTF-8 file; save it again as UTF-8.")


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
