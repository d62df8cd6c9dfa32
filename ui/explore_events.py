"""What happens when something is chosen on the Explore tab."""

from typing import Any

import gradio as gr

from core.files import read_json
from core.measuring import ANSWER, MEASURED
from core.run_store import list_runs
from core.spaces import snapshot_steps
from ui.explore_tab import THE_PROBES, map_value
from ui.page import QUIET, Page
from ui.studio import Studio, bound


def wire_explore(studio: Studio, page: Page) -> None:
    """Wire the choices; both lists are made anew when they are entered."""
    tab = page.explore
    tab.texts.focus(bound(list_texts, studio), page.run, tab.texts, **QUIET)
    tab.beside.focus(bound(list_beside, studio), page.run, tab.beside, **QUIET)
    for choice in (tab.texts, tab.beside):
        choice.input(map_value, [page.run, tab.texts, tab.beside], tab.map, **QUIET)


def list_texts(studio: Studio, run: str | None) -> Any:
    """Return the texts that this run's models have read: its probes, and what was made ready to be asked."""
    choices = [THE_PROBES]
    for path in sorted((studio.runs_dir / MEASURED).glob(f"*/{ANSWER}"), key=lambda found: -found.stat().st_mtime):
        answer = read_json(path) or {}
        models = [str(model.get("name")) for model in answer.get("models", []) if isinstance(model, dict)]
        if answer.get("task") == "index" and (f"run:{run}" in models or len(models) == 1):
            choices.append((f"{answer['texts']:,} texts of {answer['found']}", path.parent.name))
    return gr.update(choices=choices)


def list_beside(studio: Studio, run: str | None) -> Any:
    """Return the other runs that kept snapshots, newest first."""
    found = [(f"{studio.called(each.id)} · {status.state}", each.id) for each, status in list_runs(studio.runs_dir)
             if each.id != run and snapshot_steps(each.path / "snapshots")]  # fmt: skip
    return gr.update(choices=found)
