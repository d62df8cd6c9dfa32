"""The probe texts: a fixed set whose embeddings are kept at log-spaced steps of a run, so that one can watch its space form."""

import time
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sentence_transformers import SentenceTransformer

from core.examples import CONTRADICTION, ENTAILMENT, LABELLED_TEXTS, NEUTRAL
from core.files import write_json
from core.places import Places
from core.prepared import PreparedExamples
from core.prompts import prompt_for
from core.rows import Asked, load_rows
from core.spaces import PROBES_FILE

FORMAT_VERSION = 1
PARTS = {ENTAILMENT: "follows from it", NEUTRAL: "may or may not", CONTRADICTION: "contradicts it"}
GROUPS_A_TOPIC, MOST_ROWS, FEWEST_TEXTS = 4, 200, 100
MOST_TEXTS = 2 * MOST_ROWS
# The columns of examples that are texts.
ROLES = ("anchor", "positive", "negative", "sentence1", "sentence2", "text")
PAIRS_BY_LABEL = 200


@dataclass(frozen=True)
class Probes:
    """Texts to watch, each once. `groups` name each text's group in one or more ways.

    `pairs` are (row, row, gold): 1 for texts that belong together, 0 for texts that do not, or the score that people gave, 0..1.
    `roles` are the columns of examples that the texts are from, for the model's prompts; `found` says in words where from.
    """

    texts: list[str]
    groups: dict[str, list[str]]
    pairs: list[tuple[int, int, float]]
    found: str
    roles: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what `probes.json` holds."""
        return {"format": FORMAT_VERSION, **asdict(self)}


def choose_probes(prepared: PreparedExamples, seed: int) -> Probes:
    """Return texts of the run's own held-out part; the sample's where it has fewer than 100, which `found` says.

    Labelled texts without a held-out part are those it trains on, and `found` says so: the sample has no such labels.
    """
    held_out = prepared.held_out()
    if prepared.shape == LABELLED_TEXTS and len(held_out) < FEWEST_TEXTS:
        return _from_examples(_named(prepared.frame(), prepared), "texts that this run trains on", seed)
    own = _from_examples(_named(held_out, prepared), "held-out texts of your data", seed)
    if len(own.texts) >= FEWEST_TEXTS:
        return own
    sample = sample_probes()
    return replace(sample, found=f"{sample.found}, since {len(own.texts)} of your texts are too few") if own.texts else sample


def _named(frame: pd.DataFrame, prepared: PreparedExamples) -> pd.DataFrame:
    """Return examples with their classes' names in place of their numbers."""
    names = dict(enumerate(prepared.report.get("class_names", ())))
    return frame.assign(label=frame["label"].map(lambda label: names.get(label, label))) if "label" in frame else frame


def _from_examples(frame: pd.DataFrame, found: str, seed: int) -> Probes:
    """Return the texts of some examples, 400 labelled ones or those of 200 pairs or triplets, in their order."""
    columns = [name for name in ROLES if name in frame]
    most = MOST_TEXTS if len(columns) == 1 else MOST_ROWS
    rng = np.random.default_rng(seed)
    if len(frame) > most:
        frame = frame.iloc[np.sort(rng.permutation(len(frame))[:most])]
    place: dict[str, int] = {}
    roles, labels, pairs = [], [], []
    for example in frame.to_dict("records"):
        for column in columns:
            text = str(example[column])
            if text not in place:
                place[text] = len(place)
                roles.append(column)
                labels.append(str(example.get("label", "")))
        pairs += _pairs_of(example, place)
    if "text" not in columns:
        return Probes(list(place), {"part": roles}, pairs, f"{len(place)} {found}", roles)
    if "label" not in frame:
        return Probes(list(place), {"part": roles}, [], f"{len(place)} {found}", roles)
    return Probes(list(place), {"label": labels}, _by_label(labels, rng), f"{len(place)} {found}", roles)


def _pairs_of(example: Mapping[Hashable, Any], place: Mapping[str, int]) -> list[tuple[int, int, float]]:
    """Return which texts of an example belong together and which do not."""
    found = []
    if "anchor" in example:
        found = [
            (example["anchor"], example[name], gold) for name, gold in (("positive", 1.0), ("negative", 0.0)) if name in example
        ]
    elif "score" in example:
        found = [(example["sentence1"], example["sentence2"], float(example["score"]))]
    rows = [(place[str(first)], place[str(second)], gold) for first, second, gold in found]
    return [(first, second, gold) for first, second, gold in rows if first != second]


def _by_label(labels: list[str], rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """Return up to 200 pairs of one label and as many of two, drawn at random."""
    named = np.asarray(labels)
    first, second = rng.integers(0, len(named), (2, 20 * PAIRS_BY_LABEL)) if len(named) else np.empty((2, 0), int)
    alike = named[first] == named[second]
    chosen = [np.flatnonzero(alike & (first != second))[:PAIRS_BY_LABEL], np.flatnonzero(~alike)[:PAIRS_BY_LABEL]]
    return [(int(first[row]), int(second[row]), float(alike[row])) for row in np.concatenate(chosen)]


def sample_probes() -> Probes:
    """Return sentences of the sample, four groups of each topic: what follows from one belongs to it, what contradicts it not."""
    rows = load_rows(Asked("sample"), Places()).frame
    groups = rows.drop_duplicates("premise").groupby("topic", sort=False).head(GROUPS_A_TOPIC)["premise"]
    rows = rows[rows["premise"].isin(groups)]
    premises = rows[["premise", "topic"]].set_axis(["text", "topic"], axis=1).assign(part="premise")
    hypotheses = rows[["hypothesis", "topic"]].set_axis(["text", "topic"], axis=1).assign(part=rows["label"].map(PARTS))
    frame = pd.concat([premises, hypotheses]).drop_duplicates("text").reset_index(drop=True)
    texts = frame["text"].tolist()
    place = {text: row for row, text in enumerate(texts)}
    told = rows[rows["label"] != NEUTRAL]
    pairs = [
        (place[premise], place[hypothesis], float(label == ENTAILMENT))
        for premise, hypothesis, label in zip(told["premise"], told["hypothesis"], told["label"], strict=True)
    ]
    named = {"topic": frame["topic"].tolist(), "part": frame["part"].tolist()}
    return Probes(texts, named, pairs, f"{len(texts)} sentences of the sample")


class ProbeSnapshots:
    """Keeps the probes' embeddings, (texts, dim) fp32 at unit length, one file a step."""

    def __init__(self, folder: Path, probes: Probes) -> None:
        self._folder, self._probes = folder, probes
        write_json(folder / PROBES_FILE, probes.as_json())

    def take(self, model: SentenceTransformer, step: int, batch_size: int) -> float:
        """Embed the probes with the model as it is after `step`; return the seconds that took."""
        began = time.monotonic()
        vectors = np.empty((len(self._probes.texts), 0), np.float32)
        roles = np.asarray(self._probes.roles or [""] * len(self._probes.texts))
        for role in dict.fromkeys(roles.tolist()):
            rows = np.flatnonzero(roles == role)
            found = model.encode(
                [self._probes.texts[row] for row in rows],
                prompt=prompt_for(role, model.prompts),
                batch_size=batch_size,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            if not vectors.shape[1]:
                vectors = np.empty((len(roles), found.shape[1]), np.float32)
            vectors[rows] = found
        np.save(self._folder / f".step-{step:08d}.npy", vectors)
        # A reader never meets half a file.
        (self._folder / f".step-{step:08d}.npy").replace(self._folder / f"step-{step:08d}.npy")
        return time.monotonic() - began
