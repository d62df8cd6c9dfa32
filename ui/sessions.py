"""What the server keeps of each open page, and how it answers one.

Gradio describes every component of every page that opens, and again each one that it is told to change, so that the page as it
stands could be passed on as a link. This page offers no such link, and the descriptions are half of what opening it costs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from copy import copy
from types import SimpleNamespace
from typing import Any

import gradio as gr
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder

# What writes to whole tabs without that somebody pressed anything there, and how many of these are written at once.
WRITE_TABS = frozenset({"open_page", "look_at_runs"})
AT_ONCE = 2


class Answering(gr.Blocks):
    """A page whose answers cost only what they change, and where the short ones do not wait for all the long ones."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def process_api(self, block_fn: Any, *args: Any, **given: Any) -> dict[str, Any]:
        """Answer an event. Long answers take turns: at once each would be as late as the last, and the short ones with them."""
        is_long = getattr(block_fn, "name", None) in WRITE_TABS
        async with self._turns if is_long else contextlib.nullcontext():
            return await super().process_api(block_fn, *args, **given)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: SessionState | None) -> list[Any]:
        """Write an answer as the page reads it; Gradio would make anew each component that is left as it is, too."""
        outputs = block_fn.outputs
        if len(outputs) == 1 or not isinstance(predictions, (list, tuple)) or len(predictions) != len(outputs):
            return await super().postprocess_data(block_fn, predictions, state)
        told = [place for place, value in enumerate(predictions) if not (isinstance(value, dict) and value == gr.skip())]
        written = [None if output.stateful else gr.skip() for output in outputs]
        if told:
            few, values = copy(block_fn), [predictions[place] for place in told]
            few.outputs = [outputs[place] for place in told]
            # One value alone is told without a list around it.
            alone = len(values) == 1 and not block_fn.batch
            for place, answer in zip(
                told, await super().postprocess_data(few, values[0] if alone else values, state), strict=True
            ):
                written[place] = answer
        return written


class Session(SessionState):
    """The states and the changed components of one page, without their descriptions."""

    def __init__(self, blocks: gr.Blocks) -> None:
        # With no component to describe, all the rest is made as it is for any page.
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks=()))  # type: ignore[arg-type]

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(self.blocks_config.blocks.get(key), gr.State):
            super().__setitem__(key, value)
            self.config_values.clear()
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None:
        """Leave out what only a link would read."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Leave out what only a link would read."""


class Sessions(StateHolder):
    """All open pages, by the name that each gave itself."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            self.session_data[session_id] = Session(self.blocks)
        return super().__getitem__(session_id)


@contextlib.asynccontextmanager
async def with_sessions(app: App) -> AsyncIterator[None]:
    """Keep a server's pages so, from before its first page opens."""
    sessions = Sessions()  # type: ignore[no-untyped-call]
    sessions.set_blocks(app.get_blocks())
    app.state_holder = sessions
    yield
