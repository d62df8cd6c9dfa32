"""The sentences of faults, and telling a full disk from other faults."""

import errno

import pytest

from core.errors import ConfigError, DataError, MissingDataError, StudioError, is_disk_full, one_sentence


def test_config_error_begins_with_its_field() -> None:
    error = ConfigError("batch_size", "it is too large.")
    assert (str(error), error.field) == ("batch_size: it is too large.", "batch_size")


def test_config_error_without_a_field_is_its_message_alone() -> None:
    assert str(ConfigError("", "write name=value.")) == "write name=value."


def test_missing_data_is_a_data_error_that_the_page_may_show() -> None:
    error = MissingDataError("nowhere")
    assert isinstance(error, DataError)
    assert isinstance(error, StudioError)
    assert error.kind == "data"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_told_by_its_number(number: int) -> None:
    assert is_disk_full(OSError(number, "no room"))


def test_full_disk_is_told_from_the_text_of_safetensors() -> None:
    assert is_disk_full(RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"))


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "denied"), ValueError("28"), RuntimeError("(os error 280)")])
def test_other_faults_are_no_full_disk(error: Exception) -> None:
    assert not is_disk_full(error)


def test_sentence_of_a_fault_stands_on_one_line() -> None:
    assert one_sentence(ValueError("first\n  second\tthird")) == "first second third"


def test_sentence_of_a_fault_without_a_text_is_its_kind() -> None:
    assert one_sentence(KeyError()) == "KeyError"


def test_long_sentence_is_cut_at_a_word() -> None:
    text = one_sentence(ValueError("word " * 100), limit=50)
    assert len(text) <= 50
    assert text.endswith("word…")


def test_sentence_at_the_limit_is_kept_whole() -> None:
    assert one_sentence(ValueError("a" * 300)) == "a" * 300


def test_sentence_of_one_long_word_stays_below_the_limit() -> None:
    text = one_sentence(ValueError("a" * 500))
    assert len(text) == 300
    assert text.startswith("aaa")
