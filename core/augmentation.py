"""Augmented SBERT: a cross-encoder scores unlabelled pairs, and these silver pairs join the gold ones.

Thakur et al. 2021, arXiv:2010.08240, section 3; chapter 10 calls the same four steps its data augmentation.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from core.config import RunConfig
from core.config_parts import Silver
from core.conversions import convert
from core.cross_encoders import load_cross_encoder, score_jointly
from core.doctor import admit, mend
from core.errors import ConfigError, DataError
from core.events import NoticeEvent
from core.example_choice import choices_of
from core.examples import PAIR_ROWS, UNLABELLED_PAIRS, text_keys, text_roles
from core.files import read_json, write_json
from core.machine import read_machine
from core.models import load_model
from core.negatives import telling
from core.places import Places
from core.prepared import PreparedExamples
from core.rows import Asked, load_rows, yardstick_rows
from core.run_log import RunLog

BINS, SHOWN = 20, 12
FIRST, SECOND = "sentence1", "sentence2"
# Where to look next when one way of finding pairs has none.
WAYS_OUT: Mapping[str, str] = MappingProxyType(
    {
        "given": "lower max_rows, or choose silver.pairs=recombined",
        "recombined": "choose silver.pairs=top-k, or other data",
        "top-k": "choose silver.pairs=recombined, or a larger silver.amount",
    }
)


def with_silver(log: RunLog, gold: PreparedExamples) -> PreparedExamples:
    """Choose unlabelled pairs, score them, and return gold and silver as prepared examples in the run's own folder.

    Raises:
        DataError: there are no further pairs.
        ModelError: the cross-encoder is not here.
        Stopped: somebody pressed Stop.
    """
    config = log.run.config()
    assert config.silver is not None
    folder = log.run.path / "silver"
    kept = read_json(folder / "silver.json") or {}
    if kept.get("of_rows") == gold.report["rows_sha256"]:
        # An earlier turn scored them, or the process that leads.
        return _both(folder, gold, kept)
    log.enter("loading", "Choosing unlabelled pairs")
    frame = gold.frame()
    pairs = choose_pairs(config, frame, gold.held_out(), log)
    log.write(NoticeEvent(f"{len(pairs):,} unlabelled pairs ({config.silver.pairs}) for {len(frame):,} gold ones"))
    log.enter("loading", "The cross-encoder scores the silver pairs")
    silver = score_silver(config.silver, pairs, log)
    folder.mkdir(exist_ok=True)
    both = pd.concat([frame, silver], ignore_index=True)
    both.to_parquet(folder / "examples.parquet", index=False)
    shutil.copyfile(gold.folder / "held-out.parquet", folder / "held-out.parquet")
    told = describe_silver(frame, silver, config.silver) | {"of_rows": gold.report["rows_sha256"]}
    write_json(folder / "silver.json", told)
    return _both(folder, gold, told)


def _both(folder: Path, gold: PreparedExamples, told: Mapping[str, Any]) -> PreparedExamples:
    more = {"examples": told["gold"] + told["silver"], "silver": told["silver"]}
    return PreparedExamples(folder, gold.report | more)


def choose_pairs(config: RunConfig, gold: pd.DataFrame, held_out: pd.DataFrame, log: RunLog) -> pd.DataFrame:
    """Return sentence1 and sentence2 of pairs that nobody has scored: no gold pair, and no text that is held out.

    Raises:
        DataError: there are none.
    """
    silver = config.silver
    assert silver is not None
    match silver.pairs:
        case "given":
            pairs = _given(config, log.places)
        case "recombined":
            pairs = convert(
                gold[[FIRST, SECOND]].set_axis(["anchor", "positive"], axis=1), PAIR_ROWS, UNLABELLED_PAIRS, choices_of(config)
            )
        case _:
            pairs = _nearest(config, gold, log)
    held = {key for column in text_roles_of(held_out) for key in text_keys(held_out[column])}
    taken = set(pair_keys(gold))
    keys = pair_keys(pairs)
    fresh = ~pd.Series(keys).isin(taken).to_numpy() & ~pd.Series(keys).duplicated().to_numpy()
    for column in (FIRST, SECOND):
        fresh &= ~pd.Series(text_keys(pairs[column])).isin(held).to_numpy()
    pairs = pairs[fresh]
    if not len(pairs):
        raise DataError(f"There is no {silver.pairs} pair that is not gold already; {WAYS_OUT[silver.pairs]}.")
    if len(pairs) > silver.amount:
        pairs = pairs.sample(silver.amount, random_state=config.seed).sort_index()
    return pairs.reset_index(drop=True)


def text_roles_of(frame: pd.DataFrame) -> list[str]:
    """Return the columns that hold texts."""
    return [str(column) for column in frame if column not in ("score", "label")]


def pair_keys(pairs: pd.DataFrame) -> np.ndarray:
    """Return a number for each pair, (pairs,) uint64, the same for (a, b) and (b, a)."""
    first, second = text_keys(pairs[FIRST]), text_keys(pairs[SECOND])
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys: np.ndarray = low * np.uint64(0x9E3779B97F4A7C15) ^ high
    return keys


def _given(config: RunConfig, places: Places) -> pd.DataFrame:
    """Return the pairs of the rows beyond the gold ones, whatever their labels say."""
    assert config.silver is not None
    if config.max_rows is None:
        raise ConfigError("max_rows", "all rows are gold, so none is left to score; set max_rows, or silver.pairs=recombined.")
    rows = load_rows(Asked(config.data, config.split, config.columns, config.max_rows + config.silver.amount), places)
    # What the fixes took from the gold rows must not come back as silver.
    name, judged = yardstick_rows(places)
    patient, _ = mend(admit(rows.frame, rows.kind, [judged.frame[FIRST], judged.frame[SECOND]], name), config.fixes)
    first, second = text_roles(rows.kind)[:2]
    return patient.frame[[first, second]].set_axis([FIRST, SECOND], axis=1)


def _nearest(config: RunConfig, gold: pd.DataFrame, log: RunLog) -> pd.DataFrame:
    """Pair each gold text with its nearest ones under the untouched model, as the paper's semantic search does (section 3.1)."""
    assert config.silver is not None
    texts = np.asarray(pd.unique(pd.concat([gold[FIRST], gold[SECOND]], ignore_index=True)), dtype=object)
    model = load_model(config, log.run.runs_dir, read_machine(log.run.runs_dir).device, config.seed)

    def told(done: int, total: int) -> None:
        log.raise_if_stopped()
        log.progress("Looking for near pairs", done, total)

    with telling(model, told, len(texts)):
        vectors = model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
    wanted = min(len(texts) - 1, 2 * -(-config.silver.amount // len(texts)) + 1)
    found = []
    for start in range(0, len(texts), 1024):
        cosines = vectors[start : start + 1024] @ vectors.T
        np.put_along_axis(cosines, np.arange(start, start + len(cosines))[:, None], -2.0, axis=1)
        found.append(np.argpartition(-cosines, wanted - 1, axis=1)[:, :wanted])
    nearest = np.concatenate(found)
    return pd.DataFrame({FIRST: np.repeat(texts, wanted), SECOND: texts[nearest.ravel()]})


def score_silver(silver: Silver, pairs: pd.DataFrame, log: RunLog) -> pd.DataFrame:
    """Return the pairs with the cross-encoder's scores, soft (0..1), or cut to 0 and 1.

    Raises:
        ModelError: the cross-encoder is not here.
    """
    machine = read_machine(log.run.runs_dir)
    judge = load_cross_encoder(silver.judge, log.run.runs_dir, machine.device, "silver.judge")

    def told(done: int, total: int) -> None:
        log.raise_if_stopped()
        log.progress("Scoring silver pairs", done, total)

    scores = score_jointly(judge, list(zip(pairs[FIRST], pairs[SECOND], strict=True)), told, precision=machine.precision)
    if silver.cut is not None:
        scores = (scores >= silver.cut).astype(np.float32)
    return pairs.assign(score=scores.astype(np.float32))


def describe_silver(gold: pd.DataFrame, silver: pd.DataFrame, asked: Silver) -> dict[str, object]:
    """Return what the page shows: how many, how the scores are spread beside the gold ones, and pairs from low to high."""
    ranked = silver.sort_values("score", kind="stable")
    places = np.unique(np.linspace(0, len(ranked) - 1, min(SHOWN, len(ranked))).round().astype(int))
    shown = [[row[FIRST], row[SECOND], round(float(row["score"]), 3)] for row in ranked.iloc[places[::-1]].to_dict("records")]
    spread = {
        name: np.histogram(frame["score"], bins=BINS, range=(0, 1))[0].tolist()
        for name, frame in (("gold", gold), ("silver", silver))
    }
    return {"gold": len(gold), "silver": len(silver), "pairs": asked.pairs, "cut": asked.cut, "rows": shown, "spread": spread}
