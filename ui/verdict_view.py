"""A verdict in plain words, and the place that pictures of single pairs come to."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

from ui.html import hint

SIGNS: Mapping[str, tuple[str, str]] = MappingProxyType({"better": ("▲", "rise"), "worse": ("▼", "fall"), "same": ("=", "")})
HOW = (
    "How sure is that? Both models were compared again on {draws:,} random draws of the same rows, some taken twice, some not at "
    "all; 95 % of the differences lie in the interval. Better or worse is said only where it leaves out 0."
)


def verdict_card(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdicts in one card, the first largest; nothing where there is none."""
    if not verdicts:
        return ""
    lines = "".join(_line(verdict) for verdict in verdicts)
    draws = max(int(verdict.get("draws", 0)) for verdict in verdicts)
    return f'<div class="card verdict"><h3>Is it better?</h3>{lines}{hint(HOW.format(draws=draws))}</div>'


def _line(verdict: Mapping[str, Any]) -> str:
    sign, css = SIGNS.get(str(verdict["verdict"]), SIGNS["same"])
    others = "".join(hint(f"By the other figure: {other}") for other in verdict.get("others", []))
    return f'<p><b><span class="{css}">{sign}</span> {escape(str(verdict["sentence"]))}</b></p>{others}'


def pairs_place(*asked: Any) -> str:
    """Return a place that the scores' script fills with what `ui.pairs_view.open_pairs` opens; a changed key is filled anew."""
    return f'<div class="pairs-place" data-pairs="{escape(json.dumps(asked), quote=True)}"></div>'
