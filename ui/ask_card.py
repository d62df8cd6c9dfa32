"""What the block "Ask it" shows: the texts that are ready, and the nearest ones under one model or two, side by side."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ui.html import hint, model_label

QUOTED_CHARACTERS = 280
RANKED = 100
UNTOUCHED, TUNED = 0, 1


def index_card(answer: Mapping[str, Any]) -> str:
    """Return which texts are ready to be asked, and who read them."""
    models = answer["models"]
    repeated = answer["repeated"]
    left_out = [f"{repeated:,} repeated {'one' if repeated == 1 else 'ones'} left out"] if repeated else []
    left_out += ["the rest was over the number you asked for"] if answer["cut"] else []
    texts = f"{answer['texts']:,} {'text' if answer['texts'] == 1 else 'texts'} from {answer['found']}"
    about = f"{texts}{' (' + ', '.join(left_out) + ')' if left_out else ''}."
    readers = "".join(f"<li>{escape(_reader(model, answer['texts']))}</li>" for model in models)
    return (
        f'<div class="card"><h3>Ready: ask something below</h3><p>{escape(about)} Read in fp32 by:</p>'
        f'<ul class="notes">{readers}</ul></div>'
    )


def _reader(model: Mapping[str, Any], texts: int) -> str:
    """Return who read the texts, how wide an embedding is and how long it took, the loading of the model included."""
    took = "known from before" if model["read_before"] else f"{model['seconds']:.1f} s with loading"
    return f"{model['label']}: {texts:,} × {model['dimension']} numbers, {took}"


def answers_card(found: Mapping[str, Any]) -> str:
    """Return the nearest texts of each model; in two columns with the rank that each has in the other."""
    columns: Sequence[Mapping[str, Any]] = found["columns"]
    lists = "".join(_column(column, place, len(columns) == 2) for place, column in enumerate(columns))
    said = f"<p><b>{escape(_in_both(columns))}</b></p>" if len(columns) == 2 else ""
    reading = "Cosine: how near a text's meaning is to yours for that model, 1 at most; compare within a column only."
    if len(columns) == 2:
        reading += (
            f" The arrow: the rank that the other model gives the text; new or gone where that is beyond {RANKED}; "
            "whether the new order is better, only you can say."
        )
    reading += f" Answered in {1000 * found['seconds']:.0f} ms."
    return (
        f'<div class="card"><h3>The nearest of {found["texts"]:,} texts</h3>{said}'
        f'<div class="charts">{lists}</div><div style="margin-top:.6rem">{hint(reading)}</div></div>'
    )


def _in_both(columns: Sequence[Mapping[str, Any]]) -> str:
    """Say how many of the texts on top are the same."""
    before, after = ([hit["row"] for hit in column["hits"]] for column in columns)
    both, count = len(set(before) & set(after)), len(after)
    if before == after:
        return f"Training has changed no rank here: both models give the same {count} in the same order."
    if both == count:
        return f"The same {count} texts in another order."
    return f"The two lists share {both or 'none'} of their first {count} texts."


def _column(column: Mapping[str, Any], place: int, has_other: bool) -> str:
    rows = "".join(_row(hit, rank, place, has_other) for rank, hit in enumerate(column["hits"], 1))
    return (
        f'<div class="chart"><h4>{model_label(column)}</h4><div class="scroll"><table class="facts"><thead><tr>'
        f'<th class="number">Rank</th><th>Text</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _row(hit: Mapping[str, Any], rank: int, place: int, has_other: bool) -> str:
    text = hit["text"]
    shown = text if len(text) <= QUOTED_CHARACTERS else f"{text[: QUOTED_CHARACTERS - 1]}…"
    moved = f" · {moved_mark(rank, hit['other'], place)}" if has_other else ""
    return (
        f'<tr><td class="number">{rank}</td><td><div dir="auto">{escape(shown)}</div>'
        f'<div class="quoted">cosine {hit["cosine"]:.2f}{moved}</div></td></tr>'
    )


def moved_mark(rank: int, other: int | None, place: int) -> str:
    """Return how far a text has moved by training: seen from the untouched model's list (`place` 0) or the tuned one's."""
    if other is None:
        word, css = ("gone", "fall") if place == UNTOUCHED else ("new", "rise")
        return f'<span class="{css}" title="beyond rank {RANKED} there">{word}</span>'
    if other == rank:
        return '<span title="the same rank in both">same</span>'
    rose = other < rank if place == UNTOUCHED else other > rank
    way = "to" if place == UNTOUCHED else "from"
    return f'<span class="{"rise" if rose else "fall"}" style="white-space:nowrap">{"↑" if rose else "↓"} {way} {other}</span>'
