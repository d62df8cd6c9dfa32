"""What the page shows of quick work: typed texts compared, what the loss sees, and a race of two models."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from core.job_figures import MARKS, how_long, matrix_figure, points_figure, race_figure
from core.measuring import ANSWER, MEASURED, RUN
from core.pushes import KINDS, pushes_figure
from core.quick_jobs import LOOKED, RACED, TRIED
from core.runs import short_name
from ui.drawn import figure_place
from ui.html import hint, model_label
from ui.measured_cards import measured_card

GLYPHS = {"circle": "●", "diamond": "◆", "square": "■", "x": "✖"}
ROW_PIXELS, LEAST_PIXELS, MOST_PIXELS, AXIS_PIXELS = 40, 170, 560, 40
TOLD_TEXTS = 10_000
PUSHES_PIXELS = 520
UNMOVED, QUOTED_CHARACTERS = 0.0005, 60


def tried_card(answer: Mapping[str, Any]) -> str:
    """Return the matrices of typed texts side by side, on one scale of colours, and in a sentence what stands out."""
    texts, before, after = answer["texts"], answer["before"], answer["after"]
    lowest = min(0.0, *(value for matrix in (before, after or before) for row in matrix for value in row))
    drawn = [(f"{answer['model']}, untouched", before)] + ([(answer["against"], after)] if after else [])
    boxes = "".join(
        f'<div class="chart"><h4>{escape(title)}</h4>'
        + figure_place(matrix_figure(matrix, (texts, texts), lowest=lowest), _height(len(texts)), f"Cosines under {title}")
        + "</div>"
        for title, matrix in drawn
    )
    said = moved_most(texts, before, after) if after else nearest_pair(texts, before)
    listed = "".join(f'<li dir="auto">{escape(text)}</li>' for text in texts)
    return (
        f'<div class="card"><h3>How alike the texts are: cosines, −1 to 1</h3><p>{escape(said)}</p>'
        f'<div class="charts">{boxes}</div><ol class="notes">{listed}</ol></div>'
    )


def _height(rows: int) -> int:
    return min(MOST_PIXELS, max(LEAST_PIXELS, ROW_PIXELS * rows + AXIS_PIXELS))


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(one, two) for one in range(count) for two in range(one + 1, count)]


def moved_most(texts: Sequence[str], before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> str:
    """Say which pair's cosine training changed most."""
    one, two = max(_pairs(len(texts)), key=lambda pair: abs(after[pair[0]][pair[1]] - before[pair[0]][pair[1]]))
    change = after[one][two] - before[one][two]
    if abs(change) < UNMOVED:
        return "No pair has moved: both models see these texts alike."
    how = "closer" if change > 0 else "apart"
    return f"Moved most: {_both(texts, one, two)} came {how}, from {before[one][two]:.2f} to {after[one][two]:.2f}."


def _both(texts: Sequence[str], one: int, two: int) -> str:
    """Quote two texts by number and beginning."""
    first, second = (f"{place + 1} “{_beginning(texts[place])}”" for place in (one, two))
    return f"{first} and {second}"


def _beginning(text: str) -> str:
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[: QUOTED_CHARACTERS - 1]}…"


def nearest_pair(texts: Sequence[str], cosines: Sequence[Sequence[float]]) -> str:
    """Say which two texts are most alike, and which are least."""
    pairs = sorted(_pairs(len(texts)), key=lambda pair: cosines[pair[0]][pair[1]])
    (far, off), (one, two) = pairs[0], pairs[-1]
    if len(pairs) == 1:
        return f"{_both(texts, one, two)}: cosine {cosines[one][two]:.2f}."
    least = f"Least alike: {_both(texts, far, off)}, at {cosines[far][off]:.2f}."
    return f"Most alike: {_both(texts, one, two)}, at {cosines[one][two]:.2f}. {least}"


def look_card(answer: Mapping[str, Any]) -> str:
    """Return one real batch under the base model: the picture, what its marks mean, and the rows that are hardest."""
    matrix = answer.get("matrix")
    if matrix:
        texts = matrix["rows"], matrix["columns"]
        figure = matrix_figure(matrix["cosines"], texts, matrix["marks"], answer["shares"])
        titles = f"Rows: {matrix['row_title']}. Columns: {matrix['column_title']}. "
        height = _height(len(matrix["rows"]))
    else:
        figure, titles, height = points_figure(answer["points"]), "", 340
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in answer["sentences"])
    about = (
        f"{answer['rows']:,} of {answer['examples']:,} {answer['shape']} from {answer['found']}, "
        f"drawn {answer['sampled']}, as training draws its first batch. {titles}{' '.join(answer['notes'])}"
    )
    return (
        f'<div class="card"><h3>What the loss sees: {escape(answer["title"])}, one batch under {escape(answer["model"])}</h3>'
        f"{hint(about)}{said}{legend(matrix) if matrix else ''}"
        f"{figure_place(figure, height, 'Cosines of one batch')}{hardest_table(answer['hardest'])}</div>"
        f"{pushes_card(answer.get('pushes'))}"
    )


def pushes_card(pushes: Sequence[Mapping[str, Any]] | None) -> str:
    """Return who pushes whom, for a loss that ranks candidates."""
    if not pushes:
        return ""
    told = "".join(f'<span><b style="color:{colour}">━</b> {escape(name)}</span>' for name, colour in KINDS.values())
    about = (
        "Choose an anchor: it stands in the middle, each candidate as far away as 1 minus its cosine, and the line is as thick "
        "as its share in what moves the anchor. The positive pulls as hard as all others together push. Choose other negatives "
        "on the Data tab and look again: hard ones take the push that easy ones shared."
    )
    figure = figure_place(pushes_figure(pushes), PUSHES_PIXELS, "Who pushes whom")
    return f'<div class="card"><h3>Who pushes whom</h3>{hint(about)}<div class="plan">{told}</div>{figure}</div>'


def legend(matrix: Mapping[str, Any]) -> str:
    """Return the marks of a matrix in words, those without a cell left out."""
    marks = "".join(
        f'<span><b style="color:{MARKS[mark["kind"]][1]}">{GLYPHS[MARKS[mark["kind"]][0]]}</b> {escape(mark["name"])}</span>'
        for mark in matrix["marks"]
        if mark["cells"]
    )
    rest = f"<span>no mark: {escape(matrix['unmarked'])}</span>" if matrix["unmarked"] else ""
    return f'<div class="plan">{marks}{rest}</div>' if marks or rest else ""


def hardest_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the hardest rows of a batch with their texts and numbers."""
    if not rows:
        return ""
    names = [*rows[0]["numbers"], *rows[0]["texts"]]
    head = "<th>Row</th>" + "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f'<tr><td class="number">{row["row"]}</td>'
        + "".join(f'<td class="number">{value:.3g}</td>' for value in row["numbers"].values())
        + "".join(f'<td dir="auto">{escape(text)}</td>' for text in row["texts"].values())
        + "</tr>"
        for row in rows
    )
    return (
        f"<h3>The {len(rows)} hardest rows of the batch</h3>"
        f'<div class="scroll"><table class="facts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def race_card(answer: Mapping[str, Any]) -> str:
    """Return quality and cost of both models, and what comparing all of n texts would take."""
    tiles = "".join(
        f'<div class="tile"><small>{name}: Spearman</small><b>{answer[key]["spearman"]:.3f}</b>'
        f"<small>{_called(answer[key]['model'])}; {how_long(answer[key]['seconds'])} a {unit}</small></div>"
        for key, name, unit in (("bi", "Bi-encoder", "text"), ("cross", "Cross-encoder", "pair"))
    )
    told = next(row for row in answer["curve"] if row["texts"] == TOLD_TEXTS)
    about = (
        f"Both scored the same {answer['pairs']} pairs of {answer['found']}. Seconds were measured here ({answer['device']}, "
        "fp32, warmed up, the median of three chunks), and the curves are worked out from them: a bi-encoder embeds n texts and "
        "multiplies once, a cross-encoder reads n (n − 1) / 2 pairs."
    )
    return (
        f'<div class="card"><h3>Cross-encoder against bi-encoder</h3><p><b>{TOLD_TEXTS:,} texts, each with each: '
        f'{how_long(told["bi"])} against {how_long(told["cross"])}.</b></p><div class="tiles">{tiles}</div>'
        f"{figure_place(race_figure(answer['curve']), 320, 'Seconds by number of texts')}{hint(about)}</div>"
    )


def _called(model: str) -> str:
    return model_label({"name": model, "label": short_name(model.removeprefix(RUN))})


Card = Callable[[Mapping[str, Any]], str]
CARDS: Mapping[str, tuple[str, Card]] = MappingProxyType(
    {
        TRIED: ("tried.json", tried_card),
        LOOKED: ("look.json", look_card),
        RACED: ("race.json", race_card),
        MEASURED: (ANSWER, measured_card),
    }
)
