"""The card of the further measures: each figure before and after, how sure the difference is, and how to read it."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from core.data_catalogue import DATA_SETS, called, data_parts
from core.fitting_kinds import BETTER, FITTING, NO_DIFFERENCE, WORSE
from core.measuring import UNTOUCHED
from ui.html import hint, model_label, problem

COLOURS = {BETTER: "rise", WORSE: "fall"}
ABOUT_INTERVALS = (
    "95 % interval of the difference: both models are measured on rows drawn again 1,000 times, and 95 % of the differences lie "
    "between the two numbers. A difference is called better or worse only where that leaves out 0. A dash: a setting, or a "
    "figure that rows drawn again do not give; read its small differences with care."
)


def fitting_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer of `core.fitting`."""
    models, measures = answer["models"], answer["measures"]
    faults = "".join(problem(model["fault"]) for model in models if model["fault"])
    whole = f" of {answer['of_rows']:,}" if answer["rows"] < answer["of_rows"] else ""
    drawn = ", drawn at random (the same ones each time)" if whole else ""
    texts = max((model.get("texts", 0) for model in models), default=0)
    about = (
        f"Measured on {answer['rows']:,}{whole} rows of {answer['found']}{drawn}; {texts:,} texts, each encoded once by each "
        "model, in fp32, compared by cosine."
    )
    return (
        f'<div class="card"><h3>More measures: {escape(title_of_data(answer["data"], answer["split"]))}</h3>'
        f"{seen_line(models, answer)}{faults}"
        f"<p><b>{escape(summary(answer))}</b></p>{named_models(models)}{hint(about)}"
        f"{_table(models, measures)}{_left_out(measures)}{hint(ABOUT_INTERVALS) if len(models) > 1 else ''}</div>"
    )


def title_of_data(data: str, split: str) -> str:
    """Return how rows are called: a catalogue's title with the split, or a file as what it is."""
    parts = data_parts(data)
    if all(part in DATA_SETS for part in parts):
        return f"{' + '.join(DATA_SETS[part].title for part in parts)} {split}"
    return called(data) if data.startswith(("file:", "upload:")) else f"{called(data)} {split}"


def heads(models: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what stands over each model's column."""
    if len(models) == 2 and models[0]["name"].startswith(UNTOUCHED):
        return ["before", "after"]
    return [f"model {number}" for number in range(1, len(models) + 1)]


def named_models(models: Sequence[Mapping[str, Any]]) -> str:
    """Return which model stands in which column."""
    named = zip(heads(models), models, strict=True)
    told = "".join(f"<span><i>{escape(head)}</i> {model_label(model)}</span>" for head, model in named)
    return f'<div class="plan" style="margin: .5rem 0">{told}</div>'


def seen_line(models: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> str:
    """Warn where a model was trained on what it is measured on."""
    seen = [model["label"] for model in models if model["seen"]]
    if not seen:
        return ""
    who = f"{escape(' and '.join(seen))} {'has' if len(seen) == 1 else 'have'}"
    return (
        f'<div class="warning">{who} seen these rows in training ({escape(title_of_data(answer["data"], answer["split"]))}): the '
        "figures say how well they were learnt, not how well new texts would do. Choose rows that it never saw for that.</div>"
    )


def summary(answer: Mapping[str, Any]) -> str:
    """Say in a sentence which figures got better on these rows, which worse, and where there is no real difference."""
    by_verdict: dict[str, list[str]] = {}
    for spec, figure in _figures(answer["measures"]):
        if figure.get("verdict"):
            by_verdict.setdefault(figure["verdict"], []).append(FITTING[spec].figures[figure["id"]].title)
    parts = [f"{said}: {', '.join(by_verdict[said])}" for said in (BETTER, WORSE, NO_DIFFERENCE) if said in by_verdict]
    where = f"On {title_of_data(answer['data'], answer['split'])}"
    return f"{where}, {'; '.join(parts)}." if parts else f"{where} there is no difference with an interval to judge by."


def _figures(measures: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for measure in measures:
        for figure in measure["figures"]:
            yield measure["id"], figure


def _table(models: Sequence[Mapping[str, Any]], measures: Sequence[Mapping[str, Any]]) -> str:
    names = heads(models) + (["difference", "95 % interval"] if len(models) > 1 else [])
    head = "<tr><th>Figure</th>" + "".join(f"<th class='number'>{escape(name)}</th>" for name in names) + "</tr>"
    body = "".join(_measure_rows(measure, len(names) + 1) for measure in measures if not measure["left_out"])
    return f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{body}</tbody></table></div>'


def _measure_rows(measure: Mapping[str, Any], columns: int) -> str:
    """Return a row for each of a measure's figures, under a title with what it was taken on where they are several."""
    spec, figures = FITTING[measure["id"]], measure["figures"]
    on = f" <span class='origin'>{escape(measure['about'])}</span>"
    if len(figures) == 1:
        return _row(measure["id"], figures[0], on)
    title = f"<tr><td colspan={columns}><b>{escape(spec.title)}</b>{on}</td></tr>"
    return title + "".join(_row(measure["id"], figure) for figure in figures)


def _row(measure: str, figure: Mapping[str, Any], on: str = "") -> str:
    spec = FITTING[measure].figures[figure["id"]]
    title = f"<b>{escape(spec.title)}</b>" if on else escape(spec.title)
    cells = "".join(f'<td class="number">{_number(value)}</td>' for value in figure["values"])
    cells += _difference_cells(figure) if len(figure["values"]) > 1 else ""
    return f"<tr><td>{title}{on}<div class='hint'>{escape(spec.reading)}</div></td>{cells}</tr>"


def _difference_cells(figure: Mapping[str, Any]) -> str:
    said, difference = figure.get("verdict", ""), figure["difference"]
    change = "–" if difference is None else f"{difference:+.4f}"
    verdict = f"<br><span class='origin' style='white-space: nowrap'>{escape(said)}</span>" if said else ""
    interval = f"{figure['low']:+.3f} to {figure['high']:+.3f}" if said else "–"
    return (
        f'<td class="number"><span class="{COLOURS.get(said, "")}">{change}</span>{verdict}</td>'
        f'<td class="number" style="white-space: nowrap">{interval}</td>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _left_out(measures: Sequence[Mapping[str, Any]]) -> str:
    lines = "".join(
        f"<li>{escape(FITTING[measure['id']].title)} is left out: {escape(measure['left_out'])}.</li>"
        for measure in measures
        if measure["left_out"]
    )
    return f'<ul class="notes">{lines}</ul>' if lines else ""
