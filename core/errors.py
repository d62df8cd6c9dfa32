"""What can go wrong, as a tree. Every message is one sentence or two: what is wrong, then what to do.

StudioError
├── ConfigError      a setting is wrong or does not fit another one
├── DataError        rows cannot be read or used
│   └── MissingDataError   there are none
├── ModelError       a base model cannot be found or loaded
├── RunError         a run cannot be made, read or changed
├── DiskFullError    nothing more can be written
├── DivergenceError  training has left the numbers that mean something
└── MachineError     this machine lacks what was asked of it
"""

import errno
import time
import traceback
from collections.abc import Iterator
from typing import ClassVar

DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StudioError(Exception):
    """A fault that a person can mend; its text is shown on the page, `kind` is kept in `status.json`."""

    kind: ClassVar[str] = "studio"


class ConfigError(StudioError):
    """A setting is wrong or does not fit another one; `field` names it."""

    kind = "config"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class DataError(StudioError):
    """Rows cannot be found, read or used."""

    kind = "data"


class MissingDataError(DataError):
    """Rows are nowhere that was looked."""


class ModelError(StudioError):
    """A base model cannot be found or loaded."""

    kind = "model"


class RunError(StudioError):
    """A run cannot be made, read or changed."""

    kind = "run"


class DiskFullError(StudioError):
    """Nothing more can be written where the runs are kept."""

    kind = "diskfull"


class DivergenceError(StudioError):
    """The loss, the gradient or the embeddings are no numbers any more, or all the same."""

    kind = "divergence"


class MachineError(StudioError):
    """This machine lacks what was asked of it."""

    kind = "machine"


def is_disk_full(error: BaseException) -> bool:
    """Tell whether a write failed for lack of space, also when safetensors reports it as text."""
    if isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS:
        return True
    text = str(error).lower()
    return any(f"os error {number})" in text for number in DISK_FULL_ERRNOS)


def one_sentence(error: BaseException, limit: int = 300) -> str:
    """Return an error's text on one line, cut at a word so that it has at most `limit` characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0] + "…"


def hide_words() -> None:
    """Leave what exceptions say out of every traceback of this process: checks of libraries quote what a visitor has sent."""

    def kind_alone(self: traceback.TracebackException, **_: object) -> Iterator[str]:
        yield f"{getattr(self, 'exc_type_str', None) or getattr(self.exc_type, '__name__', 'Exception')}\n"

    # What the server logs and what Gradio prints both come by here.
    setattr(traceback.TracebackException, "format_exception_only", kind_alone)  # noqa: B010


def without_words(error: BaseException) -> str:
    """Return where a fault happened and its kind, as a log may hold it: its own words could hold a person's text."""
    places = traceback.extract_tb(error.__traceback__)
    where = [f"  {place.filename}:{place.lineno} {place.name}" for place in places]
    return "\n".join([f"{time.strftime('%H:%M:%S')} {type(error).__name__}", *where])
