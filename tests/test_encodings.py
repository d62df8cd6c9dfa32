"""Encodings: what people's files are in is found, read and noted; what is no text is refused."""

from pathlib import Path

import pytest

from core.encodings import encoding_of
from core.errors import DataError

GERMAN = "Grüße aus Köln, schöne Straße und süße Äpfel\n"


def read(folder: Path, content: bytes) -> tuple[str, list[str]]:
    """Return a file's text in the encoding that was found, and the notes."""
    path = folder / "a.txt"
    path.write_bytes(content)
    encoding, notes = encoding_of(path, "a.txt")
    return path.read_text(encoding=encoding), notes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_is_read_without_a_note(tmp_path: Path, encoding: str) -> None:
    text = GERMAN + "😀👩‍👩‍👧 שלום עולם مرحبا \u202eabc\n"
    assert read(tmp_path, text.encode(encoding)) == (text, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_with_and_without_a_mark(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, GERMAN.encode(encoding)) == (GERMAN, ["read as UTF-16"])


def test_mark_of_utf32_is_not_taken_for_the_one_of_utf16(tmp_path: Path) -> None:
    assert read(tmp_path, GERMAN.encode("utf-32")) == (GERMAN, ["read as UTF-32"])


@pytest.mark.parametrize(
    "text",
    [
        "text\nGrüße\n",
        GERMAN,
        "Café à Paris, déjà vu, où est l'élève\n",
        "¿Cómo estás? Mañana iré al campo\n",
        "Åke går på gatan och äter en smörgås\n",
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("times", [1, 30])
def test_western_files_are_read_and_noted(tmp_path: Path, text: str, encoding: str, times: int) -> None:
    assert read(tmp_path, (text * times).encode(encoding)) == (
        text * times,
        ["not UTF-8: read as cp1252, so check its accents below"],
    )


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "“Grüße” – it’s €5\n"),
        ("cp1250", "Zażółć gęślą jaźń, proszę państwa, już idę\n"),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy\n"),
        ("cp1254", "Bugün hava çok güzel, şimdi dışarı çıkıyoruz\n"),
        ("cp1251", "Привет, мир! Как дела сегодня, друзья мои\n"),
        ("cp1253", "Καλημέρα κόσμε, τι κάνεις\n"),
        ("cp932", "こんにちは世界、今日は天気がいい\n"),
        ("gbk", "你好世界，今天天气很好\n"),
        ("cp949", "안녕하세요 세계, 오늘 날씨가 좋네요\n"),
    ],
)
def test_other_code_pages_are_told_by_their_letters(tmp_path: Path, encoding: str, text: str) -> None:
    found, notes = read(tmp_path, (text * 30).encode(encoding))
    assert found == text * 30
    assert "not UTF-8" in notes[0]


def test_accent_far_behind_the_head_is_read(tmp_path: Path) -> None:
    text = "a plain line\n" * 20_000 + "Grüße\n"
    assert read(tmp_path, text.encode("latin-1"))[0] == text


@pytest.mark.parametrize("broken", [b"Gr\xfc\xdfe\n", "ü".encode()[:1]])
def test_broken_letter_in_utf8_is_named_by_its_line(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(DataError, match=r"^a\.txt, line 4: a letter is broken or cut off"):
        read(tmp_path, GERMAN.encode() * 3 + broken)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), bytes(range(1, 256)) * 20])
def test_binary_file_is_no_text_file(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"^a\.txt is no text file"):
        read(tmp_path, content)


def test_empty_file_is_utf8(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == ("", [])
