"""The words of a model card: names from outside made harmless, tables, and the head that the Hub reads."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

LONGEST_NAME = 120
# What Markdown or HTML takes for more than a letter; a colon would make a link of an address.
MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!$:@])")
WORLD_WIDE_WEB = re.compile(r"www\.", re.IGNORECASE)


def clean(text: object, longest: int = LONGEST_NAME) -> str:
    """Return a text on one line, without signs that nobody sees, cut to a length."""
    shown = "".join(sign if sign.isprintable() else " " for sign in str(text))
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def code(text: object) -> str:
    """Return a name as Markdown shows it letter by letter: nothing in it is a mark."""
    return f"`{clean(text).replace('`', '’').replace('|', '¦') or '?'}`"


def prose(text: object) -> str:
    """Return a sentence with every mark escaped."""
    return WORLD_WIDE_WEB.sub(r"www\\.", MARKS.sub(r"\\\1", clean(text, 600)))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table's lines; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def front_matter(values: Mapping[str, Any]) -> list[str]:
    """Return the lines between the two `---`, one entry a line.

    Each value is written as JSON, which YAML reads as the very same: no text can end its line or its entry.
    """
    return ["---", *(f"{key}: {json.dumps(_cleaned(value), ensure_ascii=False)}" for key, value in values.items()), "---"]


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _cleaned(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(inner) for inner in value]
    return clean(value) if isinstance(value, str) else value


def number(value: float) -> str:
    """Return a figure as a card shows it: .8652, 1.0000, −.0210 with a real minus sign."""
    told = f"{abs(value):.4f}"
    told = told.removeprefix("0") if told.startswith("0.") else told
    return f"−{told}" if value < 0 and told.strip(".0") else told


def value_text(value: Any) -> str:
    """Return a setting's value as a card shows it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{code(key)} {value_text(inner)}" for key, inner in value.items() if inner not in (None, ""))
    if isinstance(value, list | tuple):
        return ", ".join(value_text(inner) for inner in value)
    return code(value)
