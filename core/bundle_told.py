"""What somebody else's JSON files have to say to be a run's: numbers that are numbers, entries of the right kind, few levels."""

import json
import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from core.errors import RunError
from core.runs import FINAL_STATES, WORKING_STATES

DEEPEST, LARGEST, LATEST = 24, 2**53, 1e11
MOST_PROBES, LONGEST_TEXT = 2_000, 20_000
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(max_length=400)]
Sentence = Annotated[str, StringConstraints(max_length=2_000)]
# Of the prepared examples, if they happen to be here: nothing that leads elsewhere.
Folder = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{32}|silver)$")]
Time = Annotated[float, Field(ge=0, le=LATEST)]


class Told(BaseModel):
    """What somebody else's file says; entries that nobody here reads are let through."""

    model_config = ConfigDict(extra="allow", strict=True)


class SettingTold(Told):
    """One setting of resolved.json."""

    value: Any
    origin: Literal["yours", "recipe", "automatic", "adjusted"]


class DataTold(Told):
    """What resolved.json says of the rows."""

    rows: Count
    examples: Count
    shape: Name
    found: Sentence = ""
    folder: Folder | None = None
    held_out: Count = 0
    dropped: dict[Name, Count] = {}
    notes: list[Sentence] = []


class WatchingTold(Told):
    """What resolved.json says of the time that training took."""

    train_seconds: Number | None = None


class ResolvedTold(Told):
    """resolved.json."""

    settings: dict[Name, SettingTold] = {}
    machine: dict[Name, Any] = {}
    data: DataTold | None = None
    model: dict[Name, Any] = {}
    watching: WatchingTold = WatchingTold()
    memory: dict[Name, Number | None] = {}
    kept_step: Count | None = None


class StatusTold(Told):
    """status.json: of all that it may say what a replay shows."""

    state: Literal["queued", *WORKING_STATES, *FINAL_STATES]  # type: ignore[valid-type]
    detail: Sentence = ""
    started: Time | None = None
    finished: Time | None = None
    error: dict[Name, Any] = {}
    run: Name = ""


class ScoreTold(Told):
    """A score before or after."""

    data: Name
    figures: dict[Name, Number]
    pairs: Count = 0
    found: Sentence = ""
    shape: Name = "pairs"
    folder: Folder | None = None
    seconds: Number | None = None
    cosines: list[Number] | None = None
    gold: list[Number] | None = None
    per_example: dict[Name, list[Number]] = {}


class IntervalTold(Told):
    """A figure's interval."""

    model_config = ConfigDict(extra="forbid", strict=True)

    before: Number
    after: Number
    difference: Number
    low: Number
    high: Number


class VerdictTold(Told):
    """A verdict."""

    data: Name
    verdict: Literal["better", "worse", "same"]
    sentence: Sentence
    intervals: dict[Name, IntervalTold]
    others: list[Sentence] = []
    pairs: Count = 0
    draws: Count = 0


class ProbesTold(Told):
    """The texts that were watched."""

    texts: list[Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]] = Field(min_length=1, max_length=MOST_PROBES)
    groups: dict[Name, list[Sentence]]
    pairs: list[tuple[Count, Count, Number]]
    found: Sentence
    roles: list[Name] = []


def damaged(name: str) -> RunError:
    """Return the refusal of a file that is not what its name says."""
    return RunError(f"Its {name[-60:]} is damaged or says what no run does; make the bundle again.")


def read_told(text: str | bytes, name: str) -> Any:
    """Return somebody else's JSON: numbers that are numbers, and no more levels than a run's files have.

    Raises:
        RunError: it is something else.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_not_too_large)
    except (ValueError, RecursionError):
        raise damaged(name) from None
    if not _is_shallow(value):
        raise damaged(name)
    return value


def _refuse_constant(said: str) -> Any:
    raise ValueError(said)


def _finite(said: str) -> float:
    if not math.isfinite(number := float(said)):
        raise ValueError(said)
    return number


def _not_too_large(said: str) -> int:
    if abs(number := int(said)) > 2**63:
        raise ValueError(said)
    return number


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return True
    return False


def _inside(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def check_told(told: type[Told], value: Any, name: str) -> Any:
    """Return a file's content where it is what it should be.

    Raises:
        RunError: it is not.
    """
    try:
        told.model_validate_json(json.dumps(value))
    except ValidationError:
        raise damaged(name) from None
    return value
