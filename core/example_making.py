"""Clean rows made into the examples that the loss will see, negatives included."""

import pandas as pd

from core.config import RunConfig
from core.conversions import convert, shapes_from
from core.errors import ConfigError
from core.example_choice import choices_of, negatives_of, shape_for
from core.examples import LABELLED_ROWS, NLI_ROWS, POSITIVE_PAIRS, TRIPLETS
from core.negatives import add_random_negatives, mine_negatives
from core.places import Places
from core.run_log import Work


def preview_shape(config: RunConfig, kind: str) -> str:
    """Return the shape for the loss, or by nature where it takes none of these rows': they can be looked at all the same."""
    try:
        return shape_for(config, kind)
    except ConfigError:
        return config.examples if config.examples in shapes_from(kind) else shapes_from(kind)[0]


def held_out_shape(config: RunConfig, kind: str, shape: str) -> str:
    """Return the shape that the held-out part is kept in: drawn or mined negatives are for training only."""
    return shape if shape != TRIPLETS or _has_negatives(config, kind) else POSITIVE_PAIRS


def _has_negatives(config: RunConfig, kind: str) -> bool:
    """Tell whether the rows themselves hold the negatives that are asked for: a column, or contradictions."""
    negatives = negatives_of(config, kind)
    return negatives == "given" or (negatives == "hard" and kind == NLI_ROWS)


def make_examples(config: RunConfig, frame: pd.DataFrame, kind: str, shape: str, places: Places, work: Work) -> pd.DataFrame:
    """Turn clean rows into examples, negatives included.

    Raises:
        DataError: no negative can be found.
        ModelError: the model to mine with is not here.
    """
    negatives = negatives_of(config, kind)
    if shape != TRIPLETS or _has_negatives(config, kind):
        return convert(frame, kind, shape, choices_of(config))
    pairs, classes = convert(frame, kind, POSITIVE_PAIRS, choices_of(config)), classes_of(frame, kind)
    if negatives == "random":
        return add_random_negatives(pairs, config.seed, classes)
    from core.mining import load_miner  # noqa: PLC0415  loads torch, which most preparations do without

    model, judge = load_miner(config, places, negatives)

    def told(done: int, total: int) -> None:
        work.raise_if_stopped()
        work.progress("Mining negatives", done, total)

    return mine_negatives(pairs, model, config.mining, judge, told, classes)


def first_examples(config: RunConfig, head: pd.DataFrame, kind: str, shape: str) -> tuple[str, pd.DataFrame]:
    """Convert the first rows before the rest is read; a mined negative has to wait, so its pair is shown."""
    negatives = negatives_of(config, kind)
    if shape != TRIPLETS or _has_negatives(config, kind):
        return shape, convert(head, kind, shape, choices_of(config))
    pairs = convert(head, kind, POSITIVE_PAIRS, choices_of(config))
    if negatives != "random":
        return POSITIVE_PAIRS, pairs
    return TRIPLETS, add_random_negatives(pairs, config.seed, classes_of(head, kind))


def classes_of(frame: pd.DataFrame, kind: str) -> dict[str, str] | None:
    """Return each text's class where rows have classes: a negative must not be of the anchor's own."""
    return dict(zip(frame["text"], frame["label"], strict=True)) if kind == LABELLED_ROWS else None
