"""The page: its header, its tabs in order, and what is wired to what."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import StudioError, one_sentence
from core.recipes import RECIPES
from core.runs import list_runs
from core.supervisor import ensure_supervisor
from ui.data_tab import DataTab, build_data_tab, preview_data
from ui.evaluate_tab import scores_table
from ui.html import hint, problem
from ui.loss_tab import LossTab, build_loss_tab, describe_loss
from ui.map import build_map
from ui.model_tab import ModelTab, build_model_tab, model_choices
from ui.run_form import FORM_KEYS, SCALE, FormState, change_form, plan_line, settings_table, start_config, start_form
from ui.runs_tab import RunsTab, ask_again, build_runs_tab, choose_row, delete_chosen, runs_table
from ui.studio import Studio, bound
from ui.train_tab import TrainTab, build_train_tab, cancel_training, start_training, stop_training

TITLE = (
    '<div class="studio-title"><h1>Contrastive Studio</h1><p>Make a text embedding model your own: choose a recipe, '
    "press Start training on the Train tab, then look at Evaluate and Explore.</p></div>"
)
RUN_OUTPUTS = 9
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A fault is shown as a message on the page only where the event goes through Gradio's queue.
MAY_FAIL: dict[str, Any] = QUIET | {"queue": True, "concurrency_limit": None}


@dataclass(frozen=True)
class Page:
    """Everything on the page that a handler reads or changes."""

    recipe: gr.Dropdown
    teaches: gr.HTML
    run: gr.Dropdown
    yours: gr.State
    shown: gr.State
    seen: gr.State
    tabs: gr.Tabs
    model: ModelTab
    data: DataTab
    loss: LossTab
    train: TrainTab
    scores: gr.HTML
    colour_by: gr.Radio
    map: gr.HTML
    runs: RunsTab

    def widgets(self) -> list[Any]:
        """Return the form's widgets in the order of `FORM_KEYS`."""
        named = {
            "base_model": self.model.base_model, "max_seq_length": self.model.max_seq_length, "data": self.data.data,
            "loss": self.loss.loss, "negatives": self.loss.negatives, SCALE: self.loss.scale, **self.train.settings,
        }  # fmt: skip
        return [named[key] for key in FORM_KEYS]

    def form_outputs(self) -> list[Any]:
        """Return what a change of the form writes to."""
        texts = [self.train.plan, self.train.table, self.loss.what, self.teaches]
        return [self.yours, self.shown, *texts, *self.widgets()]

    def run_outputs(self) -> list[Any]:
        """Return what a look at the runs writes to."""
        return [
            self.seen, self.run, self.train.stop, self.train.cancel, self.scores, self.runs.table, self.map, self.train.live,
            self.model.base_model,
        ]  # fmt: skip


def build_page(studio: Studio) -> gr.Blocks:
    """Lay out the whole page and wire it."""
    blocks = gr.Blocks(title="Contrastive Studio", delete_cache=(3600, 86400))
    with blocks:
        page = _lay_out(studio)
        _wire_form(studio, page)
        _wire_runs(studio, page)
        timer = gr.Timer(1.0)
        timer.tick(bound(look_at_runs, studio), [page.run, page.seen, page.colour_by], page.run_outputs(), **QUIET)
        opened = blocks.load(bound(open_page, studio), [page.recipe], [*page.form_outputs(), *page.run_outputs()], **QUIET)
        opened.then(bound(show_preview, studio), [page.recipe, page.yours], page.data.preview, **QUIET)
    return blocks


def _lay_out(studio: Studio) -> Page:
    gr.HTML(TITLE)
    with gr.Row():
        recipes = [(spec.title, spec.id) for spec in RECIPES.values()]
        recipe = gr.Dropdown(recipes, value="quick-demo", label="Recipe", info="Fills in every tab; change what you like")
        # Custom values are let through: after a restart of the app, an open page names runs that this session never listed.
        run = gr.Dropdown([], label="Run", info="The one that Train, Evaluate and Explore show", allow_custom_value=True)
    teaches = gr.HTML()
    with gr.Tabs() as tabs:
        with gr.Tab("Model", id="model"):
            model = build_model_tab(studio)
        with gr.Tab("Data", id="data"):
            data = build_data_tab(studio)
        with gr.Tab("Loss", id="loss"):
            loss = build_loss_tab()
        with gr.Tab("Train", id="train"):
            train = build_train_tab(studio)
        with gr.Tab("Evaluate", id="evaluate"):
            gr.HTML(hint("Does the cosine of two sentences agree with what people say of it? 1 is perfect, 0 is chance."))
            scores = gr.HTML()
        with gr.Tab("Explore", id="explore"):
            colour_by = gr.Radio([("Topic", "topic"), ("Part", "part")], value="topic", label="Colour by")
            the_map = build_map(studio)
        with gr.Tab("Runs", id="runs"):
            runs = build_runs_tab()
    remembered = (gr.State({}), gr.State({}), gr.State(""))
    return Page(recipe, teaches, run, *remembered, tabs, model, data, loss, train, scores, colour_by, the_map, runs)


def _wire_form(studio: Studio, page: Page) -> None:
    preview: dict[str, Any] = {"fn": bound(show_preview, studio), "inputs": [page.recipe, page.yours]}
    preview |= {"outputs": page.data.preview} | QUIET
    page.recipe.input(bound(choose_recipe, studio), [page.recipe], page.form_outputs(), **QUIET).then(**preview)
    inputs = [page.recipe, page.yours, page.shown, *page.widgets()]
    for widget in page.widgets():
        # A number is complete when the person leaves it; each key would ask the server for nothing.
        changes = [widget.submit, widget.blur] if isinstance(widget, gr.Number) else [widget.input]
        for change in changes:
            changed = change(bound(edit_form, studio), inputs, page.form_outputs(), **QUIET)
            if widget in (page.data.data, page.loss.loss, page.loss.negatives):
                changed.then(**preview)


def _wire_runs(studio: Studio, page: Page) -> None:
    look: dict[str, Any] = {"fn": bound(show_runs, studio), "inputs": [page.run, page.colour_by]}
    look |= {"outputs": page.run_outputs()} | QUIET
    inputs = [page.recipe, page.yours, page.shown, *page.widgets()]
    started = page.train.start.click(bound(edit_form, studio), inputs, page.form_outputs(), **QUIET)
    started = started.then(bound(start_training, studio), [page.recipe, page.yours], page.run, **MAY_FAIL)
    started.success(**look)
    page.run.input(**look)
    page.train.stop.click(bound(stop_training, studio), page.run, None, **MAY_FAIL)
    page.train.cancel.click(bound(cancel_training, studio), page.run, None, **MAY_FAIL)
    page.colour_by.input(lambda run, grouping: {"run": run, "colour_by": grouping}, [page.run, page.colour_by], page.map, **QUIET)
    runs = page.runs
    runs.table.select(choose_row, None, [runs.chosen, runs.open, runs.delete, runs.really], **QUIET)
    opened = runs.open.click(lambda name: (name, gr.Tabs(selected="train")), runs.chosen, [page.run, page.tabs], **QUIET)
    opened.then(**look)
    runs.delete.click(ask_again, None, [runs.delete, runs.really], **QUIET)
    deleted = runs.really.click(
        bound(delete_chosen, studio), runs.chosen, [runs.table, runs.chosen, runs.open, runs.delete, runs.really], **MAY_FAIL
    )
    deleted.success(**look)


def open_page(studio: Studio, recipe: str) -> tuple[Any, ...]:
    """Fill a page that was just opened: the form from its recipe, the run that goes on or else the latest."""
    ensure_supervisor(studio.runs_dir)
    return (*choose_recipe(studio, recipe), *show_runs(studio, None, "topic"))


def choose_recipe(studio: Studio, recipe: str) -> tuple[Any, ...]:
    """Fill the form as the recipe says, forgetting what was set by hand."""
    return _form_answer(recipe, start_form(studio, recipe), {})


def edit_form(studio: Studio, recipe: str, yours: dict[str, Any], shown: dict[str, Any], *values: Any) -> tuple[Any, ...]:
    """Take the widgets as they are now."""
    told = dict(zip(FORM_KEYS, values, strict=True))
    return _form_answer(recipe, change_form(studio, recipe, yours, shown, values), told)


def _form_answer(recipe: str, form: FormState, told: dict[str, Any]) -> tuple[Any, ...]:
    """Write the form to the page; a widget that holds its value already is left alone, so that typing is not disturbed."""
    widgets = [gr.skip() if key in told and told[key] == form.shown.get(key) else form.shown.get(key) for key in FORM_KEYS]
    if form.config is None:
        return (form.yours, form.shown, problem(form.fault), gr.skip(), gr.skip(), gr.skip(), *widgets)
    widgets[FORM_KEYS.index("negatives")] = gr.update(value=form.shown["negatives"], visible=form.config.loss == "mnr")
    widgets[FORM_KEYS.index(SCALE)] = gr.update(value=form.shown[SCALE], visible=form.shown[SCALE] is not None)
    texts = [plan_line(form), settings_table(form), describe_loss(form.config), hint(RECIPES[recipe].teaches)]
    return (form.yours, form.shown, *texts, *widgets)


def show_preview(studio: Studio, recipe: str, yours: dict[str, Any]) -> str:
    """Return the first examples; on its own, for a large file is read for it and the form should not wait."""
    try:
        return preview_data(studio, start_config(studio, recipe, yours))
    except StudioError as error:
        return problem(one_sentence(error))


@dataclass(frozen=True)
class RunsSeen:
    """The runs at one look: the one to show, all of them, and a text that changes when anything on the page would."""

    chosen: str | None
    chosen_is_final: bool
    choices: list[tuple[str, str]]
    mark: str


def see_runs(studio: Studio, name: str | None) -> RunsSeen:
    """Look at the runs' states; without a choice, show the one that goes on or else the latest."""
    states = {run.id: status for run, status in list_runs(studio.runs_dir)}
    going = [run for run, status in states.items() if status.is_working]
    chosen = name if name in states else next(iter([*going, *states]), None)
    scored = [] if chosen is None else sorted(path.name for path in (studio.runs_dir / chosen / "scores").glob("*.json"))
    choices = [(f"{run} · {status.state}", run) for run, status in states.items()]
    return RunsSeen(chosen, chosen is None or states[chosen].is_final, choices, repr((chosen, choices, scored)))


def look_at_runs(studio: Studio, name: str | None, mark: str, colour_by: str) -> tuple[Any, ...]:
    """Look every second whether anything changed; if not, leave the page as it is."""
    ensure_supervisor(studio.runs_dir)
    seen = see_runs(studio, name)
    return (gr.skip(),) * RUN_OUTPUTS if seen.mark == mark else _runs_answer(studio, seen, colour_by)


def show_runs(studio: Studio, name: str | None, colour_by: str) -> tuple[Any, ...]:
    """Return the runs and the chosen one as they are."""
    return _runs_answer(studio, see_runs(studio, name), colour_by)


def _runs_answer(studio: Studio, seen: RunsSeen, colour_by: str) -> tuple[Any, ...]:
    can_end = gr.update(interactive=not seen.chosen_is_final)
    chosen = seen.chosen or ""
    return (
        seen.mark, gr.update(choices=seen.choices, value=seen.chosen), can_end, can_end, scores_table(studio, chosen),
        runs_table(studio), {"run": chosen, "colour_by": colour_by, "seen": seen.mark}, chosen,
        gr.update(choices=model_choices(studio)),
    )  # fmt: skip
