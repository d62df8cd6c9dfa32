"""A run's scores on the Evaluate tab: the verdict, then the figures before and after, the person's own held-out part first."""

from collections.abc import Mapping
from html import escape
from typing import Any

from core.files import read_json
from core.runs import HELD_OUT, RunFolder
from core.verdict import read_verdict
from ui.html import empty, hint, problem
from ui.studio import Studio
from ui.verdict_view import pairs_place, verdict_card

# Four digits are shown: what is smaller is no difference on the page.
SHOWN_DIFFERENCE = 5e-5
SIMILARITIES = ("cosine", "dot", "manhattan", "euclidean", "max")
OWN_FIGURES = {
    "mrr_10": "MRR@10: how near the top the right answer stands among all held-out answers",
    "accuracy": "Triplet accuracy: how often the positive is nearer than the negative",
    "pearson_cosine": "Pearson of cosines and scores",
    "spearman_cosine": "Spearman of cosines and scores",
}
TITLES = {"max": "Best of the four"}
TEN_READING = (
    "Pearson: how nearly the similarities lie on one line with what people say. Spearman: how far they put the pairs into the "
    "same order. Both −1 to 1, higher is better; the bold row is the one that is reported."
)


def scores_table(studio: Studio, name: str | None) -> str:
    """Return a run's scores, the untouched model's beside them: what is better, the figures, and places for single pairs."""
    if not name:
        return empty("No run yet. Start one on the Train tab: its scores appear here, before and after.")
    run = studio.run(name)
    status = run.status() if run else None
    if run is None or status is None:
        return problem("This run was deleted; choose another one above.")
    before, after = run.scores("before"), run.scores("after")
    if not before and after:
        return "".join(_jointly(run, data, figures) for data, figures in after.items())
    if not before:
        return empty("This run ended without a score." if status.is_final else "The untouched model is scored first.")
    sets = sorted(before, key=lambda data: (data != HELD_OUT, "accuracy" in before[data]))
    verdicts = [found for data in sets if data in after and (found := read_verdict(run.path, data))]
    tables = "".join(_table_of(run, data, before[data], after.get(data)) for data in sets)
    return verdict_card(verdicts) + tables + "".join(_pairs_of(run, data) for data in sets)


def _table_of(run: RunFolder, data: str, before: dict[str, float], after: dict[str, float] | None) -> str:
    if data == HELD_OUT:
        return _held_out(run, before, after)
    return (_classes if "accuracy" in before else _one_set)(run, data, before, after)


def _pairs_of(run: RunFolder, data: str) -> str:
    """Return the place for the pairs of a scored set; nothing where its records hold no cosines."""
    paths = [run.path / "scores" / f"{data.replace('/', '-')}.{which}.json" for which in ("before", "after")]
    if not any((read_json(path) or {}).get("cosines") for path in paths):
        return ""
    # Scored anew, they are filled anew.
    return pairs_place("run", run.id, data, [path.stat().st_mtime_ns for path in paths if path.is_file()])


def _held_out(run: RunFolder, before: dict[str, float], after: dict[str, float] | None) -> str:
    """Return the figures on the person's own held-out rows, with what each says."""
    about = _about(run, HELD_OUT)
    what = f"{about.get('pairs', 0):,} {about.get('shape', 'examples')} from {about.get('found', 'your data')}"
    title = f"Your own held-out part: {what}"
    rows = "".join(
        f"<tr><td>{escape(OWN_FIGURES.get(name, name))}</td><td class='number'>{value:.4f}</td>"
        f"{_after_cells(value, after.get(name) if after else None)}</tr>"
        for name, value in before.items()
    )
    head = (
        "<tr><th>Figure</th>" + "".join(f"<th class='number'>{name}</th>" for name in ("before", "after", "difference")) + "</tr>"
    )
    table = f'<div class="scroll"><table class="facts own"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    unseen = hint("Texts that training never saw, nor any text equal to one of them.")
    note = f'<div class="warning">{escape(str(about["note"]))}</div>' if about.get("note") else ""
    return f'<div class="card"><h3>{escape(title)}</h3>{unseen}{note}{table}</div>'


def _about(run: RunFolder, data: str, which: str = "before") -> dict[str, Any]:
    """Return a score's record."""
    return read_json(run.path / "scores" / f"{data.replace('/', '-')}.{which}.json") or {}


def _classes(run: RunFolder, data: str, before: dict[str, float], after: dict[str, float] | None) -> str:
    """Return how well labelled texts are told apart."""
    about = _about(run, data)
    title = f"Accuracy on {data.replace('/', ' ')}: {about.get('pairs', 0):,} texts from {about.get('found', data)}, in fp32"
    value = before["accuracy"]
    cells = _after_cells(value, after["accuracy"] if after else None)
    heads = "".join(f"<th class='number'>{name}</th>" for name in ("before", "after", "difference"))
    row = f"<tr><td>Share of texts whose label is found</td><td class='number'>{value:.4f}</td>{cells}</tr>"
    table = f'<table class="facts"><thead><tr><th>Figure</th>{heads}</tr></thead><tbody>{row}</tbody></table>'
    return f'<div class="card"><h3>{escape(title)}</h3><p class="hint">{escape(str(about.get("protocol", "")))}</p>{table}</div>'


def _jointly(run: RunFolder, data: str, figures: dict[str, float]) -> str:
    """Return a cross-encoder's figures; its head was new, so there is nothing to compare them with."""
    about = _about(run, data, "after")
    title = f"Cross-encoder on {data.replace('/', ' ')}: {about.get('pairs', 0):,} pairs from {about.get('found', data)}, in fp32"
    rows = "".join(
        f"<tr><td>{escape(name.capitalize())}</td><td class='number'>{value:.4f}</td></tr>" for name, value in figures.items()
    )
    note = '<p class="hint">It reads both texts at once and gives a score, no embedding: it labels pairs for a bi-encoder.</p>'
    return f'<div class="card"><h3>{escape(title)}</h3>{note}<table class="facts"><tbody>{rows}</tbody></table></div>'


def _one_set(run: RunFolder, data: str, before: dict[str, float], after: dict[str, float] | None) -> str:
    about = _about(run, data)
    title = f"{data.replace('/', ' ')}: {about.get('pairs', 0):,} pairs from {about.get('found', data)}, in fp32"
    note = "" if after else '<p class="hint">The trained model has no score yet.</p>'
    small = ""
    if data.startswith("sample/"):
        small = (
            '<p class="hint">This is the small sample that ships with the studio, not STSB: of 400 pairs only a large '
            "difference can be told from chance. Put stsb/validation.csv into a data folder to measure on STSB.</p>"
        )
    return f'<div class="card"><h3>{escape(title)}</h3>{small}{note}{hint(TEN_READING)}{ten_figures(before, after)}</div>'


def ten_figures(before: Mapping[str, float], after: Mapping[str, float] | None) -> str:
    """Return the table of the evaluator's ten figures, the chapter's in bold."""
    rows = "".join(_row(name, before, after) for name in SIMILARITIES)
    head = (
        "<tr><th rowspan=2>Similarity</th><th colspan=3>Pearson</th><th colspan=3>Spearman</th></tr>"
        "<tr>" + 2 * "<th class='number'>before</th><th class='number'>after</th><th class='number'>difference</th>" + "</tr>"
    )
    return f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _row(name: str, before: Mapping[str, float], after: Mapping[str, float] | None) -> str:
    cells = ""
    for statistic in ("pearson", "spearman"):
        key = f"{statistic}_{name}"
        cells += f'<td class="number">{before[key]:.4f}</td>' + _after_cells(before[key], after[key] if after else None)
    css = ' class="main"' if name == "cosine" else ""
    return f"<tr{css}><td>{TITLES.get(name, name.capitalize())}</td>{cells}</tr>"


def _after_cells(before: float, after: float | None) -> str:
    if after is None:
        return '<td class="number">–</td><td class="number">–</td>'
    css = "" if abs(after - before) < SHOWN_DIFFERENCE else "rise" if after > before else "fall"
    return f'<td class="number">{after:.4f}</td><td class="number {css}">{after - before:+.4f}</td>'
