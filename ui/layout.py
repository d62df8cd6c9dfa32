"""The page: its header, its tabs in order, and what is wired to what."""

from typing import Any

import gradio as gr

from core.launching import ensure_supervisor
from core.queue import read_queue
from core.recipes import RECIPES
from ui.chain_view import next_in_chain, stages_view
from ui.data_events import list_data, take_press, wire_data
from ui.data_tab import build_data_tab
from ui.duplicate import duplicate_chosen
from ui.endpoints import build_endpoints
from ui.evaluate_parts import build_evaluate_tab, wire_evaluate
from ui.evaluate_tab import scores_table
from ui.experiment_events import wire_experiments
from ui.explore_events import wire_explore
from ui.explore_tab import PROBES, build_explore_tab, map_value
from ui.first_steps import build_first_steps, how_far
from ui.form_events import choose_recipe, edit_form, forget_look, name_recipe, request_view, wire_form
from ui.loss_tab import build_loss_tab
from ui.model_events import wire_model
from ui.model_tab import build_model_tab, model_choices
from ui.news import TELL_CHOICE, RunsSeen, build_news, mark_of, see_runs
from ui.on_gpu import wire_start
from ui.page import MAY_FAIL, QUIET, Page
from ui.queue_view import build_queue, press_in_queue, queue_html
from ui.runs_tab import (
    ask_again,
    ask_anew,
    build_runs_tab,
    choose_row,
    delete_chosen,
    free_chosen,
    resume_chosen,
    runs_table,
    show_choice,
    total_line,
)
from ui.sessions import Answering
from ui.share_events import wire_share
from ui.studio import Studio, bound, tell_visitors
from ui.train_tab import build_train_tab, cancel_training, stop_training
from ui.visitors import KEEP, build_limits, build_visitor, know_visitor

TITLE = (
    '<div class="studio-title"><h1>Contrastive Studio</h1><p>Make a text embedding model your own: choose a recipe, '
    "press Start training on the Train tab, then look at Evaluate and Explore.</p></div>"
)
RUN_OUTPUTS, CHOICE_BUTTONS = 19, 6


def build_page(studio: Studio) -> gr.Blocks:
    """Lay out the whole page and wire it."""
    blocks = Answering(title="Contrastive Studio", delete_cache=(3600, 86400))
    with blocks:
        visitor = build_visitor(studio)
        page = _lay_out(studio)
        wire_form(studio, page)
        wire_data(studio, page)
        wire_model(studio, page)
        wire_experiments(studio, page, page.runs.experiments, blocks)
        _wire_runs(studio, page)
        page.run.change(None, page.run, None, js=TELL_CHOICE, **QUIET)
        page.seen.arrived(bound(look_at_runs, studio), [page.seen, *page.look_inputs()], page.run_outputs(), **QUIET)
        known = blocks.load(know_visitor, visitor, visitor, **QUIET).then(None, visitor, None, js=KEEP, **QUIET)
        named = known.then(name_recipe, [page.method, page.size], [page.recipe, page.size], **QUIET)
        outputs = [*page.form_outputs(), *page.run_outputs()]
        opened = named.then(bound(open_page, studio), [page.recipe], outputs, **QUIET)
        listed = opened.then(bound(list_data, studio), page.data.data, page.data.data, **QUIET)
        listed.then(**request_view(studio, page))
        build_endpoints(studio)
    tell_visitors(blocks, visitor)
    return blocks


def _lay_out(studio: Studio) -> Page:
    gr.HTML(TITLE)
    build_limits(studio)
    first_steps = build_first_steps()
    with gr.Row():
        recipes = [(spec.title, spec.id) for spec in RECIPES.values()]
        method = gr.Dropdown(
            recipes, value="quick-demo", label="Recipe", info="Fills in every tab; change what you like", scale=3
        )
        size = gr.Radio([], label="Size", scale=3, elem_id="size")
        # Custom values are let through: after a restart of the app, an open page names runs that this session never listed.
        run = gr.Dropdown([], label="Run", info="The one that Train, Evaluate and Explore show", allow_custom_value=True, scale=3)
    teaches = gr.HTML()
    with gr.Tabs() as tabs:
        with gr.Tab("Model", id="model"):
            model = build_model_tab(studio)
        with gr.Tab("Data", id="data"):
            data = build_data_tab(studio)
        with gr.Tab("Loss", id="loss"):
            loss = build_loss_tab(studio)
        with gr.Tab("Train", id="train"):
            queue = build_queue()
            train = build_train_tab(studio)
        with gr.Tab("Evaluate", id="evaluate"):
            evaluate = build_evaluate_tab(studio)
        with gr.Tab("Explore", id="explore"):
            explore = build_explore_tab(studio)
        with gr.Tab("Runs", id="runs"):
            runs = build_runs_tab(studio)
    # Nothing until the form is filled; the states again when the server has forgotten the page.
    remembered = (gr.State({}), gr.State(None), build_news(studio), gr.State(""))
    recipe = gr.State("quick-demo@instant")
    scores = evaluate.scores.scores
    page = Page(
        method,
        size,
        recipe,
        teaches,
        run,
        *remembered,
        tabs,
        model,
        data,
        loss,
        train,
        queue,
        scores,
        explore,
        runs,
        first_steps,
    )
    wire_evaluate(studio, page, evaluate)
    return page


def _wire_runs(studio: Studio, page: Page) -> None:
    look: dict[str, Any] = {"fn": bound(show_runs, studio), "inputs": page.look_inputs(), "outputs": page.run_outputs()}
    look |= QUIET
    edited = page.train.start.click(bound(edit_form, studio), page.form_inputs(), page.form_outputs(), **MAY_FAIL)
    wire_start(studio, page, edited).success(**look)
    page.run.input(**look)
    page.train.stop.click(bound(stop_training, studio), page.run, None, **MAY_FAIL)
    page.train.cancel.click(bound(cancel_training, studio), page.run, None, **MAY_FAIL)
    wire_explore(studio, page)
    pressed = gr.State({})
    press = page.queue.choose(take_press, None, pressed, **QUIET)
    press.then(bound(press_in_queue, studio), pressed, None, **MAY_FAIL).then(**look)
    _wire_choice(studio, page, look)


def _wire_choice(studio: Studio, page: Page, look: dict[str, Any]) -> None:
    """Wire what is done with the run that is chosen on the Runs tab."""
    runs = page.runs
    wire_share(studio, runs.share, runs.chosen, look)
    shown: dict[str, Any] = {"fn": bound(show_choice, studio), "inputs": runs.chosen, "outputs": runs.choice_outputs()} | QUIET
    asking = [runs.delete, runs.really]
    runs.table.select(choose_row, None, runs.chosen, **QUIET).then(ask_anew, None, asking, **QUIET).then(**shown)
    opened = runs.open.click(lambda name: (name, gr.Tabs(selected="train")), runs.chosen, [page.run, page.tabs], **QUIET)
    resumed = runs.resume.click(bound(resume_chosen, studio), runs.chosen, [page.run, page.tabs], **MAY_FAIL)
    opened.then(**look)
    resumed.success(**look)
    filled = [page.method, page.size, page.recipe, page.tabs, *page.form_outputs()]
    duplicated = runs.duplicate.click(bound(duplicate_chosen, studio), runs.chosen, filled, **MAY_FAIL)
    duplicated.success(**forget_look(page)).then(**request_view(studio, page))
    runs.free.click(bound(free_chosen, studio), runs.chosen, None, **MAY_FAIL).success(**look)
    runs.delete.click(ask_again, None, asking, **QUIET)
    deleted = runs.really.click(bound(delete_chosen, studio), runs.chosen, runs.chosen, **MAY_FAIL)
    deleted.success(ask_anew, None, asking, **QUIET).then(**look)


def open_page(studio: Studio, recipe: str) -> tuple[Any, ...]:
    """Fill a page that was just opened: the form from its recipe, the run that goes on or else the latest."""
    ensure_supervisor(studio.runs_dir)
    runs = _runs_answer(studio, see_runs(studio, None), (PROBES, []), _choice_as_is(studio, ""))
    return (*choose_recipe(studio, recipe, {}), *runs)


def look_at_runs(studio: Studio, mark: str, name: str | None, texts: str, beside: list[str], picked: str) -> tuple[Any, ...]:
    """Look what has changed; if nothing, leave the page as it is."""
    seen = see_runs(studio, name)
    if seen.chosen_is_final and mark.startswith(mark_of(name, False)):
        # It has ended under the person's eyes: go on with the run that follows it.
        seen = see_runs(studio, next_in_chain(studio, str(name)) or name)
    if seen.mark == mark:
        return (gr.skip(),) * RUN_OUTPUTS
    return _runs_answer(studio, seen, (texts, beside), _choice_as_is(studio, picked), mark, name)


def show_runs(studio: Studio, name: str | None, texts: str, beside: list[str], picked: str) -> tuple[Any, ...]:
    """Return the runs as they are, the one that the page shows, and what can be done with the one picked on the Runs tab."""
    return _runs_answer(studio, see_runs(studio, name), (texts, beside), show_choice(studio, picked))


def _choice_as_is(studio: Studio, picked: str) -> tuple[Any, ...]:
    """Return what can be done with the picked run; where none is, its buttons are off already and left so."""
    return show_choice(studio, picked) if picked else (total_line(studio), *(gr.skip(),) * CHOICE_BUTTONS)


def _runs_answer(
    studio: Studio,
    seen: RunsSeen,
    explored: tuple[str, list[str]],
    choice: tuple[Any, ...],
    before: str = "",
    name: str | None = None,
) -> tuple[Any, ...]:
    """Write the runs to the page, but for what it shows already, as its mark `before` says, and the `name` that is chosen there.

    Another one may be chosen by the time that the answer comes: the mark is not that one's then, and all of it is told.
    """
    chosen, shown = seen.chosen or "", before.split()
    may_end = gr.update(interactive=not seen.chosen_is_final)
    can_end = gr.skip() if before.startswith(mark_of(seen.chosen, seen.chosen_is_final)) else may_end
    is_same, film = seen.own in shown, map_value(chosen, *explored, seen.mark)
    queue = read_queue(studio.runs_dir)
    return (
        seen.mark,
        gr.update(choices=seen.choices) if chosen == name else gr.update(choices=seen.choices, value=seen.chosen),
        can_end,
        can_end,
        gr.skip() if is_same else scores_table(studio, chosen),
        runs_table(studio, queue),
        # A map that is told anew begins anew; one with other runs beside it shows those too.
        gr.skip() if is_same and not film["beside"] else film,
        stages_view(studio, chosen),
        gr.skip() if is_same else seen.turn,
        gr.skip() if seen.made in shown else gr.update(choices=model_choices(studio)),
        queue_html(studio, queue, chosen),
        how_far(studio),
        *choice,
    )
