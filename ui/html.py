"""Small pieces of HTML; every text that came from outside is escaped here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any


def hint(text: str) -> str:
    """Return a quiet line of explanation."""
    return f'<div class="hint">{escape(text)}</div>'


def problem(text: str) -> str:
    """Return a fault as the page shows it, or nothing for no fault."""
    return f'<div class="problem" role="alert">{escape(text)}</div>' if text else ""


def empty(text: str) -> str:
    """Return what stands where nothing is yet."""
    return f'<div class="empty">{escape(text)}</div>'


def model_label(model: Mapping[str, Any]) -> str:
    """Return what a model is called, with its whole name as the title."""
    return f'<bdi title="{escape(model["name"], quote=True)}">{escape(model["label"])}</bdi>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of plain texts."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="facts"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def set_button(text: str, settings: Mapping[str, Any], title: str = "") -> str:
    """Return a small button whose press hands `settings` to the view's `choose` event."""
    told = escape(json.dumps(dict(settings)), quote=True)
    return f'<button type="button" class="small" data-set="{told}" title="{escape(title, quote=True)}">{escape(text)}</button>'
