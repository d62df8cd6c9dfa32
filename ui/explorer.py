"""The map and the film on the page: a `gr.HTML` whose script asks for one space's frames."""

from pathlib import Path
from typing import Any

import gradio as gr

from core.desk_client import ask_desk
from core.errors import StudioError, one_sentence
from core.explore_answers import films_of, open_asked, saved_page, space_json
from core.film_page import markup, scripts, style
from core.spaces import Space, snapshot_steps
from ui.live import HEAD
from ui.studio import Studio, served

SCRIPT = scripts() + (Path(__file__).parent / "explorer.js").read_text(encoding="utf-8")
NO_RUN = "No run yet. Start one on the Train tab: its texts appear here, and you can watch its space form."
NOT_YET = "The map is drawn as soon as the untouched model has read its texts."
KEYS = ("run", "index", "method", "neighbours", "min_dist")
MOST_BESIDE = 3


def build_explorer(studio: Studio) -> gr.HTML:
    """Lay out the explorer; its value is `{"run": id, "beside": [ids], "index": folder's name or nothing}`."""
    return gr.HTML(
        value={},
        html_template=markup(),
        css_template=style(),
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[served(each, studio) for each in (space_of, type_on_map, save_map, warm_map)],
        apply_default_css=False,
        elem_id="map",
    )


def space_of(studio: Studio, told: list[Any]) -> dict[str, Any]:
    """Answer the script: [value, mark of what it shows, whether places alone will do] -> texts and films, where they changed."""
    value, mark, quick = told[0], str(told[1]), bool(told[2])
    try:
        asked = _asked(value)
        if not asked.get("run") and not asked.get("index"):
            return {"fault": NO_RUN, "final": True}
        is_live = _is_live(studio, asked)
        beside = _beside(value)
        space = open_asked(studio.runs_dir, asked)
        others = [(name, open_asked(studio.runs_dir, {"run": name}).steps, _is_live(studio, {"run": name})) for name in beside]
        is_live = is_live or any(live for _, _, live in others)
        seen = f"{asked}{others}{space.steps}{space.kept}{is_live}{quick}"
        answer: dict[str, Any] = {"mark": seen, "final": not is_live, "isLive": is_live}
        answer["says"] = _says(asked, space, is_live)
        if seen != mark:
            answer["films"] = films_of(studio.runs_dir, asked | {"quick": quick}, beside)
            answer["space"] = space_json(studio.runs_dir, asked, space)
        return answer
    except StudioError as error:
        waits = not value.get("index") and _is_live(studio, value)
        is_early = waits and not snapshot_steps(studio.runs_dir / str(value.get("run")) / "snapshots")
        return {"fault": NOT_YET if is_early else one_sentence(error), "final": not waits, "isLive": waits}


def _asked(value: dict[str, Any]) -> dict[str, Any]:
    return {key: value[key] for key in KEYS if value.get(key) is not None}


def _beside(value: dict[str, Any]) -> list[str]:
    return [str(name) for name in (value.get("beside") or ())[:MOST_BESIDE]]


def _is_live(studio: Studio, asked: dict[str, Any]) -> bool:
    run = None if asked.get("index") else studio.run(str(asked.get("run") or ""))
    status = run.status() if run else None
    return status is not None and not status.is_final


def _says(asked: dict[str, Any], space: Space, is_live: bool) -> str:
    if asked.get("index"):
        return f"{space.found}, read by {'the untouched and by the tuned model' if len(space.models) > 1 else 'one model'}."
    return f"{space.found}, read before the first step and at log-spaced steps" + (
        "; the run goes on, and new frames come by themselves." if is_live else "."
    )


def type_on_map(studio: Studio, told: list[Any]) -> dict[str, Any]:
    """Answer the script: [value, typed texts] -> where they lie before and after, or what is wrong."""
    try:
        return ask_desk(studio.runs_dir, "place", _asked(told[0]) | {"texts": [str(text) for text in told[1]]})
    except StudioError as error:
        return {"fault": one_sentence(error)}


def save_map(studio: Studio, told: list[Any]) -> dict[str, Any]:
    """Answer the script: [value] -> the space as one HTML file, or what is wrong."""
    try:
        return {"html": saved_page(studio.runs_dir, _asked(told[0]), _beside(told[0]))}
    except StudioError as error:
        return {"fault": one_sentence(error)}


def warm_map(studio: Studio, _told: list[Any]) -> dict[str, Any]:
    """Let the desk get UMAP ready while nothing trains; the first use would take a minute."""
    try:
        return ask_desk(studio.runs_dir, "warm", {})
    except StudioError:
        # The first use then takes longer, and says so.
        return {}
