"""The work of a folder whose kind is `mine`: the same anchors with random, semi-hard and hard negatives, side by side."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sentence_transformers import CrossEncoder, SentenceTransformer

from core.conversions import convert
from core.cross_encoders import load_cross_encoder
from core.data_catalogue import called
from core.errors import ConfigError, DataError
from core.example_choice import choices_of
from core.example_making import classes_of
from core.examples import NLI_ROWS, POSITIVE_PAIRS, TRIPLETS
from core.files import write_json
from core.machine import read_machine
from core.models import load_model, load_plain
from core.negatives import add_random_negatives, mine_negatives, telling
from core.prepare import choose_rows
from core.prompts import prompt_for
from core.rows import Asked, load_rows

if TYPE_CHECKING:
    from core.config import RunConfig
    from core.places import Places
    from core.run_log import RunLog

MOST_ROWS, MOST_PAIRS, SHOWN_ANCHORS = 20_000, 1000, 8
THRESHOLDS = tuple(round(0.5 + 0.02 * step, 2) for step in range(26))


def load_miner(config: "RunConfig", places: "Places", negatives: str) -> tuple[SentenceTransformer, CrossEncoder | None]:
    """Load the model whose nearest texts are mined, and for hard negatives the cross-encoder that judges them.

    Raises:
        ConfigError: hard negatives were asked for and no judge is named.
        ModelError: one of the two is not here.
    """
    assert places.runs_dir is not None
    device = read_machine(places.runs_dir).device
    mined_with = config.mining.model
    # Another model than the base is taken as it is.
    model = (
        load_plain(mined_with, places.runs_dir, device)
        if mined_with
        else load_model(config, places.runs_dir, device, config.seed)
    )
    if negatives != "hard":
        return model, None
    judge = config.mining.judge
    if not judge:
        raise ConfigError("mining.judge", "hard negatives need a cross-encoder; name its folder, or choose semi-hard.")
    return model, load_cross_encoder(judge, places.runs_dir, device, "mining.judge")


def mine(log: "RunLog") -> None:
    """Compare negatives for a few anchors of the data, and count what a batch would push away by mistake.

    Raises:
        DataError: the rows give no pairs, or nothing can be mined.
    """
    config, places = log.run.config(), log.places
    log.enter("loading", "Reading rows")
    rows = load_rows(Asked(config.data, config.split, config.columns, config.max_rows or MOST_ROWS), places)
    # The rows that are trained on: mended, and without the held-out part.
    patient, _, part = choose_rows(config, rows, places)
    frame = patient.frame[~part.mask].reset_index(drop=True)
    pairs = convert(frame, rows.kind, POSITIVE_PAIRS, choices_of(config)).drop_duplicates()
    if len(pairs) < 2:
        raise DataError(f"{called(config.data)} gives {len(pairs)} positive pairs; negatives need 2 or more to be drawn from.")
    pairs = pairs.sample(min(len(pairs), MOST_PAIRS), random_state=config.seed).sort_index().reset_index(drop=True)
    classes = classes_of(frame, rows.kind)
    model, judge = load_miner(config, places, "hard" if config.mining.judge else "semi-hard")
    log.enter("loading", "Looking for negatives")

    def told(done: int, total: int) -> None:
        log.progress("Embedding texts", done, total)

    found = {"random": add_random_negatives(pairs, config.seed, classes)}
    why = {}
    for kind, used in (("semi-hard", None), ("hard", judge)):
        try:
            if kind == "semi-hard" or used is not None:
                found[kind] = mine_negatives(pairs, model, config.mining, used, told, classes)
        except DataError as error:
            why[kind] = str(error)
    if rows.kind == NLI_ROWS:
        found["hard"] = convert(frame, NLI_ROWS, TRIPLETS, choices_of(config))
    elif "hard" not in found:
        why.setdefault("hard", "Needs NLI labels, or a cross-encoder as mining.judge.")
    answer = {"model": config.mining.model or config.base_model, "pairs": len(pairs), "found": rows.found, "why": why}
    answer |= {"anchors": side_by_side(pairs, found, model), "false_negatives": likely_false_negatives(pairs, model, told)}
    write_json(log.run.path / "negatives.json", answer)
    log.end("done", f"Compared negatives among {len(pairs):,} pairs")


def side_by_side(pairs: pd.DataFrame, found: dict[str, pd.DataFrame], model: SentenceTransformer) -> list[dict[str, Any]]:
    """Return up to 8 pairs with each kind's negative for that very pair and all cosines to the anchor, -1..1."""
    table = pairs
    for kind, triplets in found.items():
        first = triplets.drop_duplicates(["anchor", "positive"]).rename(columns={"negative": kind})
        table = table.merge(first, on=["anchor", "positive"], how="left")
    # Pairs for which every kind found something say most.
    order = table.isna().sum(axis=1).sort_values(kind="stable").index
    table = table.loc[order].drop_duplicates("anchor").head(SHOWN_ANCHORS)
    query, passage = (prompt_for(role, model.prompts) for role in ("anchor", "positive"))
    shown = []
    for row in table.to_dict("records"):
        columns = [column for column in ("positive", *found) if isinstance(row[column], str)]
        anchor = model.encode(row["anchor"], prompt=query, normalize_embeddings=True, show_progress_bar=False)
        texts = [row[column] for column in columns]
        vectors = model.encode(texts, prompt=passage, normalize_embeddings=True, show_progress_bar=False)
        cosines = (vectors @ anchor).round(3).tolist()
        shown_texts = {column: {"text": row[column], "cosine": cosine} for column, cosine in zip(columns, cosines, strict=True)}
        shown.append({"anchor": row["anchor"], "texts": shown_texts})
    return shown


def likely_false_negatives(pairs: pd.DataFrame, model: SentenceTransformer, told: Any) -> dict[str, dict[str, int]]:
    """Count, for each threshold of cosine, how many other pairs' positives lie that near an anchor.

    Returns {threshold: {others: anchors}}.
    """
    with telling(model, told, 2 * len(pairs)):
        anchors, positives = (
            model.encode(
                pairs[column].tolist(),
                prompt=prompt_for(column, model.prompts),
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            for column in ("anchor", "positive")
        )
    cosines = anchors @ positives.T
    np.fill_diagonal(cosines, -2.0)
    counted = {}
    for threshold in THRESHOLDS:
        values, counts = np.unique((cosines >= threshold).sum(axis=1), return_counts=True)
        counted[f"{threshold:.2f}"] = {str(value): int(count) for value, count in zip(values, counts, strict=True)}
    return counted
