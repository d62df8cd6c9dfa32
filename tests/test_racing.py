"""The race: both models on the same pairs, and a curve that follows from what was measured."""

from pathlib import Path

import numpy as np
import pytest

from core.config import build_config
from core.errors import DivergenceError
from core.evaluation import EvaluationSet
from core.files import read_json
from core.jobs import ask
from core.places import Places
from core.run_log import RunLog


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder as somebody might have saved one: MiniLM with a new head, which judges badly and in the right form."""
    from sentence_transformers import CrossEncoder

    from core.base_models import bundled_folder

    folder = tmp_path_factory.mktemp("judge")
    CrossEncoder(str(bundled_folder()), num_labels=1, device="cpu").save_pretrained(str(folder))
    return folder


def test_both_models_are_scored_and_timed_on_the_same_pairs(runs_dir: Path, small_data: Path, judge: Path) -> None:
    from core.racing import TEXT_COUNTS, race

    run = ask(build_config({"kind": "race", "teacher": str(judge)}), Places(small_data, runs_dir))
    race(RunLog(run))
    answer = read_json(run.path / "race.json")
    assert answer["pairs"] == 12
    assert all(-1 <= answer[model]["spearman"] <= 1 for model in ("bi", "cross"))
    assert [row["texts"] for row in answer["curve"]] == list(TEXT_COUNTS)
    for row in answer["curve"]:
        n = row["texts"]
        assert row["cross"] == pytest.approx(n * (n - 1) / 2 * answer["cross"]["seconds"])
        assert row["bi"] == pytest.approx(n * answer["bi"]["seconds"] + n * n * answer["product_seconds"])
    assert answer["curve"][-1]["cross"] > 100 * answer["curve"][-1]["bi"]


def test_two_hundred_pairs_are_drawn_and_stay_together() -> None:
    from core.racing import choose_pairs

    pairs = EvaluationSet(
        "x", [f"a{n}" for n in range(500)], [f"b{n}" for n in range(500)], [n / 500 for n in range(500)], "", ""
    )
    chosen = choose_pairs(pairs, 42)
    numbers = [int(text[1:]) for text in chosen.sentences1]
    assert len(set(numbers)) == 200 and numbers == sorted(numbers)
    assert chosen.sentences2 == [f"b{n}" for n in numbers]
    assert chosen.gold == [n / 500 for n in numbers]
    assert choose_pairs(pairs, 42) == chosen != choose_pairs(pairs, 43)


@pytest.mark.parametrize(("count", "sizes"), [(7, [2, 2, 2, 1]), (200, [64, 64, 64, 8]), (400, [128, 128, 128, 16])])
def test_everything_is_done_once_after_a_warm_up(count: int, sizes: list[int]) -> None:
    from core.racing import timed

    asked: list[tuple[int, int]] = []

    def work(first: int, last: int) -> np.ndarray:
        asked.append((first, last))
        return np.arange(first, last)

    done, seconds = timed(work, count)
    assert done.tolist() == list(range(count))
    assert [last - first for first, last in asked[1:]] == sizes
    assert seconds > 0


def test_model_that_tells_nothing_apart_is_no_racer() -> None:
    from core.racing import spearman

    with pytest.raises(DivergenceError, match="same score"):
        spearman(np.ones(4), [0.0, 0.5, 0.7, 1.0])
    assert spearman(np.array([1.0, 2.0, 3.0]), [0.1, 0.2, 0.9]) == pytest.approx(1)
