"""Builds the page in a process of its own, where Gradio may leave its sockets, and looks at who its handlers ask for."""

import sys
from pathlib import Path
from typing import Any

import gradio as gr

from ui.layout import build_page
from ui.studio import Studio


def kept_by(function: Any) -> list[Any]:
    """Return what a function was made with: its closure, and what a partial one holds."""
    inner = getattr(function, "func", None) or getattr(function, "__wrapped__", None)
    more = [*getattr(function, "args", ()), *(kept_by(inner) if inner else [])]
    return [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()] + more


def check_handlers(runs_dir: Path) -> None:
    blocks = build_page(Studio(runs_dir, None, is_hosted=True))
    # The page's start makes this longer: where it is called otherwise, that would change nothing.
    assert 0 < blocks._queue.sleep_when_free < 1
    visitor = next(block for block in blocks.blocks.values() if isinstance(block, gr.BrowserState))
    asking = [event for event in blocks.fns.values() if getattr(event.fn, "wants_visitor", False)]
    assert len(asking) > 60 and all(event.inputs[0] is visitor for event in asking)
    others = [event for event in blocks.fns.values() if event.fn is not None and event not in asking]
    with_studio = {event.fn.__name__ for event in others if any(isinstance(each, Studio) for each in kept_by(event.fn))}
    assert with_studio == {"start", "status", "stop", "score", "embed"}, "these take the token themselves"
    served_here = [each for block in blocks.blocks.values() for each in getattr(block, "server_fns", ())]
    own = [each for each in served_here if any(isinstance(kept, Studio) for kept in kept_by(each))]
    assert len(own) >= 9 and all(getattr(each, "asks_visitor", False) for each in own)


def main() -> None:
    check_handlers(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
