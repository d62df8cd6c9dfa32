"""What waits for the device, as a compact block: each run with its place, and buttons to move it or to take it out."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from core.errors import StudioError, one_sentence
from core.files import read_json
from core.launching import ensure_supervisor
from core.queue import Listed, Queue, move, remove
from core.runs import RunFolder
from ui.drawn import build_drawn
from ui.html import hint
from ui.studio import Studio

TELL_APART = {"epochs": "epochs", "time_budget_seconds": "seconds", "max_steps": "steps at most"}
STRANGERS = "another visitor's run"


def build_queue() -> gr.HTML:
    """Lay out the block; its event `choose` tells the settings of a pressed button, for `press_in_queue`."""
    return build_drawn("queue")


def queue_html(studio: Studio, queue: Queue, shown: str | None) -> str:
    """Return what runs and what waits, in its order, the run that the page shows in bold; nothing where nothing waits."""
    if not queue.waiting:
        return ""
    working = [f"{_called(studio, run)} ({status.state})" for run, status in queue.working]
    now = ", ".join(working) or "nothing yet; the first starts in a moment"
    mine = [each for each in queue.waiting if each[0].runs_dir == studio.runs_dir]
    rows = "".join(_row(studio, queue, each, mine, shown) for each in queue.waiting)
    count, place = len(queue.waiting), queue.place(shown or "")
    line = f" The run that is shown has place {place}." if place else ""
    return (
        f'<div class="card"><h3>{count} {"run waits" if count == 1 else "runs wait"}</h3>{hint(f"Now: {now}.{line}")}'
        f'<div class="scroll rows"><table class="facts"><tbody>{rows}</tbody></table></div></div>'
    )


def _called(studio: Studio, run: RunFolder) -> str:
    return studio.called(run.id) if run.runs_dir == studio.runs_dir else STRANGERS


def _row(studio: Studio, queue: Queue, waiting: Listed, mine: list[Listed], shown: str | None) -> str:
    run, status = waiting
    place = f'<td class="number">{queue.place(run.id)}</td>'
    if waiting not in mine:
        return f"<tr>{place}<td>{STRANGERS}</td><td></td><td></td></tr>"
    index = mine.index(waiting)
    above = mine[index - 1] if index else None
    below = mine[index + 1] if index + 1 < len(mine) else None
    buttons = (
        _button("↑", run, "up", f"Move {run.id} up", above is not None and status.after != above[0].id),
        _button("↓", run, "down", f"Move {run.id} down", below is not None and below[1].after != run.id),
        _button("Remove", run, "remove", f"Remove {run.id} from the queue", True),
    )
    bold = ' class="shown"' if run.id == shown else ""
    named = f"{escape(studio.called(run.id))}{_after(status.after and studio.called(status.after))}"
    return (
        f'<tr{bold}>{place}<td title="{escape(run.id)}">{named}</td>'
        f'<td>{escape(_what(waiting))}</td><td class="moves">{" ".join(buttons)}</td></tr>'
    )


def _after(before: str | None) -> str:
    return f'<br><span class="origin">after {escape(before)}</span>' if before else ""


def _what(waiting: Listed) -> str:
    config = read_json(waiting[0].path / "config.json") or {}
    # Two runs of one recipe are told apart by what was set for each.
    set_by_hand = [f", {config[name]:g} {words}" for name, words in TELL_APART.items() if config.get(name)]
    return f"{config.get('base_model', '')} on {config.get('data', '')}{''.join(set_by_hand)}"


def _button(text: str, run: RunFolder, wish: str, label: str, works: bool) -> str:
    told = escape(json.dumps({"run": run.id, "wish": wish}), quote=True)
    off = "" if works else " disabled"
    named = escape(label, quote=True)
    return f'<button type="button" class="small" data-set="{told}" title="{named}" aria-label="{named}"{off}>{text}</button>'


def press_in_queue(studio: Studio, wish: Mapping[str, Any]) -> None:
    """Move the run of a pressed button, or take it out of the queue.

    Raises:
        gr.Error: it does not wait any more, or it cannot go there.
    """
    run = studio.run(str(wish.get("run") or ""))
    if run is None:
        return
    try:
        if wish.get("wish") == "remove":
            remove(run)
        else:
            move(run, up=wish.get("wish") == "up")
        ensure_supervisor(studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
