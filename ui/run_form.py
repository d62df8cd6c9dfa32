"""The only place where widget values become a `RunConfig` and back.

The page keeps two things: `yours`, what the person set, and `shown`, what the widgets were last told. A
widget that differs from what it was told was changed by hand; an emptied one goes back to recipe or machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import Any

from core.base_models import SENTENCE, kind_of
from core.chains import asked_chain, main_config, main_run
from core.config import PREVIOUS, RunConfig, range_of
from core.config_parts import PROMPT_ROLES
from core.data_catalogue import called
from core.errors import StudioError, one_sentence
from core.example_choice import row_kind
from core.losses import LOSSES, loss_spec
from core.recipes import split_size
from core.settings import Setting, settle
from ui.studio import Studio

PARAMETERS = tuple(dict.fromkeys(parameter.name for spec in LOSSES.values() for parameter in spec.parameters))
PARAMETER_KEYS = tuple(f"loss_params.{name}" for name in PARAMETERS)
SILVER_KEYS = ("silver.pairs", "silver.amount", "silver.cut", "silver.gold_only")
MODEL_KEYS = ("max_seq_length", "pooling", "frozen_layers", "lora_rank", "matryoshka", "prompts.query", "prompts.passage")
# What a person set for one choice of rows, and means nothing for another one.
OF_THE_ROWS = frozenset({"columns", "examples", "fixes", "negatives", "max_rows"})
OF_THE_LOSS = frozenset({"negatives", "examples", "teacher", "matryoshka", *SILVER_KEYS, *PARAMETER_KEYS})
FORM_KEYS = (
    "base_model", *MODEL_KEYS, "data", "split", "max_rows", "negatives", "neutral_score", "score_threshold", "holdout",
    "mining.model", "mining.rank_from", "mining.rank_to", "mining.margin", "mining.ceiling", "mining.judge",
    *SILVER_KEYS, "loss", *PARAMETER_KEYS, "teacher",
    "epochs", "time_budget_seconds", "batch_size", "learning_rate", "seed",
    "max_steps", "gradient_accumulation", "scheduler", "warmup", "weight_decay", "max_grad_norm", "precision", "sampler",
    "gradient_checkpointing",
    "eval_every", "log_every", "eval_batch_size", "early_stopping", "save_every", "best_by", "snapshots",
)  # fmt: skip


@dataclass(frozen=True)
class FormState:
    """The form after a change: what goes to the widgets, what is remembered, and what is wrong, if anything."""

    yours: dict[str, Any]
    shown: dict[str, Any]
    config: RunConfig | None = None
    settled: dict[str, Setting] = field(default_factory=dict)
    fault: str = ""


def start_form(studio: Studio, recipe: str, kept: Mapping[str, Any] = MappingProxyType({})) -> FormState:
    """Return the form as a recipe fills it, with what is `kept` of an earlier form."""
    return _fill(studio, recipe, dict(kept), {})


def change_form(
    studio: Studio, recipe: str, yours: Mapping[str, Any], shown: Mapping[str, Any], values: Sequence[Any]
) -> FormState:
    """Return the form after the person changed a widget."""
    told = dict(zip(FORM_KEYS, values, strict=True))
    changed = {key: value for key, value in told.items() if not _same(value, shown.get(key))}
    return set_values(studio, recipe, {**yours}, changed, told)


def set_values(
    studio: Studio, recipe: str, yours: Mapping[str, Any], changed: Mapping[str, Any], told: Mapping[str, Any]
) -> FormState:
    """Return the form after some values were set: by widgets, or by a button such as a fix. None hands a choice back."""
    if "data" in changed or "split" in changed:
        # Other rows have other columns, shapes and faults.
        dropped = {*OF_THE_ROWS, *({"split"} if "data" in changed else set())} - changed.keys()
        yours = {key: value for key, value in yours.items() if key not in dropped}
    if "loss" in changed:
        # Another loss takes other examples and other numbers.
        yours = {key: value for key, value in yours.items() if key not in OF_THE_LOSS - changed.keys()}
    if "negatives" in changed:
        yours = {key: value for key, value in yours.items() if key != "examples"}
    mine = {key: value for key, value in {**yours, **changed}.items() if value not in (None, "")}
    return _fill(studio, recipe, mine, dict(told))


def _same(value: Any, other: Any) -> bool:
    return (None if value == "" else value) == (None if other == "" else other)


def _fill(studio: Studio, recipe: str, yours: dict[str, Any], told: dict[str, Any]) -> FormState:
    try:
        config = start_config(studio, recipe, yours)
        kind = kind_of(config.base_model, studio.runs_dir)
        settled = settle(config, kind, studio.machine, rows=row_kind(config, studio.places), runs_dir=studio.runs_dir)
    except StudioError as error:
        return FormState(yours, told, fault=one_sentence(error))
    return FormState(yours, _to_widgets(config, settled), config, settled)


def nested(yours: Mapping[str, Any]) -> dict[str, Any]:
    """Turn "mining.margin": 0.1 into the nested values of a configuration."""
    values: dict[str, Any] = {}
    for key, value in yours.items():
        part, dot, name = key.partition(".")
        if dot:
            values[part] = {**values.get(part, {}), name: value}
        else:
            values[key] = value
    return values


def _to_widgets(config: RunConfig, settled: Mapping[str, Setting]) -> dict[str, Any]:
    parameters = {parameter.name: parameter.default for parameter in loss_spec(config.loss).parameters}
    shown = {key: settled[key].value for key in FORM_KEYS if "." not in key}
    shown |= {f"mining.{name}": value for name, value in config.mining.model_dump().items() if f"mining.{name}" in FORM_KEYS}
    shown["mining.judge"] = shown["mining.judge"] or ""
    shown |= {f"loss_params.{name}": config.loss_params.get(name, parameters.get(name)) for name in PARAMETERS}
    shown |= {f"prompts.{role}": (shown_prompts(settled)).get(role, "") for role in PROMPT_ROLES}
    silver = config.silver.model_dump() if config.silver else {}
    shown |= {key: silver.get(key.partition(".")[2]) for key in SILVER_KEYS}
    shown["pooling"] = shown["pooling"] or ""
    shown["matryoshka"] = ", ".join(map(str, config.matryoshka))
    return shown | {"holdout": bool(shown["holdout"]), "silver.gold_only": bool(shown["silver.gold_only"])}


def shown_prompts(settled: Mapping[str, Setting]) -> dict[str, str]:
    """Return what stands before a text, by role."""
    return dict(settled["prompts"].value or {})


def settings_table(form: FormState, why_precision: str) -> str:
    """Return every setting with its value and whose choice it is; the machine's choice of a number format with its reason."""
    rows = []
    for key in dict.fromkeys(key.partition(".")[0] for key in (*FORM_KEYS, "examples", "columns", "fixes")):
        setting = form.settled[key]
        value = setting.value
        text = "worked out from the run's length" if key == "eval_every" and value is None else _as_text(value)
        fit = RunConfig.model_fields[key].description or ""
        if key == "precision" and setting.origin == "automatic":
            fit = f"{fit} ({why_precision})"
        rows.append(
            f"<tr><td><code>{escape(key)}</code></td><td>{escape(text)}</td>"
            f'<td><span class="origin {setting.origin}">{setting.origin}</span></td>'
            f"<td>{escape('; '.join(filter(None, (fit, range_of(key)))))}</td></tr>"
        )
    head = "<tr><th>Setting</th><th>Value</th><th>Whose choice</th><th>What it is, and its range</th></tr>"
    return f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table></div>'


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_as_text(part)}" for name, part in value.items()) or "as guessed, or the loss's own"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "—" if value is None else str(value)


def plan_line(studio: Studio, recipe: str, form: FormState) -> str:
    """Return what will be trained, as a line that a newcomer can read; a chain's other runs stand before and after."""
    if form.config is None:
        return ""
    values = {key: setting.value for key, setting in form.settled.items()}
    parts = [
        form.config.base_model, f"{called(form.config.data)} as {values['examples'] or 'examples'}",
        LOSSES[form.config.loss].title, f"{_length(values)} of batches of {values['batch_size']}",
    ]  # fmt: skip
    line = "<i>→</i>".join(f"<span>{escape(part)}</span>" for part in parts)
    chain = asked_chain(*split_size(recipe), nested(form.yours), studio.places)
    main = main_run(chain)
    before = [f"First: {called_run(config)}." for config in chain[:main]]
    after = [f"Then: {called_run(config)}." for config in chain[main + 1 :]]
    notes = [note for note in (*before, *after, kind_note(form)) if note]
    return f'<div class="plan">{line}</div>' + "".join(f'<div class="hint">{escape(note)}</div>' for note in notes)


def called_run(config: RunConfig) -> str:
    """Return what a run of a chain does, in a few words."""
    base = "the model of the run before" if config.base_model == PREVIOUS else config.base_model
    what = "a cross-encoder" if config.kind == "cross-encoder" else LOSSES[config.loss].title
    rows = f"{called(config.data)}, {config.max_rows:,} rows of each" if config.max_rows else called(config.data)
    return f"{what} from {base} on {rows}"


def kind_note(form: FormState) -> str:
    """Say how long this will roughly take, where that is not a matter of seconds."""
    if form.config is None or form.config.base_model != "all-minilm-l6-v2":
        return ""
    return f"A {SENTENCE} embedding model trains in minutes on a CPU; static-minilm in seconds."


def start_config(studio: Studio, recipe: str, yours: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that Start training queues.

    Raises:
        StudioError: the settings do not fit together; the sentence says what to change.
    """
    studio.check_paths(yours)
    return main_config(*split_size(recipe), nested(yours), studio.places)


def _length(values: Mapping[str, Any]) -> str:
    if values["time_budget_seconds"]:
        return f"{values['time_budget_seconds']:g} seconds"
    return f"{values['epochs']:g} epoch{'' if values['epochs'] == 1 else 's'}"
