"""MTEB, on the Evaluate tab: one task of the benchmark for the shown run's model and the one it began with."""

from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from core.benchmark_tasks import BENCHMARKS, about_task, benchmark_settings, has_local_rows
from core.errors import ConfigError, StudioError, one_sentence
from ui.data_requests import cancel_job
from ui.html import hint, problem
from ui.job_view import build_job_view
from ui.measuring import ask_measure
from ui.page import QUIET, Page
from ui.studio import Studio, bound

CHOOSE = "Choose a task: what it measures is said here, and how long it will take on this machine."


@dataclass(frozen=True)
class BenchmarkBlock:
    """The block's components."""

    task: gr.Dropdown
    online: gr.Checkbox
    time: gr.Button
    start: gr.Button
    about: gr.HTML
    measured: gr.HTML


def build_benchmark(studio: Studio) -> BenchmarkBlock:
    """Lay out the block."""
    gr.HTML(
        hint(
            "MTEB, the Massive Text Embedding Benchmark, measures embedding models on many tasks in the same way, so that their "
            "figures can be compared with those of others. Its own package does the measuring: of the model that the run began "
            "with, and of the one that it made."
        )
    )
    with gr.Row(equal_height=True):
        task = gr.Dropdown(
            task_choices(studio),
            value=None,
            label="Task",
            info="Or type the name of any other task of MTEB",
            allow_custom_value=True,
            scale=4,
            elem_id="benchmark-task",
        )
        online = gr.Checkbox(
            value=False,
            label="From the Hub",
            info="This once, ask the network for the task’s data if they are not here",
            scale=2,
            min_width=220,
        )
    about = gr.HTML(hint(CHOOSE))
    with gr.Row():
        time = gr.Button("How long will it take?", size="sm", scale=0, min_width=200)
        start = gr.Button("Measure", variant="primary", size="sm", scale=0, min_width=200)
    return BenchmarkBlock(task, online, time, start, about, build_job_view(studio, "benchmark-view"))


def wire_benchmark(studio: Studio, page: Page, block: BenchmarkBlock) -> None:
    """Wire both buttons and Cancel; a task that is chosen is told of at once, with the time that it will take."""
    block.task.focus(bound(list_tasks, studio), None, block.task, **QUIET)
    asked = [page.run, block.task, block.online]
    chosen = block.task.input(bound(about_choice, studio), block.task, block.about, **QUIET)
    chosen.then(bound(ask_time, studio), asked, block.measured, **QUIET)
    block.time.click(bound(ask_time, studio), asked, block.measured, **QUIET)
    block.start.click(bound(ask_scores, studio), [*asked, block.measured], block.measured, **QUIET)
    block.measured.choose(bound(cancel_job, studio), block.measured, None, **QUIET)


def task_choices(studio: Studio) -> list[tuple[str, str]]:
    """Return the catalogue's tasks, those whose data are here first and marked."""
    here = {name for name in BENCHMARKS if has_local_rows(name, studio.places)}
    names = sorted(BENCHMARKS, key=lambda name: name not in here)
    return [(_title(name) + (" (in your data folder)" if name in here else ""), name) for name in names]


def _title(name: str) -> str:
    task, _, split = name.partition(":")
    return f"{task}, {split} part" if split else task


def list_tasks(studio: Studio) -> Any:
    """Return the tasks as they are now: rows may have come meanwhile."""
    return gr.update(choices=task_choices(studio))


def about_choice(studio: Studio, task: str | None) -> str:
    """Return in a line what the chosen task measures, on how much, and where its data are."""
    if not (task or "").strip():
        return hint(CHOOSE)
    try:
        told = about_task(str(task), studio.places)
    except (StudioError, OSError) as error:
        return problem(one_sentence(error))
    more = f"{told['size']}; {told['lie']}" if told["size"] else told["lie"][0].upper() + told["lie"][1:]
    source = f" ({told['source']})" if told["source"] else ""
    return f'<div class="hint"><b>{escape(told["what"])}.</b> {escape(more)}{escape(source)}.</div>'


def ask_time(studio: Studio, run: str | None, task: str | None, online: bool) -> dict[str, Any]:
    """Ask how long a task will take; the answer is the view's value, or the fault."""
    return _ask(studio, run, task, online=online, only_time=True)


def ask_scores(studio: Studio, run: str | None, task: str | None, online: bool, shown: Any = None) -> dict[str, Any]:
    """Ask for a task's scores of a run's two models; the answer is the view's value, or the fault.

    Where the view shows an estimate that goes on, nobody waits for that any more.
    """
    if isinstance(shown, dict) and shown.get("only_time"):
        cancel_job(studio, shown)
    return _ask(studio, run, task, online=online, only_time=False)


def _ask(studio: Studio, run: str | None, task: str | None, *, online: bool, only_time: bool) -> dict[str, Any]:
    try:
        if not (task or "").strip():
            raise ConfigError("", "Choose a task first.")
        settings = benchmark_settings(str(task), studio.places, online=bool(online), only_time=only_time)
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}
    return ask_measure(studio, "benchmark", run, task_settings=settings) | ({"only_time": True} if only_time else {})
