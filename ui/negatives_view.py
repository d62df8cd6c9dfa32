"""What the page shows of negatives side by side: the same anchors with each kind, and how many are likely false."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any


def negatives_card(answer: Mapping[str, Any] | None, batch_size: int) -> str:
    """Return the same anchors with each kind of negative side by side, and the share of likely false negatives by threshold."""
    if answer is None:
        return ""
    kinds = [kind for kind in ("random", "semi-hard", "hard") if any(kind in row["texts"] for row in answer["anchors"])]
    head = "<th>Anchor</th><th>Positive</th>" + "".join(f"<th>{kind.capitalize()} negative</th>" for kind in kinds)
    body = "".join(_anchor_row(row, ["positive", *kinds]) for row in answer["anchors"])
    why = "".join(f"<li>{escape(kind.capitalize())}: {escape(reason)}</li>" for kind, reason in answer["why"].items())
    return (
        '<div class="card"><h3>The same anchors with each kind of negative, and their cosine under '
        f"{escape(answer['model'])}</h3>"
        f'<p class="hint">Drawn and mined among {answer["pairs"]:,} pairs of {escape(answer["found"])}. '
        "A good negative is near, and wrong.</p>"
        f'<div class="scroll"><table class="facts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f"{f'<ul class=notes>{why}</ul>' if why else ''}{_threshold(answer, batch_size)}</div>"
    )


def _anchor_row(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    cells = f'<td dir="auto">{escape(row["anchor"])}</td>'
    for column in columns:
        one = row["texts"].get(column)
        cells += f'<td dir="auto"><b class="cosine">{one["cosine"]:.2f}</b> {escape(one["text"])}</td>' if one else "<td>–</td>"
    return f"<tr>{cells}</tr>"


def _threshold(answer: Mapping[str, Any], batch_size: int) -> str:
    """Return a slider: from which cosine on another pair's positive counts as a right answer too."""
    shares = {
        threshold: expected_share(counts, answer["pairs"], batch_size) for threshold, counts in answer["false_negatives"].items()
    }
    return (
        '<div class="slider-line"><label>If a text at cosine <b class="threshold-at">0.80</b> or more to the anchor '
        "is a right answer too, "
        f'<b class="threshold-share"></b> of rows meet one as a negative in a batch of {batch_size}.'
        '<input type="range" class="threshold" min="0.5" max="1" step="0.02" value="0.8" '
        f'data-shares="{escape(json.dumps(shares))}">'
        "</label></div>"
    )


def expected_share(counts: Mapping[str, int], pairs: int, batch_size: int) -> float:
    """Return the expected share of rows, 0..1, with a likely false negative among their batch, from a sample's counts."""
    others = max(1, pairs - 1)
    return sum(count * (1 - (1 - int(near) / others) ** (batch_size - 1)) for near, count in counts.items()) / max(
        1, sum(counts.values())
    )
