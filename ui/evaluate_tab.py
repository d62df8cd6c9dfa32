"""The Evaluate tab: the ten figures of the chapter's evaluator, before and after."""

from html import escape

from core.files import read_json
from core.runs import RunFolder
from ui.html import empty, problem
from ui.studio import Studio

SIMILARITIES = ("cosine", "dot", "manhattan", "euclidean", "max")
TITLES = {"max": "Best of the four"}


def scores_table(studio: Studio, name: str | None) -> str:
    """Return a run's scores, the untouched model's beside them."""
    if not name:
        return empty("No run yet. Start one on the Train tab: its scores appear here, before and after.")
    run = studio.run(name)
    status = run.status() if run else None
    if run is None or status is None:
        return problem("This run was deleted; choose another one above.")
    before, after = run.scores("before"), run.scores("after")
    if not before:
        return empty(f"Run {run.id} ended without a score." if status.is_final else "The untouched model is scored first.")
    return "".join(_one_set(run, data, figures, after.get(data)) for data, figures in before.items())


def _one_set(run: RunFolder, data: str, before: dict[str, float], after: dict[str, float] | None) -> str:
    about = read_json(run.path / "scores" / f"{data.replace('/', '-')}.before.json") or {}
    title = f"{data.replace('/', ' ')}: {about.get('pairs', 0):,} pairs from {about.get('found', data)}, in fp32"
    rows = "".join(_row(name, before, after) for name in SIMILARITIES)
    note = "" if after else '<p class="hint">The trained model has no score yet.</p>'
    small = ""
    if data.startswith("sample/"):
        small = (
            '<p class="hint">This is the small sample that ships with the studio, not STSB: with 400 pairs, differences below '
            "about 0.04 mean little. Put stsb/validation.csv into a data folder to measure on STSB.</p>"
        )
    head = (
        "<tr><th rowspan=2>Similarity</th><th colspan=3>Pearson</th><th colspan=3>Spearman</th></tr>"
        "<tr>" + 2 * "<th class='number'>before</th><th class='number'>after</th><th class='number'>difference</th>" + "</tr>"
    )
    table = f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    return f'<div class="card"><h3>{escape(title)}</h3>{small}{note}{table}</div>'


def _row(name: str, before: dict[str, float], after: dict[str, float] | None) -> str:
    cells = ""
    for statistic in ("pearson", "spearman"):
        key = f"{statistic}_{name}"
        cells += f'<td class="number">{before[key]:.4f}</td>' + _after_cells(before[key], after[key] if after else None)
    css = ' class="main"' if name == "cosine" else ""
    return f"<tr{css}><td>{TITLES.get(name, name.capitalize())}</td>{cells}</tr>"


def _after_cells(before: float, after: float | None) -> str:
    if after is None:
        return '<td class="number">–</td><td class="number">–</td>'
    css = "rise" if after > before else "fall"
    return f'<td class="number">{after:.4f}</td><td class="number {css}">{after - before:+.4f}</td>'
