"""What is said of prepared examples: counts that are those of the real conversion, pictures, and the first rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer

from core import report
from core.base_models import tokenizer_file
from core.config import build_config
from core.conversions import CONVERSIONS, convert, shapes_from
from core.example_choice import choices_of
from core.examples import ROLES
from core.places import Places
from core.report import class_names, count_rows, count_shapes, measure_examples, token_lengths, write_preview
from core.rows import Rows


def draw_rows(kind: str, seed: int, rows: int, different: int) -> pd.DataFrame:
    """Draw rows of a kind from so many texts: few texts make many repeats, and the same text stands in several columns."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for role in ROLES[kind]:
        if role == "score":
            columns[role] = rng.integers(0, 6, rows) / 5
        elif role == "label":
            columns[role] = rng.integers(0, 3, rows) if kind == "nli" else [f"c{draw}" for draw in rng.integers(0, 4, rows)]
        else:
            columns[role] = [f"text {draw}" for draw in rng.integers(0, different, rows)]
    return pd.DataFrame(columns)


@pytest.mark.parametrize("kind", ROLES)
@pytest.mark.parametrize(("rows", "different"), [(1, 1), (2, 1), (7, 2), (30, 4), (40, 9), (60, 1000), (200, 30)])
@pytest.mark.parametrize("seed", range(4))
def test_counted_shapes_are_as_many_as_the_conversions_give(kind: str, rows: int, different: int, seed: int) -> None:
    frame = draw_rows(kind, seed, rows, different)
    config = build_config({"seed": seed, "score_threshold": (0.2, 0.6, 1.0)[seed % 3]})
    counts = count_shapes(config, frame, kind)
    assert tuple(counts) == shapes_from(kind)
    for shape, count in counts.items():
        made = shape if (kind, shape) in CONVERSIONS else "positive-pairs"
        assert count == len(convert(frame, kind, made, choices_of(config))), shape


@pytest.mark.parametrize("kind", ROLES)
def test_counted_shapes_of_no_rows_are_nothing(kind: str) -> None:
    assert set(count_shapes(build_config({}), draw_rows(kind, 0, 3, 3).head(0), kind).values()) == {0}


def test_classes_have_names_where_the_rows_have_or_can_be_given_some() -> None:
    labelled = pd.DataFrame({"text": ["a", "b", "c"], "label": ["sad", "glad", "sad"]})
    names = class_names(labelled, "labelled", "labelled-texts")
    assert names == ("glad", "sad")
    assert [names[number] for number in convert(labelled, "labelled", "labelled-texts")["label"]] == ["sad", "glad", "sad"]
    assert class_names(labelled, "nli", "class-pairs") == ("entailment", "neutral", "contradiction")
    assert class_names(labelled, "scored", "class-pairs") == ("different", "alike")
    assert class_names(labelled, "pairs", "positive-pairs") == ()


def test_report_counts_rows_examples_and_shapes() -> None:
    frame = draw_rows("nli", 1, 40, 30)
    config = build_config({"data": "sample", "fixes": ["drop-duplicates"]})
    examples = convert(frame, "nli", "triplets")
    counted = count_rows(config, Rows(frame, "nli", "there", "abc", notes=("a note",)), frame, "triplets", examples)
    assert (counted["rows"], counted["examples"], counted["shapes"]["triplets"]) == (40, len(examples), len(examples))
    assert (counted["found"], counted["notes"], counted["rows_sha256"]) == ("there", ["a note"], "abc")
    assert (counted["negatives"], counted["fixes"]) == ("hard", ["drop-duplicates"])
    pairs = convert(frame, "nli", "positive-pairs")
    assert count_rows(config, Rows(frame, "nli", "there", "abc"), frame, "positive-pairs", pairs)["negatives"] == "none"


def test_count_of_the_shape_that_was_made_is_the_real_one() -> None:
    frame = pd.DataFrame({"anchor": ["a", "a", "b"], "positive": ["x", "y", "x"]})
    made = pd.DataFrame({"anchor": ["b"], "positive": ["x"], "negative": ["y"]})
    counted = count_rows(build_config({}), Rows(frame, "pairs", "there", "abc"), frame, "triplets", made)
    assert (counted["shapes"]["triplets"], counted["shapes"]["positive-pairs"]) == (1, 3)


def test_pictures_show_labels_scores_and_conflicts(tmp_path: Path) -> None:
    config, places = build_config({}), Places(runs_dir=tmp_path)
    nli = draw_rows("nli", 0, 30, 30)
    classes = measure_examples(config, convert(nli, "nli", "class-pairs"), places, None)
    assert classes["labels"] == {str(label): int((nli["label"] == label).sum()) for label in nli["label"].unique()}
    assert (classes["classes"], "scores" in classes, "conflicts" in classes) == (3, False, False)
    scored = draw_rows("scored", 0, 30, 30)
    scores = measure_examples(config, convert(scored, "scored", "scored-pairs"), places, None)["scores"]
    assert (len(scores), sum(scores), scores[-1]) == (20, 30, int((scored["score"] == 1).sum()))
    pairs = pd.DataFrame({"anchor": ["a", "a", "b"], "positive": ["x", "y", "z"]})
    assert measure_examples(config, pairs, places, None)["conflicts"] == {"0": 1, "1": 2}


def test_lengths_are_counted_in_tokens_of_the_base_model_and_not_cut(tmp_path: Path) -> None:
    path = tokenizer_file("static-minilm")
    assert path is not None
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    examples = pd.DataFrame(
        {"sentence1": ["one two", "word " * 600], "sentence2": ["word " * 5000, "one two"], "score": [0.0, 1.0]}
    )
    lengths = token_lengths(build_config({}), examples, Places(runs_dir=tmp_path))
    short, long = (len(tokenizer.encode(text).ids) for text in ("one two", "word " * 600))
    assert long > 600
    assert lengths == {str(short): 2, str(long): 1, str(report.LONGEST_MEASURED): 1}


def test_lengths_of_many_texts_are_those_of_a_seeded_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MEASURED_TEXTS", 50)
    examples = pd.DataFrame({"text": ["word " * (1 + number % 40) for number in range(500)]})
    places = Places(runs_dir=tmp_path)
    first, again, other = (token_lengths(build_config({"seed": seed}), examples, places) for seed in (1, 1, 2))
    assert (sum(first.values()), first) == (50, again)
    assert first != other


def test_preview_holds_the_first_rows_as_the_page_shows_them(tmp_path: Path) -> None:
    examples = pd.DataFrame({"sentence1": ["a" * 500] * 30, "sentence2": ["b"] * 30, "label": [2] * 30})
    write_preview(tmp_path, "class-pairs", examples, ("entailment", "neutral", "contradiction"), kind="nli", whole=False)
    preview = json.loads((tmp_path / "preview.json").read_text())
    assert (preview["shape"], preview["columns"], preview["whole"]) == ("class-pairs", ["sentence1", "sentence2", "label"], False)
    assert preview["rows"] == [["a" * report.PREVIEW_CHARACTERS + "…", "b", "2 contradiction"]] * report.PREVIEW_ROWS


def test_preview_shows_scores_short_and_labels_without_names_as_numbers(tmp_path: Path) -> None:
    scored = pd.DataFrame({"sentence1": ["a"], "sentence2": ["b"], "score": np.array([1 / 3], dtype="float32")})
    write_preview(tmp_path, "scored-pairs", scored, (), kind="scored", whole=True)
    assert json.loads((tmp_path / "preview.json").read_text())["rows"] == [["a", "b", "0.333"]]
    write_preview(tmp_path, "labelled-texts", pd.DataFrame({"text": ["a"], "label": [3]}), ("x",), kind="scored", whole=True)
    assert json.loads((tmp_path / "preview.json").read_text())["rows"] == [["a", "3"]]
