"""The live figure: a `gr.HTML` whose script pulls what it has not drawn yet."""

from pathlib import Path
from typing import Any

import gradio as gr
import plotly

from core.runs import RunFolder, Status, iter_runs
from ui.studio import Studio, bound

# plotly.js comes from the installed package: the page works without a network.
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
HEAD = f'<script src="/gradio_api/file={PLOTLY_JS}"></script>'
SCRIPT = (Path(__file__).parent / "live.js").read_text(encoding="utf-8")
TEMPLATE = """
<div class="live">
  <div class="says" aria-live="polite"></div>
  <div class="bar" hidden><div></div></div>
  <div class="trouble"></div>
  <div class="shown" hidden>
    <div class="tiles"></div>
    <div class="charts">
      <div class="chart"><h4>Training loss</h4><div class="plot" data-plot="loss"></div></div>
      <div class="chart"><h4 data-title="evaluation">Evaluation</h4><div class="plot" data-plot="evaluation"></div></div>
      <div class="chart small"><h4>Learning rate</h4><div class="plot" data-plot="rate"></div></div>
      <div class="chart small"><h4>Examples a second</h4><div class="plot" data-plot="speed"></div></div>
    </div>
    <details class="log"><summary>Log</summary><pre></pre></details>
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
        server_functions=[bound(news_of_run, studio)],
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
    return news | {"status": describe_status(studio, run, status), "final": status.is_final}


def describe_status(studio: Studio, run: RunFolder, status: Status) -> dict[str, Any]:
    """Return a run's state in words that a person reads."""
    text = status.detail
    if status.state == "queued":
        text = waiting_text(studio, status)
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


def waiting_text(studio: Studio, status: Status) -> str:
    """Say what a queued run waits for."""
    others = [
        other for run in iter_runs(studio.runs_dir) if (other := run.status()) and not other.is_final and other.rank < status.rank
    ]
    if others:
        return f"Waiting for its turn: {len(others)} before it."
    return "About to start. The first run after a start loads the libraries, which takes some seconds."
