"""What happens on the Data tab beside its form: files come in, columns are corrected, buttons of the view are pressed."""

import time
from typing import Any

import gradio as gr

from core.doctor_fixes import FIXES
from core.errors import StudioError, one_sentence
from core.examples import POSITIVE_PAIRS
from core.losses import LOSSES, loss_spec
from ui.data_requests import (
    cancel_job,
    compare_negatives,
    data_config,
    get_from_hub,
    get_named,
    guess_for_kind,
    request_data,
    upload_file,
    use_path,
)  # fmt: skip
from ui.data_tab import GET, choose_columns, data_choices
from ui.form_events import edit_form, forget_look, form_answer, request_view
from ui.page import MAY_FAIL, QUIET, Page
from ui.run_form import FORM_KEYS, set_values
from ui.studio import Studio, bound


def wire_data(studio: Studio, page: Page) -> None:
    """Wire the tab's own events; each that changes the form asks for the view again."""
    data = page.data
    _wire_sources(studio, page)
    inputs, outputs = page.form_inputs(), page.form_outputs()
    pressed = gr.State({})
    for view in (data.view, data.compared, data.fetching):
        press = view.choose(take_press, None, pressed, **QUIET)
        answer = press.then(bound(apply_press, studio), [pressed, view, page.look, *inputs], [page.look, *outputs], **MAY_FAIL)
        press.then(bound(get_missing, studio), pressed, data.fetching, **QUIET)
        asked = [pressed, page.recipe, page.yours, page.look, data.view]
        answer.success(bound(request_after_press, studio), asked, data.view, **QUIET)
    chosen = [data.row_kind, *data.columns]
    for column in data.columns:
        edited = column.input(bound(edit_columns, studio), [*chosen, *inputs], outputs, **MAY_FAIL)
        edited.success(**request_view(studio, page))
    kind = data.row_kind.input(bound(edit_row_kind, studio), [*chosen, *inputs], outputs, **MAY_FAIL)
    kind.success(**request_view(studio, page))
    data.compare.click(bound(compare_negatives, studio), [page.recipe, page.yours], data.compared, **QUIET)


def _wire_sources(studio: Studio, page: Page) -> None:
    data = page.data
    came = [
        data.upload.upload(bound(upload_file, studio), data.upload, data.data, **MAY_FAIL),
        data.path.submit(bound(use_path, studio), data.path, data.data, **MAY_FAIL),
    ]
    for arrived in came:
        edited = arrived.success(bound(edit_form, studio), page.form_inputs(), page.form_outputs(), **QUIET)
        edited = edited.then(**forget_look(page))
        edited = edited.then(bound(list_data, studio), data.data, data.data, **QUIET)
        edited.then(**request_view(studio, page))
    for key in GET:
        data.gets[key].click(bound(_get(key), studio), None, data.fetching, **QUIET)
    data.get_hub.click(bound(get_from_hub, studio), [*data.hub, data.settings["max_rows"]], data.fetching, **QUIET)
    fetched = data.fetching.ended(
        bound(take_fetched, studio), [data.fetching, data.data, data.split], [data.data, data.split], **QUIET
    )
    fetched = fetched.then(bound(edit_form, studio), page.form_inputs(), page.form_outputs(), **QUIET)
    fetched.then(**request_view(studio, page))


def _get(key: str) -> Any:
    def get(studio: Studio) -> dict[str, Any]:
        return get_named(studio, GET[key][1])

    return get


def take_press(event: gr.EventData) -> dict[str, Any]:
    """Return the settings of the button that was pressed in a view."""
    return dict(event._data or {})


def get_missing(studio: Studio, pressed: dict[str, Any]) -> Any:
    """Fetch what a view's Get button names."""
    return get_named(studio, [str(name) for name in pressed["get"]]) if pressed.get("get") else gr.skip()


def request_after_press(
    studio: Studio, pressed: dict[str, Any], recipe: str, yours: dict[str, Any], look: str, view: dict[str, Any]
) -> Any:
    """Ask for the prepared file as the press made it; what was cancelled is not begun again by itself."""
    if pressed.get("cancel") or pressed.get("get"):
        return gr.skip()
    value = request_data(studio, recipe, yours, look, view, again=bool(pressed.get("again")))
    # A new value makes the view look again.
    return value | {"asked": time.time()} if pressed.get("again") else value


def list_data(studio: Studio, data: str) -> Any:
    """Name what can be chosen now, keeping what is chosen."""
    return gr.update(choices=data_choices(studio), value=data)


def take_fetched(studio: Studio, value: dict[str, Any], data: str, split: str) -> tuple[Any, Any]:
    """Choose a Hub data set and the split that have just arrived; a catalogue entry is only marked as being here."""
    name = str(value.get("data", ""))
    choices = data_choices(studio)
    here = name.startswith("hub:") and name in {choice for _, choice in choices}
    return gr.update(choices=choices, value=name if here else data), value["split"] if here else split


def apply_press(studio: Studio, pressed: dict[str, Any], view: dict[str, Any], look: str, *form: Any) -> tuple[Any, ...]:
    """Do what a button of a view says: a fix, another shape, a setting, or the end of the work.

    Raises:
        gr.Error: the outcome does not fit together.
    """
    recipe, yours, _, *values = form
    told = dict(zip(FORM_KEYS, values, strict=True))
    if pressed.get("cancel"):
        cancel_job(studio, view)
    changed, look = _settings_of(studio, pressed, look, recipe, yours)
    return (look, *form_answer(studio, recipe, set_values(studio, recipe, yours, changed, told), {}))


def _settings_of(
    studio: Studio, pressed: dict[str, Any], look: str, recipe: str, yours: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Return the settings that a press changes, and the shape that is only looked at."""
    fixes = [fix for fix in yours.get("fixes", []) if fix in FIXES]
    if "fix" in pressed:
        return {"fixes": [*fixes, str(pressed["fix"])]}, look
    if "unfix" in pressed:
        return {"fixes": [fix for fix in fixes if fix != pressed["unfix"]] or None}, look
    if "shape" in pressed:
        shape = str(pressed["shape"])
        takers = [spec.id for spec in LOSSES.values() if shape in spec.shapes]
        if not takers:
            return {}, shape
        try:
            loss = data_config(studio, recipe, yours, "").loss
        except StudioError as error:
            raise gr.Error(one_sentence(error), print_exception=False) from None
        changed: dict[str, Any] = {"examples": shape, "negatives": "none" if shape == POSITIVE_PAIRS else None}
        return changed | ({} if shape in loss_spec(loss).shapes else {"loss": takers[0]}), ""
    settings: dict[str, Any] = {key: pressed[key] for key in ("batch_size", "max_seq_length", "holdout") if key in pressed}
    return settings, look


def edit_columns(studio: Studio, kind: str, first: str, second: str, third: str, *form: Any) -> tuple[Any, ...]:
    """Take the columns as they were chosen by hand.

    Raises:
        gr.Error: a column is still open.
    """
    recipe, yours, _, *values = form
    changed = {"columns": choose_columns(kind, first, second, third)}
    told = dict(zip(FORM_KEYS, values, strict=True))
    return form_answer(studio, recipe, set_values(studio, recipe, _of_these_rows(yours), changed, told), {})


def edit_row_kind(studio: Studio, kind: str, first: str, second: str, third: str, *form: Any) -> tuple[Any, ...]:
    """Take another kind of rows, with the columns that fit it best.

    Raises:
        gr.Error: the file has too few columns for it.
    """
    recipe, yours, _, *values = form
    told = dict(zip(FORM_KEYS, values, strict=True))
    try:
        columns = guess_for_kind(studio, told["data"], told["split"], kind, (first, second, third))
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    return form_answer(studio, recipe, set_values(studio, recipe, _of_these_rows(yours), {"columns": columns}, told), {})


def _of_these_rows(yours: dict[str, Any]) -> dict[str, Any]:
    """Other columns may allow other shapes."""
    return {key: value for key, value in yours.items() if key not in ("examples", "negatives")}
