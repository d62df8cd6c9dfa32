"""What the page shows of the task `pairs`: the verdict, the ten figures, and the place for single pairs."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ui.evaluate_tab import TEN_READING, ten_figures
from ui.html import hint, problem
from ui.verdict_view import pairs_place, verdict_card

LEARNED = (
    "The run was trained on this part: the figures say how well it remembers these pairs, not how good it is with others. "
    "Choose a part that it has not seen."
)
REPORTED = "The test part is reported once, at the end; choose recipes and settings by the validation part."


def pairs_measured_card(answer: Mapping[str, Any]) -> str:
    """Return the card; a side that could not be scored has its sentence, and the other keeps its figures."""
    sides = answer["sides"]
    records = [side["record"] for side in sides if "record" in side]
    faults = "".join(problem(f"{side['label']}: {side['fault']}") for side in sides if "fault" in side)
    before, after = records[0]["figures"], records[-1]["figures"] if len(records) > 1 else None
    only = hint(f"Of {next(side['label'] for side in sides if 'record' in side)} alone.") if after is None else ""
    cut = hint(f"These are the first {answer['max_rows']:,} pairs of a larger part.") if answer.get("is_cut") else ""
    learned = f'<div class="warning">{escape(LEARNED)}</div>' if answer.get("trained_on") else ""
    test = hint(REPORTED) if answer["split"] == "test" else ""
    title = f"{answer['about']}, from {records[-1]['found']}, in fp32"
    table = f'<div class="card"><h3>{escape(title[0].upper() + title[1:])}</h3>{cut}{test}{only}{hint(TEN_READING)}'
    verdicts = [answer["verdict"]] if answer.get("verdict") else []
    place = pairs_place("measured", answer["folder"], "", records[-1]["measured"])
    return f"{learned}{faults}{verdict_card(verdicts)}{table}{ten_figures(before, after)}</div>{place}"
