"""What the page shows of a prepared folder: counts, shapes, first rows, the held-out part, what is wrong, and pictures."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from core.config_parts import HOLDOUT_SHARE
from core.conversions import shapes_from
from core.doctor_fixes import FIXES
from core.examples import TRIPLETS
from core.false_negatives import false_negative_share
from core.figures import label_figure, length_figure, score_figure
from core.losses import LOSSES
from ui.html import problem, set_button

FEWEST_BATCHES = 10
KIND_NAMES = {
    "nli": "NLI pairs: premise, hypothesis, label",
    "scored": "Scored pairs: two texts and a similarity",
    "pairs": "Pairs that belong together",
    "given-triplets": "Triplets: anchor, positive, negative",
    "labelled": "Labelled texts: text and class",
    "texts": "Texts alone",
}
NEGATIVE_NAMES = {
    "none": "In the batch only",
    "random": "Random",
    "semi-hard": "Semi-hard (mined)",
    "hard": "Hard (contradictions, or judged)",
    "given": "Given (a third column)",
}


def summary_line(report: Mapping[str, Any]) -> str:
    """Return what came of the rows, and every row that was left out, with the reason."""
    said = f"<b>{report['examples']:,} {escape(report['shape'])}</b> from {report['rows']:,} rows of {escape(report['found'])}"
    if report["negatives"] != "none":
        said += f", negatives {escape(report['negatives'])}"
    dropped = [f"{count:,} left out: {escape(why)}" for why, count in report["dropped"].items()]
    notes = [escape(note) for note in report["notes"]]
    rest = "".join(f"<li>{line}</li>" for line in [*dropped, *notes])
    listed = f'<ul class="notes">{rest}</ul>' if rest else ""
    return f'<div class="summary">{said}.</div>{listed}{fix_chips(report["fixes"])}'


def fix_chips(fixes: Sequence[str]) -> str:
    """Return the fixes that are made, each with a button that takes it back."""
    return "".join(
        f'<span class="chip">Fix: {escape(FIXES[fix])} {set_button("Undo", {"unfix": fix})}</span>'
        for fix in fixes
        if fix in FIXES
    )


def trouble_card(said: str, config: Mapping[str, Any], preview: Mapping[str, Any] | None) -> str:
    """Return why there are no examples, with every way out that is left: fixes to take back, other shapes, another try."""
    shapes = ""
    if preview:
        buttons = " ".join(
            set_button(shape, {"shape": shape}) for shape in shapes_from(str(preview["kind"])) if shape != preview["shape"]
        )
        shapes = f'<p class="hint">These rows can also become: {buttons}</p>'
    columns = "Which column is what can be corrected above, under Columns and rows. "
    again = set_button("Try again", {"again": True})
    return f'{problem(said)}{fix_chips(config.get("fixes", []))}{shapes}<p class="hint">{columns}{again}</p>'


def shapes_table(report: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    """Return what these rows can become, how many examples that gives, and which losses take it; one click chooses."""
    rows = ""
    for shape, count in report["shapes"].items():
        takers = [spec for spec in LOSSES.values() if shape in spec.shapes]
        names = ", ".join(spec.title for spec in takers) or "none of the catalogue's"
        about = (
            " at most"
            if shape == TRIPLETS and report["kind"] not in ("nli", "given-triplets") and shape != report["shape"]
            else ""
        )
        chosen = shape == report["shape"]
        button = (
            '<span class="chosen">shown below</span>' if chosen else set_button("Use" if takers else "Look", {"shape": shape})
        )
        css = ' class="main"' if chosen else ""
        rows += (
            f'<tr{css}><td>{escape(shape)}</td><td class="number">{count:,}{about}</td><td>{escape(names)}</td>'
            f"<td>{button}</td></tr>"
        )
    head = "<tr><th>These rows can become</th><th class='number'>Examples</th><th>Losses that take them</th><th></th></tr>"
    return (
        f'<details class="part" data-name="shapes"><summary>Shapes: {len(report["shapes"])} possible, '
        f"<b>{escape(report['shape'])}</b> shown</summary>"
        f'<div class="scroll"><table class="facts"><thead>{head}</thead><tbody>{rows}</tbody></table></div></details>'
    )


def preview_table(preview: Mapping[str, Any] | None, *, checking: bool) -> str:
    """Return the first rows of the prepared file, marked while the rest is still being read."""
    if not preview:
        return ""
    note = '<span class="checking">checking the rest</span>' if checking else ""
    head = "".join(f"<th>{escape(column)}</th>" for column in preview["columns"])
    body = "".join("<tr>" + "".join(f'<td dir="auto">{escape(cell)}</td>' for cell in row) + "</tr>" for row in preview["rows"])
    title = f"The first {len(preview['rows'])} examples, as the loss will see them"
    return (
        f'<div class="card preview"><h3>{title} {note}</h3><div class="scroll rows">'
        f'<table class="facts"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def held_out_line(report: Mapping[str, Any]) -> str:
    """Say what is held out of training, or what it costs that nothing is."""
    count, note = report["held_out"], report["held_out_note"]
    if count:
        text = (
            f"{count:,} rows are held out of training, by groups of equal texts, to tell whether the model gets better on texts "
            f"it never saw{f' ({note})' if note else ''}."
        )
    elif report["held_out_share"]:
        text = f"Nothing is held out: {note}."
    elif report["data"].split(":")[0] in ("file", "upload", "hub"):
        return (
            '<div class="warning">Nothing of your data is held out, so nobody can tell whether the model gets better on texts '
            f"like yours or only remembers them. {set_button('Hold out a part', {'holdout': HOLDOUT_SHARE})}</div>"
        )
    else:
        text = f"Nothing is held out: runs are measured on {report['outside'].replace('/', ' ')}."
    return f'<div class="hint">{escape(text)}</div>'


def findings_card(report: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    """Return what the data doctor found, each with its number, an example and a button that mends it."""
    items = [_finding(finding) for finding in report["findings"]]
    items = [item for item in (*_batch_findings(report, value), *_length_findings(report, value)) if item] + items
    if not items:
        return (
            '<div class="card doctor"><h3>Data doctor</h3><p>Nothing found: no duplicates, no overlap, nothing cut off.</p></div>'
        )
    return f'<div class="card doctor"><h3>Data doctor: {len(items)} to look at</h3>{"".join(items)}</div>'


def _finding(finding: Mapping[str, Any]) -> str:
    share = 100 * finding["count"] / max(1, finding["total"])
    shown = f"{share:.1f}" if share >= 0.1 else "less than 0.1"
    text = f"<b>{finding['count']:,}</b> {escape(finding['text'])} ({shown} %)."
    example = " · ".join(f"“{escape(part)}”" for part in finding["example"])
    fix = finding.get("fix")
    # A fix that leaves nothing is none.
    button = set_button("Fix", {"fix": fix}, FIXES[fix]) if fix and finding["count"] < finding["total"] else ""
    quoted = f'<div class="quoted" dir="auto">{example}</div>' if example else ""
    return f'<div class="finding"><div>{text}{quoted}</div>{button}</div>'


def _batch_findings(report: Mapping[str, Any], value: Mapping[str, Any]) -> list[str]:
    batch, examples = int(value.get("batch_size") or 2), int(report["examples"])
    found = []
    if examples < FEWEST_BATCHES * batch:
        smaller = max(2, 2 ** ((examples // FEWEST_BATCHES).bit_length() - 1)) if examples >= 2 * FEWEST_BATCHES else 2
        batches = -(-examples // batch)
        made = "one batch" if batches == 1 else f"{batches} batches"
        text = f"{examples:,} examples make {made} of {batch} an epoch; ten or more teach steadily."
        button = set_button("Fix", {"batch_size": smaller}, f"batches of {smaller}") if smaller < batch else ""
        found.append(f'<div class="finding"><div>{text}</div>{button}</div>')
    conflicts = {int(conflict): count for conflict, count in report.get("conflicts", {}).items()}
    share = false_negative_share(conflicts, batch) if conflicts else 0.0
    if share > 0:
        found.append(f'<div class="finding"><div><b>{100 * share:.1f} %</b> of rows {_meeting(report, value, batch)}</div></div>')
    return found


def _meeting(report: Mapping[str, Any], value: Mapping[str, Any], batch: int) -> str:
    """Say what rows would meet in their batch, and what keeps them from it."""
    if report.get("conflicts_by") == "classes":
        way = "Smaller batches meet fewer; a loss for labelled texts meets none."
        return f"would meet a text of their own class as a negative in a random batch of {batch} (exact). {way}"
    kept = " The sampler keeps equal texts out of one batch." if value.get("in_batch") else ""
    return f"would meet one of their own right answers as a negative in a random batch of {batch} (exact, for equal texts).{kept}"


def _length_findings(report: Mapping[str, Any], value: Mapping[str, Any]) -> list[str]:
    limit, longest = value.get("limit"), value.get("longest")
    share = cut_share(report["lengths"], limit)
    if not share:
        return []
    can_grow = bool(longest and limit and longest > limit)
    button = set_button("Fix", {"max_seq_length": longest}, f"read {longest} tokens, the model's most") if can_grow else ""
    text = f"<b>{100 * share:.1f} %</b> of texts are cut off after {limit} tokens: what stands behind is never read."
    return [f'<div class="finding"><div>{text}</div>{button}</div>']


def cut_share(lengths: Mapping[str, int], limit: int | None) -> float:
    """Return the share of texts, 0..1, that are longer than the limit."""
    total = sum(lengths.values())
    return sum(count for length, count in lengths.items() if limit and int(length) > limit) / total if total else 0.0


def pictures(report: Mapping[str, Any], value: Mapping[str, Any]) -> str:
    """Return the pictures: lengths against the limit, balance of labels, spread of scores."""
    limit = value.get("limit")
    drawn = []
    if report["lengths"]:
        said = (
            f"Length of texts in tokens; {100 * cut_share(report['lengths'], limit):.1f} % are cut off at {limit}"
            if limit
            else "Length in tokens"
        )
        drawn.append((said, length_figure(report["lengths"], limit)))
    if report.get("labels"):
        drawn.append((f"Examples of each class ({report['classes']})", label_figure(report["labels"], report["class_names"])))
    if report.get("scores"):
        drawn.append(("Scores", score_figure(report["scores"])))
    boxes = "".join(
        f'<div class="chart"><h4>{escape(title)}</h4><div role="img" aria-label="{escape(title, quote=True)}" '
        f'data-figure="{_as_attribute(figure)}"></div></div>'
        for title, figure in drawn
    )
    return f'<div class="charts">{boxes}</div>' if boxes else ""


def _as_attribute(figure: Any) -> str:
    return escape(json.dumps(figure.to_plotly_json(), default=list), quote=True)
