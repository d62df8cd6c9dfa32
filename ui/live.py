"""The live figure: a `gr.HTML` whose script pulls what it has not drawn yet."""

from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import plotly

from core.machine import usable_cores
from core.measures import MEASURES
from core.queue import read_queue
from core.runs import RunFolder, Status
from ui.studio import Studio, served

# plotly.js comes from the installed package: the page works without a network. No slash before it: behind a proxy the page has
# a path of its own.
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
HEAD = f'<script src="gradio_api/file={PLOTLY_JS}"></script>'
SCRIPT = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("live_charts.js", "live.js"))
SPEEDS = {
    "rate": "Learning rate",
    "norm": "Gradient norm",
    "speed": "Examples a second",
    "tokens": "Tokens a second",
}
CONTROLS = """
<div class="controls">
  <label>Smoothing <input type="range" min="0" max="0.99" step="0.01" value="0.6" data-control="smoothing">
    <output>0.60</output></label>
  <label><input type="checkbox" data-control="log"> Log scale</label>
  <label>x axis <select data-control="along">
    <option value="step">steps</option><option value="epoch">epochs</option><option value="seconds">seconds</option>
  </select></label>
</div>
"""


def _chart(name: str, title: str, reading: str = "") -> str:
    line = f"<p>{escape(reading)}</p>" if reading else ""
    return f'<div class="chart small"><h4>{escape(title)}</h4>{line}{_plot(name, title)}</div>'


def _plot(name: str, title: str) -> str:
    return f'<div class="plot" role="img" aria-label="{escape(title, quote=True)}" data-plot="{name}"></div>'


TEMPLATE = f"""
<div class="live">
  <div class="says" aria-live="polite"></div>
  <div class="bar" role="progressbar" aria-label="This phase" hidden><div></div></div>
  <div class="phase"></div>
  <div class="trouble"></div>
  <div class="shown" hidden>
    <div class="tiles"></div>
    {CONTROLS}
    <div class="charts">
      <div class="chart"><h4>Training loss</h4>{_plot("loss", "Training loss")}</div>
      <div class="chart"><h4 data-title="evaluation">Evaluation</h4>{_plot("evaluation", "Evaluation on the way")}</div>
    </div>
    <div class="charts quarters">{"".join(_chart(name, title) for name, title in SPEEDS.items())}</div>
    <details class="part space"><summary>The space</summary>
      <div class="hint">Nothing is measured yet.</div>
      <p class="of-which">Of the pairs that the run is evaluated on;
        Explore measures the texts of its map, so its figures are others.</p>
      <div class="charts" hidden>{"".join(_chart(name, *spec) for name, spec in MEASURES.items())}</div>
    </details>
    <details class="log"><summary>Log</summary><pre tabindex="0" role="region" aria-label="Log"></pre></details>
  </div>
</div>
"""


def build_live_figure(studio: Studio) -> gr.HTML:
    """Lay out the figure; its value is the id of the run that it follows."""
    return gr.HTML(
        value="",
        html_template=TEMPLATE,
        js_on_load=SCRIPT,
        head=HEAD,
        server_functions=[served(news_of_run, studio)],
        apply_default_css=False,
        elem_id="live-figure",
    )


def news_of_run(studio: Studio, asked: list[Any]) -> dict[str, Any]:
    """Answer the page's script: [run id, last event drawn, generation drawn] -> what came since, and the state."""
    name, drawn, generation = str(asked[0]), int(asked[1]), int(asked[2])
    run = studio.run(name)
    status = run.status() if run else None
    if run is None or status is None:
        return {"gone": True}
    news = studio.followed.news(run.events_path, drawn, generation)
    return news | {
        "status": describe_status(studio, run, status),
        "final": status.is_final,
        "machine": machine_use(studio, status),
    }


def machine_use(studio: Studio, status: Status) -> dict[str, Any] | None:
    """Return what the run's process uses, and of how many cores; None before it had one."""
    if status.pid is None:
        return None
    return asdict(studio.followed.workers.look(status.pid, status.pid_started)) | {"cores": usable_cores()}


def describe_status(studio: Studio, run: RunFolder, status: Status) -> dict[str, Any]:
    """Return a run's state in words that a person reads."""
    text = status.detail
    if status.state == "queued":
        text = waiting_text(studio, run)
    if not status.is_final and run.is_cancelled():
        text = "Cancelling: the process is being ended…"
    elif status.is_working and run.stop_wish() == "skip-scoring":
        text = "Stopping, without scoring…"
    elif status.is_working and run.stop_wish():
        text = "Stopping after this step; then scoring and saving. Press Stop again to skip the scoring."
    return {
        "state": status.state,
        "text": text,
        "fault": status.error.get("message", ""),
        "log": status.error.get("log", []),
        "seconds": (status.finished - status.started) if status.finished and status.started else None,
    }


def waiting_text(studio: Studio, run: RunFolder) -> str:
    """Say what a queued run waits for."""
    queue = read_queue(studio.runs_dir)
    if queue.working or (queue.place(run.id) or 1) > 1:
        return queue.line(run.id)
    return "About to start. The first run after a start loads the libraries, which takes some seconds."
