"""A job's folder on the page: a `gr.HTML` whose script asks for the view until the work is done."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from core.files import read_json
from core.jobs import FETCHING, JOB_FOLDERS, MINED_FOLDER
from core.prepared import PREPARED
from core.runs import RunFolder, Status
from ui.data_view import findings_card, held_out_line, pictures, preview_table, shapes_table, summary_line, trouble_card
from ui.drawn import FIGURES_SCRIPT
from ui.html import hint, problem, set_button
from ui.job_cards import CARDS
from ui.live import HEAD
from ui.negatives_view import negatives_card
from ui.studio import Studio, served

SCRIPT = FIGURES_SCRIPT + (Path(__file__).parent / "data.js").read_text(encoding="utf-8")
TEMPLATE = """
<div class="working" hidden>
  <span aria-live="polite"></span>
  <div class="bar" role="progressbar" aria-label="How far this work is"><div></div></div>
  <button type="button" class="small">Cancel</button>
</div>
<div class="job-view" aria-live="polite"></div>
"""
NAME = re.compile(r"[0-9a-z][0-9a-z-]{2,79}")
FRESH_SECONDS = 5.0


def build_job_view(studio: Studio, elem_id: str) -> gr.HTML:
    """Lay out the view; its value is `{"kind": job folder, "name": folder's name, ...}` and what else the view depends on.

    Its events: `choose` with the settings of a pressed button, `ended` when the work has just come to its end.
    """
    return gr.HTML(
        value={},
        html_template=TEMPLATE,
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[served(news_of_job, studio)],
        apply_default_css=False,
        elem_id=elem_id,
    )


def news_of_job(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the script: [value, mark of the view it shows] -> how far the work is, and the view where it changed.

    What moves with each pull is told apart from the view: a button that is replaced under the pointer cannot be pressed.
    """
    value, mark = asked[0], str(asked[1])
    if value.get("fault"):
        get = set_button("Get it from the Hub", {"get": value["get"]}) if value.get("get") else ""
        return {"html": problem(str(value["fault"])) + get, "mark": f"fault {value['fault']}", "final": True, "working": None}
    run = open_job(studio, value)
    status = run.status() if run else None
    if run is None or status is None:
        return {"html": "", "mark": "nothing", "final": True, "working": None}
    seen = repr((run.id, status.is_final and status.finished, _preview_age(run), sorted(value.items())))
    answer: dict[str, Any] = {"mark": seen, "final": status.is_final, "working": None}
    if not status.is_final:
        answer["working"] = _working(status, studio.followed.news(run.events_path, 0, 0)["progress"])
    elif time.time() - (status.finished or 0) < FRESH_SECONDS:
        answer["ended"] = True
    if seen != mark:
        answer["html"] = job_view(run, status, value)
    return answer


def open_job(studio: Studio, value: Mapping[str, Any]) -> RunFolder | None:
    """Return the folder that a view's value names, or None where it names none."""
    kind, name = str(value.get("kind", "")), str(value.get("name", ""))
    if kind not in JOB_FOLDERS or not NAME.fullmatch(name):
        return None
    return RunFolder(studio.runs_dir / kind / name)


def _preview_age(run: RunFolder) -> int:
    path = run.path / "preview.json"
    return path.stat().st_mtime_ns if path.is_file() else 0


def job_view(run: RunFolder, status: Status, value: Mapping[str, Any]) -> str:
    """Return a job as the page shows it, at whatever point it is."""
    if run.path.parent.name == PREPARED and status.is_final and not (run.path / "report.json").is_file():
        said = status.error.get("message") or status.detail
        return trouble_card(str(said), read_json(run.path / "config.json") or {}, read_json(run.path / "preview.json"))
    if status.error.get("message"):
        return problem(str(status.error["message"]))
    ended = hint(status.detail) if status.is_final else ""
    if run.path.parent.name in CARDS:
        file, card = CARDS[run.path.parent.name]
        answer = read_json(run.path / file)
        return card(answer) if answer else ended
    if run.path.parent.name == MINED_FOLDER:
        return negatives_card(read_json(run.path / "negatives.json"), int(value.get("batch_size", 2))) or ended
    if run.path.parent.name == FETCHING:
        return ended
    report, preview = read_json(run.path / "report.json"), read_json(run.path / "preview.json")
    if report is None:
        return preview_table(preview, checking=True)
    return (
        summary_line(report)
        + shapes_table(report, value)
        + preview_table(preview, checking=False)
        + held_out_line(report)
        + findings_card(report, value)
        + pictures(report, value)
    )


def _working(status: Status, progress: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return how far the work is: a line, and the share done, 0..1."""
    if status.state == "queued":
        return {"text": "Waiting for its turn…", "share": 0.0}
    if not progress:
        return {"text": f"{status.detail}…", "share": 0.03}
    done = f": {progress['done']:,} so far" if progress["phase"] == "Reading rows" else ""
    return {"text": f"{progress['phase']}{done}…", "share": min(1.0, progress["done"] / max(1, progress["total"]))}
