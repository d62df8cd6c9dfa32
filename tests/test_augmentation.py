"""Silver pairs: which pairs are chosen, how they are scored, and what the page is told of them."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import CrossEncoder

from core.augmentation import (
    BINS,
    FIRST,
    SECOND,
    SHOWN,
    choose_pairs,
    describe_silver,
    pair_keys,
    score_silver,
    with_silver,
)
from core.base_models import bundled_folder
from core.config import RunConfig, build_config
from core.config_parts import Silver
from core.errors import ConfigError, DataError, ModelError
from core.examples import text_keys
from core.files import read_json
from core.prepare import prepare
from core.prepared import PreparedExamples
from core.run_log import RunLog, Stopped
from core.run_store import create_run
from core.training import train

WAYS = ("given", "recombined", "top-k")
ANIMALS = ("otter", "falcon", "badger", "salmon", "beetle", "heron", "marten", "viper", "lynx", "raven")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder with a fresh head: its scores mean nothing, and differ from pair to pair."""
    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(3)
    model = CrossEncoder(str(bundled_folder()), num_labels=1, max_length=32, local_files_only=True)
    model.model.classifier.weight.data.mul_(100)
    model.save(str(folder))
    return folder


@pytest.fixture
def scored_file(tmp_path: Path) -> Path:
    """120 scored pairs of a person's own, some of them the other way round as well."""
    rows = [(f"The {a} number {n} rests.", f"A {a} is at rest, {n}.", n % 6) for n in range(6) for a in ANIMALS]
    rows += [(second, first, score) for first, second, score in rows]
    path = tmp_path / "mine.csv"
    pd.DataFrame(rows, columns=["sentence1", "sentence2", "score"]).to_csv(path, index=False)
    return path


def asked(pairs: str, data: str = "snli", max_rows: int | None = 20, seed: int = 42, **silver: Any) -> RunConfig:
    return build_config({
        "data": data, "max_rows": max_rows, "loss": "cosine-similarity", "base_model": "static-minilm", "seed": seed,
        "max_steps": 2, "batch_size": 8, "best_by": "last", "snapshots": False,
        "silver": {"pairs": pairs, "judge": "run:nobody"} | silver,
    })  # fmt: skip


def gold_of(log: RunLog) -> PreparedExamples:
    return prepare(log.run.config(), log.places, log)


def chosen(runs_dir: Path, data_dir: Path, config: RunConfig) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return silver pairs, gold pairs and held-out pairs."""
    log = RunLog(create_run(runs_dir, config, data_dir))
    gold = gold_of(log)
    return choose_pairs(config, gold.frame(), gold.held_out(), log), gold.frame(), gold.held_out()


def as_sets(pairs: pd.DataFrame) -> list[frozenset[str]]:
    return [frozenset((first.strip().lower(), second.strip().lower())) for first, second in zip(*both(pairs), strict=True)]


def both(pairs: pd.DataFrame) -> tuple[list[str], list[str]]:
    return pairs[FIRST].tolist(), pairs[SECOND].tolist()


@pytest.mark.parametrize("pairs", WAYS)
def test_silver_pair_is_never_gold_and_never_there_twice_in_either_order(runs_dir: Path, small_data: Path, pairs: str) -> None:
    silver, gold, _ = chosen(runs_dir, small_data, asked(pairs))
    assert list(silver.columns) == [FIRST, SECOND] and len(silver)
    assert not set(as_sets(silver)) & set(as_sets(gold))
    assert len(set(as_sets(silver))) == len(silver)
    assert silver.index.equals(pd.RangeIndex(len(silver)))


@pytest.mark.parametrize("pairs", WAYS)
def test_text_that_is_held_out_is_in_no_silver_pair(runs_dir: Path, small_data: Path, scored_file: Path, pairs: str) -> None:
    config = asked(pairs, f"file:{scored_file}", max_rows=50)
    silver, gold, held = chosen(runs_dir, small_data, config)
    assert len(held) and len(gold) and len(silver)
    kept_away = {text for column in (FIRST, SECOND) for text in held[column]}
    assert not kept_away & {text for column in (FIRST, SECOND) for text in silver[column]}
    assert not set(as_sets(silver)) & set(as_sets(gold))


def test_given_pairs_are_the_rows_beyond_the_gold_ones(runs_dir: Path, small_data: Path) -> None:
    silver, _, _ = chosen(runs_dir, small_data, asked("given", max_rows=20))
    rows = pd.read_csv(small_data / "snli" / "train.csv").iloc[20:]
    assert both(silver) == (rows["premise"].tolist(), rows["hypothesis"].tolist())


def test_recombined_pairs_take_a_first_and_a_second_text_of_gold(runs_dir: Path, small_data: Path) -> None:
    silver, gold, _ = chosen(runs_dir, small_data, asked("recombined"))
    assert set(silver[FIRST]) <= set(gold[FIRST]) and set(silver[SECOND]) <= set(gold[SECOND])


def test_near_pairs_have_greater_cosines_than_recombined_ones(runs_dir: Path, small_data: Path) -> None:
    from core.models import build_static_minilm

    model = build_static_minilm("cpu")
    means = []
    for pairs in ("top-k", "recombined"):
        silver, gold, _ = chosen(runs_dir, small_data, asked(pairs, amount=20))
        assert {*silver[FIRST], *silver[SECOND]} <= {*gold[FIRST], *gold[SECOND]}
        first, second = (model.encode(texts, normalize_embeddings=True) for texts in both(silver))
        means.append(float((first * second).sum(axis=1).mean()))
    assert means[0] > means[1]


@pytest.mark.parametrize("pairs", WAYS)
def test_no_more_than_the_amount_is_drawn_and_the_seed_decides_which(runs_dir: Path, small_data: Path, pairs: str) -> None:
    drawn = [chosen(runs_dir, small_data, asked(pairs, amount=7, seed=seed))[0] for seed in (1, 1, 2)]
    assert [len(silver) for silver in drawn] == [7, 7, 7]
    pd.testing.assert_frame_equal(drawn[0], drawn[1])
    if pairs != "given":
        assert as_sets(drawn[0]) != as_sets(drawn[2])


def test_all_rows_as_gold_leave_nothing_to_score_and_the_sentence_says_the_way_out(runs_dir: Path, small_data: Path) -> None:
    with pytest.raises(ConfigError, match=r"set max_rows, or silver\.pairs=recombined") as caught:
        chosen(runs_dir, small_data, asked("given", max_rows=None))
    assert caught.value.field == "max_rows"


def test_gold_rows_that_are_all_there_are_leave_no_given_pair(runs_dir: Path, small_data: Path) -> None:
    with pytest.raises(DataError, match=r"no given pair .* lower max_rows, or choose silver\.pairs=recombined"):
        chosen(runs_dir, small_data, asked("given", max_rows=40))


def test_way_out_is_another_one_than_what_was_chosen(runs_dir: Path, small_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("sentence1,sentence2,score\nA cat sits here.,A cat is here.,5\nA cat sits here.,A dog is here.,1\n")
    with pytest.raises(DataError) as caught:
        chosen(runs_dir, small_data, asked("recombined", f"file:{path}").model_copy(update={"holdout": 0.0}))
    assert "no recombined pair" in str(caught.value) and "silver.pairs=recombined" not in str(caught.value)


def test_row_that_a_fix_took_does_not_come_back_as_silver(runs_dir: Path, small_data: Path) -> None:
    path = small_data / "snli" / "train.csv"
    rows = pd.read_csv(path)
    # One among the gold rows, one beyond them.
    rows.loc[[1, 30], "hypothesis"] = ["Walking.", "Sleeping."]
    rows.to_csv(path, index=False)
    config = asked("given").model_copy(update={"fixes": ("drop-one-word",)})
    silver, gold, _ = chosen(runs_dir, small_data, config)
    assert len(gold) == 19
    assert not {"Walking.", "Sleeping."} & {*silver[SECOND], *gold[SECOND]}


def test_pair_has_one_number_in_either_order_and_another_than_other_pairs() -> None:
    pairs = pd.DataFrame({FIRST: ["a", "b", "a", "c", "A "], SECOND: ["b", "a", "c", "a", " B"]})
    keys = pair_keys(pairs)
    assert keys[0] == keys[1] == keys[4] and keys[2] == keys[3] != keys[0]
    texts = pd.Series([f"text {number}" for number in range(300)])
    grid = pd.DataFrame([(a, b) for number, a in enumerate(texts) for b in texts[number:]], columns=[FIRST, SECOND])
    assert len(np.unique(pair_keys(grid))) == len(grid)
    assert len(np.unique(text_keys(texts))) == 300


class LengthJudge:
    """A cross-encoder whose score is a tenth of the first text's length."""

    device = torch.device("cpu")

    def eval(self) -> None:
        return

    def predict(self, pairs: Sequence[tuple[str, str]], **_: Any) -> torch.Tensor:
        return torch.tensor([len(first) / 10 for first, _ in pairs])


@pytest.fixture
def with_length_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.augmentation.load_cross_encoder", lambda *_: LengthJudge())


@pytest.mark.parametrize(
    ("cut", "scores"), [(None, [0.1, 0.4, 0.5, 0.9]), (0.5, [0, 0, 1, 1]), (0.45, [0, 0, 1, 1]), (0.05, [1, 1, 1, 1])]
)
@pytest.mark.usefixtures("with_length_judge")
def test_cut_makes_scores_from_there_on_one_and_the_others_zero(runs_dir: Path, cut: float | None, scores: list[float]) -> None:
    log = RunLog(create_run(runs_dir, asked("given"), None))
    pairs = pd.DataFrame({FIRST: ["a" * length for length in (1, 4, 5, 9)], SECOND: "b"})
    silver = score_silver(Silver(cut=cut), pairs, log)
    assert silver["score"].tolist() == pytest.approx(scores)
    assert silver["score"].dtype == np.float32
    assert "score" not in pairs


@pytest.mark.usefixtures("with_length_judge")
def test_stop_is_heard_while_silver_pairs_are_scored(runs_dir: Path) -> None:
    log = RunLog(create_run(runs_dir, asked("given"), None))
    log.run.request_stop()
    with pytest.raises(Stopped):
        score_silver(Silver(), pd.DataFrame({FIRST: ["a"], SECOND: ["b"]}), log)


@pytest.mark.usefixtures("with_length_judge")
def test_gold_and_silver_lie_in_the_runs_own_folder(runs_dir: Path, small_data: Path, scored_file: Path) -> None:
    log = RunLog(create_run(runs_dir, asked("recombined", f"file:{scored_file}", amount=30, cut=0.9), small_data))
    gold = gold_of(log)
    joined = with_silver(log, gold)
    assert joined.folder == log.run.path / "silver"
    frame, count = joined.frame(), len(gold.frame())
    pd.testing.assert_frame_equal(frame.head(count), gold.frame(), check_dtype=False)
    assert set(frame["score"].iloc[count:]) <= {0.0, 1.0}
    assert (joined.report["examples"], joined.report["silver"]) == (count + 30, 30)
    assert gold.report["examples"] == count
    pd.testing.assert_frame_equal(joined.held_out(), gold.held_out())


def described(make: Callable[[int], float], count: int, **silver: Any) -> dict[str, Any]:
    gold = pd.DataFrame({FIRST: ["g"] * 4, SECOND: ["h"] * 4, "score": [0.0, 0.0, 1.0, 1.0]})
    pairs = pd.DataFrame({
        FIRST: [f"a{number}" for number in range(count)], SECOND: "b", "score": [make(number) for number in range(count)],
    })  # fmt: skip
    return describe_silver(gold, pairs, Silver(**silver))


def test_shown_pairs_go_from_the_highest_score_to_the_lowest() -> None:
    told = described(lambda number: (number * 37 % 100) / 100, 100)
    scores = [row[2] for row in told["rows"]]
    assert len(scores) == SHOWN
    assert scores == sorted(scores, reverse=True) and (scores[0], scores[-1]) == (0.99, 0.0)
    assert all(first == f"a{round(100 * score) * 73 % 100}" for first, _, score in told["rows"])


def test_spread_counts_each_pair_once() -> None:
    told = described(lambda number: number / 99, 100, pairs="top-k", cut=0.5)
    assert (told["gold"], told["silver"], told["pairs"], told["cut"]) == (4, 100, "top-k", 0.5)
    assert told["spread"]["gold"] == [2, *[0] * (BINS - 2), 2]
    assert len(told["spread"]["silver"]) == BINS and sum(told["spread"]["silver"]) == 100


def test_few_silver_pairs_are_each_shown_once() -> None:
    assert [row[0] for row in described(lambda number: number / 10, 3)["rows"]] == ["a2", "a1", "a0"]


def test_run_trains_on_gold_and_silver(runs_dir: Path, small_data: Path, judge: Path) -> None:
    run = create_run(runs_dir, asked("given", amount=15, judge=str(judge)), small_data)
    train(RunLog(run))
    status, silver = run.status(), read_json(run.path / "silver" / "silver.json")
    assert status is not None and (status.state, status.has_model) == ("done", True)
    assert (silver["gold"], silver["silver"]) == (20, 15)
    scores = pd.read_parquet(run.path / "silver" / "examples.parquet")["score"].iloc[20:]
    assert scores.between(0, 1).all() and scores.nunique() > 2


def test_gold_alone_needs_no_cross_encoder(runs_dir: Path, small_data: Path) -> None:
    run = create_run(runs_dir, asked("given", gold_only=True), small_data)
    train(RunLog(run))
    assert not (run.path / "silver").exists()
    assert run.resolved()["data"]["examples"] == 20


def test_missing_cross_encoder_is_told_before_any_step(runs_dir: Path, small_data: Path) -> None:
    run = create_run(runs_dir, asked("given"), small_data)
    with pytest.raises(ModelError, match="has no finished model"):
        train(RunLog(run))
    assert dataclasses.asdict(run.status())["has_model"] is False  # type: ignore[call-overload]
