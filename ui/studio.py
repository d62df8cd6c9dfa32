"""What every handler needs to know of this app: where runs and data lie, and whom it follows."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import ConfigError, RunError, StudioError, one_sentence, without_words
from core.hosting import names_file, names_folder
from core.machine import Machine, read_machine
from core.places import Places
from core.run_store import open_owned, open_run
from core.runs import RUN_ID, RunFolder, short_name
from core.series import FollowedRuns
from core.visitors import owner_of, shelf_of, studio_of
from ui.html import problem


@dataclass(frozen=True)
class Studio:
    """One running app."""

    runs_dir: Path
    data_dir: Path | None
    followed: FollowedRuns = field(default_factory=FollowedRuns)
    serves_others: bool = False
    is_hosted: bool = False
    token: str = field(default="", repr=False)

    def seen_by(self, token: object) -> "Studio":
        """Return the studio as a visitor may see it: where strangers share it, with a runs folder of their own."""
        if not self.is_hosted:
            return self
        return replace(self, runs_dir=shelf_of(studio_of(self.runs_dir), owner_of(token)), token=str(token))

    def check_paths(self, yours: Mapping[str, Any]) -> None:
        """Refuse files and folders of this machine where the page is served to others: they are not theirs to read.

        Raises:
            ConfigError: a setting names one.
        """
        if not self.serves_others:
            return
        for key in ("base_model", "mining.model", "mining.judge", "teacher", "silver.judge"):
            # A program may give them nested as well.
            part, _, name = key.partition(".")
            inside = yours.get(part)
            named = str(yours.get(key) or (inside.get(name) if isinstance(inside, Mapping) else "") or "")
            if named and names_folder(named):
                raise ConfigError(key, "folders of this machine cannot be named here; choose one of the list.")
        if names_file(str(yours.get("data", ""))):
            raise ConfigError("data", "files of this machine cannot be named here; upload yours.")

    @property
    def machine(self) -> Machine:
        """What this machine can do, as far as it is known by now."""
        return read_machine(self.runs_dir)

    @property
    def places(self) -> Places:
        """Where rows are looked for."""
        return Places(self.data_dir, self.runs_dir)

    def called(self, name: str) -> str:
        """Return what a person reads for a run's id; strangers read nothing for what is none."""
        return short_name(name, self.runs_dir) if RUN_ID.fullmatch(name) or not self.is_hosted else ""

    def run(self, name: str | None) -> RunFolder | None:
        """Return a run by its id, or None where none was chosen or it was deleted meanwhile."""
        # What a page sends may be anything.
        if not isinstance(name, str):
            return None
        try:
            if name and self.is_hosted:
                return open_owned(studio_of(self.runs_dir), name, self.token)
            return open_run(self.runs_dir, name) if name else None
        except RunError:
            return None


def bound(handler: Callable[..., Any], studio: Studio) -> Callable[..., Any]:
    """Give a handler of the page the studio of whoever calls it: the token comes before its inputs (`tell_visitors`)."""

    def call(*given: Any) -> Any:
        return handler(studio.seen_by(given[0]), *given[1:])

    def stream(*given: Any) -> Iterator[Any]:
        yield from call(*given)

    # Gradio looks at the function itself for whether it answers more than once.
    told: Any = stream if inspect.isgeneratorfunction(handler) else call
    told.__name__ = handler.__name__
    told.wants_visitor = True
    return told  # type: ignore[no-any-return]


def served(handler: Callable[..., Any], studio: Studio) -> Callable[..., Any]:
    """Give a server function the studio of whoever calls it: its script sends the token as the first of a list."""

    def call(told: list[Any]) -> Any:
        try:
            with faults_told():
                return handler(studio.seen_by(told[0]), told[1:])
        except gr.Error as error:
            # Gradio's script hands on no fault, and the server would log it, words and all: it is an answer as any other.
            said = str(error.message)
            return {"fault": said, "html": problem(said), "mark": said, "final": True}

    call.__name__ = handler.__name__
    call.asks_visitor = True  # type: ignore[attr-defined]
    return call


def tell_visitors(blocks: gr.Blocks, visitor: gr.BrowserState) -> None:
    """Have every event of a page send the visitor's token and tell its faults in a sentence, so that none can be forgotten."""
    for event in blocks.fns.values():
        event.fn = guarded(event.fn) if event.fn else None
        if getattr(event.fn, "wants_visitor", False):
            event.inputs = [visitor, *event.inputs]


@contextmanager
def faults_told() -> Iterator[None]:
    """Turn whatever goes wrong into a sentence; of a fault of the studio's own the log holds the place, never a person's text.

    Raises:
        gr.Error: the sentence.
    """
    try:
        yield
    except gr.Error:
        raise
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    except Exception as error:  # noqa: BLE001  the last line of defence: a page may send what no person can choose
        print(without_words(error), file=sys.stderr, flush=True)  # noqa: T201
        said = f"This could not be done ({type(error).__name__}), which is a fault of the studio's own; reload the page."
        raise gr.Error(said, print_exception=False) from None


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler of the same kind whose faults are told by `faults_told`."""

    @functools.wraps(handler)
    def call(*given: Any, **named: Any) -> Any:
        with faults_told():
            return handler(*given, **named)

    @functools.wraps(handler)
    def stream(*given: Any, **named: Any) -> Iterator[Any]:
        with faults_told():
            yield from handler(*given, **named)

    @functools.wraps(handler)
    async def wait(*given: Any, **named: Any) -> Any:
        with faults_told():
            return await handler(*given, **named)

    if inspect.isgeneratorfunction(handler):
        return stream
    return wait if inspect.iscoroutinefunction(handler) else call
