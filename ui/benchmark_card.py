"""The cards of the benchmark: a task's figures before and after, and how long a task will take."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean, stdev
from typing import Any

from core.benchmark_tasks import CLASSIFICATION, CLUSTERING, FIGURES
from core.fitting_kinds import BETTER, WORSE
from core.job_figures import how_long
from ui.fitting_card import heads, named_models
from ui.html import hint, problem

ABOUT_DRAWS = (
    "The task is done ten times, each time with other known texts and the same test texts: the draws tell how much the choice of "
    "known texts matters, not how sure the figure is for other test texts."
)
BEYOND_DRAWS = "Better or worse is said only where the difference is more than twice as large as it varies from draw to draw."
NO_DRAWS = (
    "The task gives its figure without an interval, so only higher or lower can be said: “Is it better?” says how sure a "
    "difference on STSB is."
)
UNLIKE_STSB = (
    "A model can gain on STSB and lose here: STSB asks which sentences mean nearly the same, this task which belong under one "
    "label, and training for the one may blur what the other needs."
)
ABOUT_BOOK = (
    "The book’s figures are those of its own model, BERT trained on 50,000 MNLI pairs, as mteb 1.1.2 measured it: the same task, "
    "another start."
)
EPSILON = 5e-5
# So many times the spread of single draws.
BEYOND_SPREAD, FEWEST_DRAWS = 2, 3
WITHIN_DRAWS = "no more than draws differ"
CSS = {BETTER: "rise", "higher": "rise", WORSE: "fall", "lower": "fall"}


def benchmark_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer of `core.benchmarks`."""
    return time_card(answer) if answer.get("only") == "time" else scores_card(answer)


def time_card(answer: Mapping[str, Any]) -> str:
    """Say how long a task will take on this machine."""
    models = answer["models"]
    seconds = sum(model["seconds"] for model in models)
    if not answer["texts"]:
        return _card(answer, "<p><b>Measured before: Measure shows it at once.</b></p>")
    each = "; ".join(
        f"{model['label']}: {'measured before' if model['kept'] else how_long(model['seconds'])}" for model in models
    )
    about = (
        f"{each}. Worked out from 64 of the task’s {answer['texts']:,} texts, encoded here just now ({answer['device']}, fp32), "
        "and from a trial of the scoring; other work on this machine makes it longer."
    )
    return _card(answer, f"<p><b>About {how_long(max(1.0, seconds))} here.</b> Press Measure to start.</p>{hint(about)}")


def scores_card(answer: Mapping[str, Any]) -> str:
    """Return a task's figures for one or two models, the main one first, and what they were measured on."""
    models = answer["models"]
    good = [model for model in models if not model["fault"]]
    faults = "".join(problem(model["fault"]) for model in models if model["fault"])
    rest = f"{_table(answer, models)}{_parts(models)}{_notes(answer, good)}"
    return _card(answer, f"{faults}<p><b>{escape(summary(answer))}</b></p>{named_models(models)}{rest}")


def _card(answer: Mapping[str, Any], inner: str) -> str:
    task = str(answer["name"]).partition(":")[0]
    languages = f", {', '.join(answer['subsets'])} of {answer['of_subsets']} languages" if answer["subsets"] else ""
    title = f"MTEB: {task}, {' and '.join(answer['splits'])} part{languages}"
    return f'<div class="card"><h3>{escape(title)}</h3>{inner}</div>'


def title_of(figure: str) -> str:
    """Return what a figure is called on the page."""
    return FIGURES[figure].title if figure in FIGURES else figure.replace("_", " ")


def summary(answer: Mapping[str, Any]) -> str:
    """Say in a sentence what came of it."""
    models, main = answer["models"], title_of(answer["main"])
    if len(models) != 2 or any(model["fault"] for model in models):
        return "; ".join(f"{main} {model['main_score']:.4f}, {model['label']}" for model in models if not model["fault"]) + "."
    before, after = (model["main_score"] for model in models)
    said = f"{main}: {before:.4f} before, {after:.4f} after, {_signed(after - before)}: {verdict(models)}."
    changes = _changes(models)
    if not changes:
        return said
    ahead, behind = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    who, often = ("tuned", ahead) if ahead >= behind else ("untouched", behind)
    return f"{said} The {who} model is ahead in {often} of {len(changes)} draws."


def _changes(models: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return by how much the main figure changed in each draw: both models were given the same ones."""
    before, after = (model.get("experiments", []) for model in models)
    return [last - first for first, last in zip(before, after, strict=False)]


def verdict(models: Sequence[Mapping[str, Any]]) -> str:
    """Say what the figures of two models support: better or worse beyond the spread of the draws, else higher or lower.

    The draws share their test texts: how sure the figures are for other ones, nobody can read from them.
    """
    changes = _changes(models)
    if len(changes) < FEWEST_DRAWS:
        return _direction(models[1]["main_score"] - models[0]["main_score"])
    change = fmean(changes)
    if abs(change) <= max(EPSILON, BEYOND_SPREAD * stdev(changes)):
        return WITHIN_DRAWS
    return BETTER if change > 0 else WORSE


def _direction(change: float) -> str:
    return "the same" if abs(change) < EPSILON else "higher" if change > 0 else "lower"


def _signed(change: float) -> str:
    return f"{change:+.4f}".replace("-", "−")


def _table(answer: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str:
    found = [model.get("figures", {}) for model in models]
    names = [name for name in FIGURES if any(name in figures for figures in found)]
    # A task whose figures the page does not know is shown by its main one.
    names = sorted(names or [answer["main"]], key=lambda name: name != answer["main"])
    titles = [*heads(models), *(["difference"] if len(models) == 2 else []), *(["book"] if answer["book"] else [])]
    head = "<tr><th>Figure</th>" + "".join(f"<th class='number'>{escape(title)}</th>" for title in titles) + "</tr>"
    body = "".join(_row(name, answer, found) for name in names)
    return f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _row(name: str, answer: Mapping[str, Any], found: Sequence[Mapping[str, float]]) -> str:
    values = [figures.get(name) for figures in found]
    cells = "".join(f'<td class="number">{_number(value)}</td>' for value in values)
    if len(values) == 2:
        first, last = values
        cells += '<td class="number">–</td>' if first is None or last is None else _difference(name, last - first, answer)
    if answer["book"]:
        cells += f'<td class="number">{_number(answer["book"].get(name))}</td>'
    reading = f"<div class='hint' style='font-weight: 400'>{escape(FIGURES[name].reading)}</div>" if name in FIGURES else ""
    css = ' class="main"' if name == answer["main"] else ""
    return f"<tr{css}><td>{escape(title_of(name))}{reading}</td>{cells}</tr>"


def _difference(name: str, change: float, answer: Mapping[str, Any]) -> str:
    said = verdict(answer["models"]) if name == answer["main"] else _direction(change)
    return (
        f'<td class="number"><span class="{CSS.get(said, "")}">{_signed(change)}</span>'
        f'<br><span class="origin" style="white-space: nowrap">{said}</span></td>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _parts(models: Sequence[Mapping[str, Any]]) -> str:
    """Return the main figure of each part or language, where a task has several."""
    lines: dict[str, list[str]] = {}
    for model in models:
        for part in model.get("parts", []):
            lines.setdefault(f"{part['split']}, {part['subset']}", []).append(f"{part['main_score']:.4f}")
    if len(lines) < 2:
        return ""
    told = "".join(f"<li>{escape(part)}: {' → '.join(values)}</li>" for part, values in lines.items())
    return f'<ul class="notes">{told}</ul>'


def _notes(answer: Mapping[str, Any], good: Sequence[Mapping[str, Any]]) -> str:
    """Say what was measured, how long it took, and with which versions."""
    took = " and ".join(f"{model['evaluation_seconds']:.1f} s" for model in good)
    versions = good[-1].get("versions", {})
    about = (
        f"Measured by mteb {answer['mteb']} on {answer['found']}, in fp32: {good[-1]['texts']:,} texts, each encoded once by "
        f"each model. Evaluation time as mteb gives it: {took}. With sentence-transformers "
        f"{versions.get('sentence-transformers', '?')} and torch {versions.get('torch', '?')}."
    )
    notes = [about, *([ABOUT_DRAWS] if any(model["experiments"] for model in good) else [])]
    if len(good) == 2:
        notes.append(BEYOND_DRAWS if len(_changes(good)) >= FEWEST_DRAWS else NO_DRAWS)
    notes += [UNLIKE_STSB] if answer["kind"] in (CLASSIFICATION, CLUSTERING) else []
    return "".join(hint(note) for note in [*notes, *([ABOUT_BOOK] if answer["book"] else [])])
