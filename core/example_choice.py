"""What a configuration makes of its rows: of which kind they are, which shape they take, their negatives, the held-out share."""

from core.columns import kind_of_columns
from core.config import RunConfig
from core.config_parts import HOLDOUT_SHARE
from core.conversions import Choices, shapes_from
from core.data_catalogue import called, data_parts, is_own, row_kind_of
from core.errors import ConfigError, DataError
from core.examples import NLI_ROWS, POSITIVE_PAIRS, SCORED_PAIRS, TRIPLET_ROWS, TRIPLETS
from core.losses import loss_spec
from core.places import Places
from core.sources import peek


def row_kind(config: RunConfig, places: Places) -> str | None:
    """Return the kind of a configuration's rows: as chosen, as the catalogue says or as the file's head shows; or None."""
    if config.columns:
        return kind_of_columns(config.columns)
    known = row_kind_of(config.data, config.split)
    if known is not None:
        return known
    try:
        return peek(data_parts(config.data)[0], config.split, places).kind
    except (DataError, OSError):
        # What is wrong with the file is said where it is read.
        return None


def negatives_of(config: RunConfig, kind: str) -> str:
    """Return where the negatives of triplets come from: as asked, else what the rows have, else at random."""
    if config.negatives not in (None, "none"):
        return str(config.negatives)
    return {NLI_ROWS: "hard", TRIPLET_ROWS: "given"}.get(kind, "random")


def holdout_share(config: RunConfig) -> float:
    """Return the share of rows that is held out: as asked, else a tenth of a person's own data, nothing of the catalogue's."""
    if config.holdout is not None:
        return config.holdout
    return HOLDOUT_SHARE if is_own(config.data) else 0.0


def choices_of(config: RunConfig) -> Choices:
    """Return what the conversions are told."""
    default = Choices()
    neutral, threshold = config.neutral_score, config.score_threshold
    return Choices(
        neutral_score=default.neutral_score if neutral is None else neutral,
        score_threshold=default.score_threshold if threshold is None else threshold,
        seed=config.seed,
    )


def shape_for(config: RunConfig, kind: str) -> str:
    """Return the shape of the examples: the one asked for, else the first of these rows' shapes that the loss takes.

    Raises:
        ConfigError: the rows cannot become anything that the loss takes, or cannot have such negatives.
    """
    possible = shapes_from(kind)
    wanted = wanted_shapes(config)
    shape = next((shape for shape in possible if shape in wanted), None)
    if shape is None:
        needed = " or ".join(wanted) or POSITIVE_PAIRS
        gives = ", ".join(possible)
        who = "a cross-encoder" if config.kind == "cross-encoder" else config.loss
        raise ConfigError("data", f"{who} needs {needed}, and {called(config.data)} gives {gives}; change one of the two.")
    if shape == TRIPLETS:
        _check_negatives_fit(config, kind)
    return shape


def wanted_shapes(config: RunConfig) -> tuple[str, ...]:
    """Return the shapes that a configuration would take, whatever its rows are."""
    if config.kind == "cross-encoder":
        return (SCORED_PAIRS,)
    if config.negatives not in (None, "none"):
        return (TRIPLETS,)
    wanted: tuple[str, ...] = (config.examples,) if config.examples else loss_spec(config.loss).shapes
    return tuple(shape for shape in wanted if shape != TRIPLETS) if config.negatives == "none" else wanted


def _check_negatives_fit(config: RunConfig, kind: str) -> None:
    negatives = negatives_of(config, kind)
    if negatives == "given" and kind != TRIPLET_ROWS:
        raise ConfigError("negatives", f"{called(config.data)} has no column of negatives; choose random or semi-hard.")
    if negatives == "hard" and kind != NLI_ROWS and not config.mining.judge:
        raise ConfigError(
            "negatives",
            "hard negatives are contradictions of NLI rows, or mined and judged by a cross-encoder: "
            "set mining.judge to its folder, or choose semi-hard.",
        )
