"""What happens when the form changes: the recipe, a widget, a button of a view."""

from typing import Any

import gradio as gr

from core.base_models import STATIC, kind_of
from core.config import RunConfig
from core.data_catalogue import is_own
from core.errors import StudioError
from core.estimate import advice, estimate, free_bytes
from core.example_choice import row_kind
from core.examples import NLI_ROWS, SCORED_PAIRS, SCORED_ROWS, TRIPLETS
from core.losses import LOSSES, loss_spec
from core.model_facts import read_facts
from core.prepared import MINED, find_prepared, prepared_folder
from core.recipe_runs import BOOK_BASE, BOOK_ROWS
from core.recipes import RECIPES, split_size
from core.settings import settle, settled_values
from ui.data_requests import data_config, request_data
from ui.data_tab import MOST_COLUMNS, about_data, column_widgets, split_choices
from ui.html import hint, problem
from ui.loss_tab import describe_loss, fitting_losses, other_losses, parameter_widgets
from ui.model_events import can_be_fetched
from ui.model_tab import about_model
from ui.page import QUIET, Page
from ui.run_form import FORM_KEYS, FormState, change_form, plan_line, settings_table, start_config, start_form
from ui.studio import Studio, bound

# What belongs to the person's own rows and stays when another recipe is chosen.
ROWS_KEYS = ("data", "split", "columns", "fixes", "max_rows", "holdout")


def wire_form(studio: Studio, page: Page) -> None:
    """Let every widget of the form change it; afterwards the examples are prepared anew where they differ."""
    choosers = ((page.method, change_method, page.recipe), (page.size, name_recipe, page.size))
    for chooser, name, told in choosers:
        named = chooser.input(name, [page.method, told], [page.recipe, page.size], **QUIET)
        chosen = named.then(bound(choose_recipe, studio), [page.recipe, page.yours], page.form_outputs(), **QUIET)
        chosen.then(**forget_look(page)).then(**request_view(studio, page))
    page.data.view.ended(bound(show_memory, studio), [page.recipe, page.yours], page.train.memory, **QUIET)
    # One event for all of them: a browser looks through all events for each component when it opens the page. What a person
    # changes while the server still answers is told when it has.
    changes = [change for widget in page.widgets() for change in _changes_of(widget)]
    edit: dict[str, Any] = {"inputs": page.form_inputs(), "outputs": page.form_outputs(), "trigger_mode": "always_last"}
    changed = gr.on(changes, bound(edit_form, studio), **edit, **QUIET)
    changed.then(**forget_look(page)).then(**request_view(studio, page))


SIZE_TITLES = {"instant": "Instant (seconds)", "laptop": "Laptop (minutes)", "book": "Book (a GPU and the Hub)"}


def name_recipe(method: str, size: str | None) -> tuple[str, Any]:
    """Return the recipe's name with its size, and the sizes that it has with the reasons for those it has not."""
    spec = RECIPES[method]
    chosen = size if size in spec.sizes else spec.sizes[0]
    reasons = dict.fromkeys(spec.why_not.values())
    missing = "; ".join(
        f"no {' or '.join(name for name in spec.why_not if spec.why_not[name] == why)} size: {why}" for why in reasons
    )
    choices = [(SIZE_TITLES[each], each) for each in spec.sizes]
    told = missing[:1].upper() + missing[1:] or "How large, and how long it takes"
    return f"{method}@{chosen}", gr.update(choices=choices, value=chosen, info=told)


def change_method(method: str, recipe: str) -> tuple[str, Any]:
    """Return another recipe's name, at the size of the one before where it has that.

    The size's widget is not asked: a dropdown may tell its change twice, and the second time the old size is no choice any more.
    """
    return name_recipe(method, split_size(recipe)[1])


def forget_look(page: Page) -> dict[str, Any]:
    """Return the call that goes back from a shape that was only looked at to the one that is trained on."""
    return {"fn": lambda: "", "inputs": None, "outputs": page.look} | QUIET


def _changes_of(widget: Any) -> list[Any]:
    """Return the events that say that a person has finished: each key or each pixel would ask the server for nothing."""
    if isinstance(widget, (gr.Number, gr.Textbox)):
        return [widget.submit, widget.blur]
    return [widget.release] if isinstance(widget, gr.Slider) else [widget.input]


def request_view(studio: Studio, page: Page) -> dict[str, Any]:
    """Return the call that asks for the prepared file of the form as it is."""
    call: dict[str, Any] = {"fn": bound(request_data, studio), "inputs": [page.recipe, page.yours, page.look, page.data.view]}
    return call | {"outputs": page.data.view} | QUIET


def choose_recipe(studio: Studio, recipe: str, yours: dict[str, Any]) -> tuple[Any, ...]:
    """Fill the form as the recipe says, forgetting what was set by hand, but for rows of the person's own."""
    own = {key: value for key, value in yours.items() if key in ROWS_KEYS} if is_own(str(yours.get("data", ""))) else {}
    return form_answer(studio, recipe, start_form(studio, recipe, own), {})


def edit_form(studio: Studio, recipe: str, yours: dict[str, Any], shown: dict[str, Any] | None, *values: Any) -> tuple[Any, ...]:
    """Take the widgets as they are now.

    Raises:
        gr.Error: the server has forgotten what the page showed, and could not tell a recipe's values from a person's.
    """
    if shown is None:
        raise gr.Error("This page was open for so long that the studio has forgotten it; reload it.", print_exception=False)
    told = dict(zip(FORM_KEYS, values, strict=True))
    return form_answer(studio, recipe, change_form(studio, recipe, yours, shown, values), told)


def form_answer(studio: Studio, recipe: str, form: FormState, told: dict[str, Any]) -> tuple[Any, ...]:
    """Write the form to the page; a widget that holds its value already is left alone, so that typing is not disturbed."""
    widgets = {key: gr.skip() if key in told and told[key] == form.shown.get(key) else form.shown.get(key) for key in FORM_KEYS}
    rows = form.config or _rows_alone(studio, recipe, form)
    said = problem(form.fault) + (about_data(rows) if rows else "")
    about = gr.update(value=said, visible=bool(said))
    columns = column_widgets(studio, rows) if rows else [gr.skip()] * (MOST_COLUMNS + 1)
    named = str(form.yours.get("base_model") or (rows.base_model if rows else ""))
    model = [about_model(named), gr.update(visible=can_be_fetched(studio, named))]
    if form.config is None:
        widgets |= _loss_choices(studio, rows, gr.skip()) | _teacher_asked_for(form)
        texts = [problem(form.fault), "", gr.skip(), gr.skip(), gr.skip(), gr.skip(), about, *model]
        return (form.yours, form.shown, *texts, *columns, gr.skip(), gr.skip(), *widgets.values())
    config, kind = form.config, row_kind(form.config, studio.places)
    widgets["split"] = gr.update(choices=split_choices(studio, config.data), value=form.shown["split"])
    widgets |= _shaping_widgets(form, config, kind) | parameter_widgets(config, form.shown)
    widgets |= _loss_choices(studio, config, form.shown["loss"])
    static = is_static(studio, config)
    texts = [
        plan_line(studio, recipe, form),
        memory_line(studio, config),
        settings_table(form, "a static model gains nothing from less" if static else studio.machine.why),
        describe_loss(config),
        other_losses(kind, static),
    ]
    texts += [hint(teaches(recipe)), about, *model]
    mining = gr.update(visible=form.shown["negatives"] in MINED and not (form.shown["negatives"] == "hard" and kind == NLI_ROWS))
    silver = gr.update(visible=config.silver is not None)
    return (form.yours, form.shown, *texts, *columns, mining, silver, *widgets.values())


def memory_line(studio: Studio, config: RunConfig) -> str:
    """Say how many weights are trained and how much memory that takes, from the examples where they are prepared."""
    try:
        facts = read_facts(config.base_model, studio.runs_dir)
        ready = find_prepared(prepared_folder(config, studio.places))
        rows = row_kind(config, studio.places)
        settings = settled_values(settle(config, facts.kind, studio.machine, rows=rows, runs_dir=studio.runs_dir))
        if ready is None and settings["examples"] is None:
            # Nobody knows yet what the rows are.
            return ""
        needed = estimate(config, settings, facts, ready.report if ready else {}, studio.machine.device, studio.runs_dir)
    except (StudioError, OSError):
        # What is wrong is said elsewhere.
        return ""
    free = free_bytes(studio.machine.device)
    short = advice(needed, free)
    if short:
        return problem(short)
    trained = "all trained" if needed.trainable == needed.parameters else f"{needed.trainable / 1e6:.2f} M of them trained"
    return hint(
        f"{needed.parameters / 1e6:.1f} M parameters, {trained}; training takes about {needed.peak_bytes / 1e9:.1f} GB "
        f"of the {free / 1e9:.0f} GB that are free."
    )


def show_memory(studio: Studio, recipe: str, yours: dict[str, Any]) -> str:
    """Return the line of memory for the form as it is, once its examples are prepared."""
    try:
        return memory_line(studio, start_config(studio, recipe, yours))
    except StudioError:
        return ""


def teaches(recipe: str) -> str:
    """Return what a recipe teaches, with the book's figure where it has one."""
    spec = RECIPES[split_size(recipe)[0]]
    base = "MiniLM" if spec.id == "fine-tune" else BOOK_BASE
    figure = (
        f" The book's score: {spec.book:.3f} (Pearson on STSB validation, {base}, {BOOK_ROWS:,} MNLI rows)." if spec.book else ""
    )
    return f"{spec.teaches}{figure}"


def is_static(studio: Studio, config: RunConfig) -> bool:
    """Tell whether the base model is a table of word vectors."""
    try:
        return kind_of(config.base_model, studio.runs_dir) == STATIC
    except StudioError:
        return False


def _teacher_asked_for(form: FormState) -> dict[str, Any]:
    """Show the teacher's field when a loss was chosen that cannot do without: the fault asks for it."""
    chosen = LOSSES.get(str(form.yours.get("loss")))
    return {"teacher": gr.update(visible=True)} if chosen and chosen.teacher else {}


def _loss_choices(studio: Studio, rows: RunConfig | None, value: Any) -> dict[str, Any]:
    """Offer the losses that fit the rows and the model; what is chosen stays among them, with the fault said beside it."""
    if rows is None:
        return {}
    choices = fitting_losses(row_kind(rows, studio.places), is_static(studio, rows))
    if rows.loss not in {name for _, name in choices}:
        choices.append((LOSSES[rows.loss].title, rows.loss))
    return {"loss": gr.update(choices=choices) if isinstance(value, dict) else gr.update(choices=choices, value=value)}


def _rows_alone(studio: Studio, recipe: str, form: FormState) -> RunConfig | None:
    """Return the rows' part of a form that does not fit together as a whole: they can be looked at all the same."""
    try:
        return data_config(studio, recipe, form.yours, "")
    except StudioError:
        return None


def _shaping_widgets(form: FormState, config: RunConfig, kind: str | None) -> dict[str, Any]:
    """Show what decides something for these rows and this loss, and hide the rest."""
    shape = form.settled["examples"].value
    takes_triplets = TRIPLETS in loss_spec(config.loss).shapes
    return {
        "negatives": gr.update(value=form.shown["negatives"], visible=takes_triplets),
        "neutral_score": gr.update(value=form.shown["neutral_score"], visible=kind == NLI_ROWS and shape == SCORED_PAIRS),
        "score_threshold": gr.update(value=form.shown["score_threshold"], visible=kind == SCORED_ROWS and shape != SCORED_PAIRS),
    }
