"""Whether anything about the runs changed: an open page asks by a script, which costs half of what an event of Gradio's does."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.disk_use import changed_ns
from core.hub_models import MODELS
from core.launching import ensure_supervisor
from core.queue import Queue, queue_of, read_queue
from core.run_store import list_runs
from core.runs import Status
from ui.studio import Studio, served

# The script reads what is chosen, whoever chose it: the page may have failed to show it.
TELL_CHOICE = "name => { window.chosenRun = name; }"
AWAY = '<div class="away" role="status" hidden>The app does not answer. Runs go on without it. Trying again…</div>'
SCRIPT = (Path(__file__).parent / "news.js").read_text(encoding="utf-8")
# While nothing of one's own waits or goes on, only another page or program could change something.
BUSY_MS, IDLE_MS = 1000, 2000


@dataclass(frozen=True)
class RunsSeen:
    """The runs at one look: the one to show, all of them, and a text that changes when anything on the page would.

    That text is `mark`; its part `own` changes with the run that is shown, its part `made` with the models to choose from.
    `turn` is what the live figure follows: the run and its rank, which is another one once the run is resumed.
    """

    chosen: str | None
    turn: str
    chosen_is_final: bool
    choices: list[tuple[str, str]]
    own: str
    made: str
    mark: str
    is_busy: bool


def build_news(studio: Studio) -> gr.HTML:
    """Lay out nothing that is seen while the app answers: its value is the mark of what the page shows.

    Its event `arrived` says that there is more to see.
    """
    return gr.HTML(
        "",
        html_template=AWAY,
        js_on_load=SCRIPT,
        server_functions=[served(has_news, studio)],
        apply_default_css=False,
        elem_id="news",
    )


def has_news(studio: Studio, told: list[Any]) -> dict[str, Any]:
    """Answer the script: [mark of what the page shows, run that is chosen] -> whether that has changed, and when to ask again."""
    ensure_supervisor(studio.runs_dir)
    mark = str(told[0])
    seen = see_runs(studio, str(told[1] or "") or mark.partition(" ")[0])
    return {"news": seen.mark != mark, "wait": BUSY_MS if seen.is_busy else IDLE_MS}


def see_runs(studio: Studio, name: str | None) -> RunsSeen:
    """Look at the runs' states; without a choice, show the one that goes on or else the latest."""
    listed = list_runs(studio.runs_dir)
    states = {run.id: status for run, status in listed}
    going = [run for run, status in states.items() if status.is_working]
    chosen = name if name in states else next(iter([*going, *states]), None)
    # The others' runs are looked at only for the place of one that waits: every visitor's page asks this all the time.
    waits = any(status.state == "queued" for status in states.values())
    queue = read_queue(studio.runs_dir) if waits else queue_of(listed)
    choices = [(f"{studio.called(run)} · {_called_state(queue, run, status)}", run) for run, status in states.items()]
    is_final = chosen is None or states[chosen].is_final
    turn = "" if chosen is None else f"{chosen} {states[chosen].rank}"
    own = "" if chosen is None else _digest((turn, states[chosen].state, _changes_in(studio.runs_dir / chosen / "scores")))
    made = _digest(([run for run, status in states.items() if status.has_model], changed_ns(studio.runs_dir / MODELS)))
    # The detail as well: the stages of a chain are told by it.
    rest = _digest((choices, "" if chosen is None else states[chosen].detail))
    mark = f"{mark_of(chosen, is_final)}{own} {made} {rest}"
    return RunsSeen(chosen, turn, is_final, choices, own, made, mark, waits or bool(going))


def _changes_in(folder: Path) -> list[tuple[str, int]]:
    return sorted((path.name, changed_ns(path)) for path in folder.glob("*.json"))


def _digest(seen: Any) -> str:
    return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def mark_of(chosen: str | None, is_final: bool) -> str:
    """Return how a mark begins: the run that is shown, first, and whether it goes on."""
    return f"{chosen} {'ended' if is_final else 'goes on'} "


def _called_state(queue: Queue, run: str, status: Status) -> str:
    """Return a run's state; of one that waits its place, which changes when others are moved."""
    place = queue.place(run)
    return f"queued, place {place} of {len(queue.waiting)}" if place else status.state
