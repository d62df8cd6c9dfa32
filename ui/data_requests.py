"""What the Data tab asks for: the prepared file, a comparison of negatives, a file, something from the Hub."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from core.base_models import kind_of, length_limit
from core.config import RunConfig, build_config
from core.data_catalogue import DATA_SETS, data_parts, hub_name
from core.errors import DataError, StudioError, one_sentence
from core.examples import ROLES
from core.hub import may_be_cached, what_to_get
from core.jobs import ask
from core.launching import ensure_supervisor
from core.losses import loss_spec
from core.recipes import recipe_config, split_size
from core.runs import RunFolder
from core.settings import override, settle
from core.sources import locate, peek
from core.uploads import take_in
from ui.data_tab import title_of
from ui.data_view import KIND_NAMES
from ui.job_view import open_job
from ui.run_form import nested
from ui.studio import Studio


def data_config(studio: Studio, recipe: str, yours: Mapping[str, Any], look: str, kind: str = "prepare") -> RunConfig:
    """Return the configuration of a preparation; it may be looked at in a shape that the loss does not take.

    Raises:
        StudioError: a setting is wrong.
    """
    studio.check_paths(yours)
    base = recipe_config(*split_size(recipe)).model_copy(update={"kind": kind})
    config = override(base, nested(yours), studio.places)
    return build_config(config.model_dump() | {"examples": look, "negatives": None}) if look else config


def request_data(
    studio: Studio, recipe: str, yours: dict[str, Any], look: str, before: Mapping[str, Any], again: bool = False
) -> dict[str, Any]:
    """Ask for the prepared file of the form as it is; the answer is the view's value.

    What the view showed `before` and is still being made is given up: its turn is wanted for this one. What failed or was
    cancelled begins `again` only when it is asked for.
    """
    value = _request(studio, recipe, yours, look, "prepare", again)
    if (before or {}).get("name") not in (None, value.get("name")):
        cancel_job(studio, before)
    return value


def _request(studio: Studio, recipe: str, yours: Mapping[str, Any], look: str, kind: str, again: bool) -> dict[str, Any]:
    try:
        config = data_config(studio, recipe, yours, look, kind)
        gone = _missing(studio, config)
        if gone:
            return {"fault": _how_to_get(studio, config, gone), "get": gone}
        run = ask(config, studio.places, again)
        ensure_supervisor(studio.runs_dir)
        return _view_of(studio, config, run)
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}


def job_value(run: RunFolder) -> dict[str, str]:
    """Return which work a view shows; what begins anew has the same name and another turn: only then it is looked at again."""
    status = run.status()
    return {"kind": run.path.parent.name, "name": run.id, "turn": str(status.rank) if status else ""}


def _view_of(studio: Studio, config: RunConfig, run: RunFolder) -> dict[str, Any]:
    settled = settle(config, kind_of(config.base_model, studio.runs_dir), studio.machine, runs_dir=studio.runs_dir)
    longest = length_limit(config.base_model, studio.runs_dir)
    return job_value(run) | {
        "batch_size": settled["batch_size"].value,
        "limit": config.max_seq_length or longest,
        "longest": longest,
        "in_batch": loss_spec(config.loss).in_batch_negatives,
    }


def _missing(studio: Studio, config: RunConfig) -> list[str]:
    """Return the catalogue's entries that lie in no folder; a copy in the Hub's cache is found by the worker."""
    names = [name for name in data_parts(config.data) if name in DATA_SETS]
    gone = [name for name in names if locate(name, config.split, studio.places) is None]
    return [] if gone and all(may_be_cached(hub_name(name).id) for name in gone) else gone


def _how_to_get(studio: Studio, config: RunConfig, gone: list[str]) -> str:
    where = f"your data folder ({studio.data_dir})" if studio.data_dir else "a data folder (none is set: --data-dir)"
    size = "; ".join(what_to_get(name) for name in gone)
    if studio.serves_others:
        return f"{title_of('+'.join(gone))} is not here. Get it from the Hub with the button ({size}), or choose the sample."
    return (
        f"{title_of('+'.join(gone))} is not here. Get it from the Hub with the button ({size}), "
        f"put {gone[0]}/{config.split}.csv into {where}, or choose the sample."
    )


def guess_for_kind(studio: Studio, data: str, split: str, kind: str, chosen: tuple[str | None, ...]) -> dict[str, str]:
    """Return columns for another kind of rows: those that were chosen, then the file's others in order."""
    have = peek(data_parts(data)[0], split, studio.places).have
    order = [column for column in chosen if column in have] + [column for column in have if column not in chosen]
    if len(order) < len(ROLES[kind]):
        raise DataError(
            f"{KIND_NAMES[kind]} needs {len(ROLES[kind])} columns, and this file has {len(have)}; choose another kind."
        )
    return dict(zip(ROLES[kind], order, strict=False))


def upload_file(studio: Studio, path: str) -> str:
    """Take a file in and return what a configuration calls it.

    Raises:
        gr.Error: it is no table; what was chosen before stays.
    """
    try:
        return take_in(Path(path), Path(path).name, studio.runs_dir).data
    except (StudioError, OSError) as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None


def use_path(studio: Studio, text: str) -> str:
    """Return the data's name for a file on this machine.

    Raises:
        gr.Error: there is no such file, or it is no table.
    """
    # As a file manager copies it: in quotation marks.
    data = f"file:{text.strip().strip(chr(34) + chr(39))}"
    try:
        studio.check_paths({"data": data})
        peek(data, "train", studio.places)
    except (StudioError, OSError) as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    return data


def get_named(studio: Studio, names: Sequence[str]) -> dict[str, Any]:
    """Queue the fetching of entries of the catalogue; the answer is the fetching view's value."""
    return _fetch(studio, [{"data": name} for name in names if name in DATA_SETS])


def get_from_hub(
    studio: Studio, name: str, configuration: str, split: str, revision: str, max_rows: float | None
) -> dict[str, Any]:
    """Queue the fetching of a Hub data set as it was typed."""
    full = f"hub:{name.strip()}" + (f":{configuration.strip()}" if configuration.strip() else "")
    full += f"@{revision.strip()}" if revision.strip() else ""
    return _fetch(studio, [{"data": full, "split": split.strip() or "train", "max_rows": int(max_rows) if max_rows else None}])


def _fetch(studio: Studio, asked: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        for values in asked:
            hub_name(values["data"])
            run = ask(build_config(values | {"kind": "fetch"}), studio.places)
        ensure_supervisor(studio.runs_dir)
    except (StudioError, OSError) as error:
        return {"fault": one_sentence(error)}
    return job_value(run) | {"data": asked[-1]["data"], "split": asked[-1].get("split", "train")}


def compare_negatives(studio: Studio, recipe: str, yours: dict[str, Any]) -> dict[str, Any]:
    """Ask for the same anchors with each kind of negative; the answer is the view's value."""
    return _request(studio, recipe, yours, "", "mine", again=True)


def cancel_job(studio: Studio, value: Mapping[str, Any]) -> None:
    """End the work that a view shows."""
    run = open_job(studio, value)
    status = run.status() if run else None
    if run is not None and status is not None and not status.is_final:
        run.request_cancel()
        ensure_supervisor(studio.runs_dir)
