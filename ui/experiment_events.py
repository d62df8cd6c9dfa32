"""What happens when an experiment is started, chosen or ended on the page."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from core.errors import RunError, StudioError, one_sentence
from core.experiment_plans import Experiment, parse_values
from core.experiments import list_experiments, read_experiment, runs_of, start_chapter, start_vary
from core.launching import ensure_supervisor
from core.recipes import split_size
from ui.experiment_view import ExperimentsBlock, experiment_choices
from ui.form_events import edit_form
from ui.page import MAY_FAIL, QUIET, Page
from ui.run_form import nested
from ui.studio import Studio, bound


def wire_experiments(studio: Studio, page: Page, block: ExperimentsBlock, blocks: gr.Blocks) -> None:
    """Wire the two buttons, the choice of an experiment and the Cancel of its view; call it inside `blocks`."""
    shown = [block.chosen, block.view]
    block.run_chapter.click(bound(run_chapter, studio), [block.size, block.seed], shown, **MAY_FAIL)
    # A widget that was changed and not left yet counts, as it does for Start training.
    edited = block.vary.click(bound(edit_form, studio), page.form_inputs(), page.form_outputs(), **QUIET)
    edited.then(bound(vary_one, studio), [page.recipe, page.yours, block.field, block.values], shown, **MAY_FAIL)
    block.chosen.input(choose_experiment, block.chosen, block.view, **QUIET)
    block.view.choose(bound(cancel_experiment, studio), block.view, None, **MAY_FAIL)
    blocks.load(bound(show_experiments, studio), block.chosen, shown, **QUIET)


def run_chapter(studio: Studio, size: str, seed: float | None) -> tuple[Any, dict[str, str]]:
    """Queue the chapter's ladder and show it.

    Raises:
        gr.Error: a model or rows are not here, or the runs cannot be written.
    """
    yours = {} if seed is None else {"seed": int(seed)}
    return _started(studio, lambda: start_chapter(size, yours, studio.places))


def vary_one(studio: Studio, recipe: str, yours: Mapping[str, Any], field: str, values: str) -> tuple[Any, dict[str, str]]:
    """Queue the form's recipe with a person's settings once for each value, and show it.

    Raises:
        gr.Error: a value is wrong, or the settings do not fit together.
    """

    def queue() -> Experiment:
        studio.check_paths(yours)
        return start_vary(*split_size(recipe), (field, parse_values(values)), nested(yours), studio.places)

    return _started(studio, queue)


def _started(studio: Studio, queue: Callable[[], Experiment]) -> tuple[Any, dict[str, str]]:
    try:
        experiment = queue()
        ensure_supervisor(studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    return gr.update(choices=experiment_choices(studio), value=experiment.id), {"experiment": experiment.id}


def show_experiments(studio: Studio, chosen: str | None) -> tuple[Any, dict[str, str]]:
    """List the experiments and show the chosen one, or else the newest."""
    names = [experiment.id for experiment in list_experiments(studio.places)]
    name = chosen if chosen in names else next(iter(names), None)
    return gr.update(choices=experiment_choices(studio), value=name), choose_experiment(name)


def choose_experiment(name: str | None) -> dict[str, str]:
    """Return the view's value for an experiment."""
    return {"experiment": name or ""}


def cancel_experiment(studio: Studio, value: Mapping[str, Any]) -> None:
    """End every run of the experiment that is shown; what is done stays.

    Raises:
        gr.Error: a run's folder cannot be written.
    """
    try:
        experiment = read_experiment(str(value.get("experiment") or ""), studio.places)
    except RunError:
        return
    # The last first: while the one that goes on is being ended, none after it starts.
    for run in reversed(runs_of(experiment, studio.places)):
        status = run.status()
        if status is None or status.is_final:
            continue
        try:
            run.request_cancel()
        except OSError as error:
            said = f"The runs could not be told to end: {error.strerror or type(error).__name__}. Free some space and try again."
            raise gr.Error(said, print_exception=False) from None
    try:
        ensure_supervisor(studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
