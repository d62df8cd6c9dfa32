"""What the page shows of a measured answer: one card for each task."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Card = Callable[[Mapping[str, Any]], str]
MEASURED_CARDS: Mapping[str, Card] = MappingProxyType({})


def measured_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer's task."""
    return MEASURED_CARDS[str(answer["task"])](answer)
