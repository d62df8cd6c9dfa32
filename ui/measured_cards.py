"""What the page shows of a measured answer: one card for each task."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ui.ask_card import index_card
from ui.benchmark_card import benchmark_card
from ui.compare_card import compare_card
from ui.fitting_card import fitting_card
from ui.pairs_card import pairs_measured_card
from ui.speed_card import bytes_card, speed_card

Card = Callable[[Mapping[str, Any]], str]
MEASURED_CARDS: Mapping[str, Card] = MappingProxyType(
    {
        "index": index_card,
        "fitting": fitting_card,
        "pairs": pairs_measured_card,
        "speed": speed_card,
        "bytes": bytes_card,
        "compare": compare_card,
        "benchmark": benchmark_card,
    }
)


def measured_card(answer: Mapping[str, Any]) -> str:
    """Return the card of an answer's task."""
    return MEASURED_CARDS[str(answer["task"])](answer)
