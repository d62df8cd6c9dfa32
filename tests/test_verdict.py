"""The verdict: intervals equal a slow bootstrap, and better or worse is said only where they leave out 0."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from core.files import read_json, write_json
from core.verdict import (
    DRAWS,
    FEWEST_DRAWS,
    Interval,
    about,
    correlation_intervals,
    drawn_counts,
    draws_for,
    forget_verdicts,
    judge,
    mean_interval,
    read_verdict,
    said,
    write_verdict,
)


def noisy(rows: int, noise: float, seed: int = 0) -> tuple[list[float], list[float], list[float]]:
    """Return gold scores with ties, and cosines before and after: after is less noisy."""
    rng = np.random.default_rng(seed)
    gold = np.round(rng.random(rows) * 5) / 5
    before, after = gold + rng.normal(size=rows) * 2 * noise, gold + rng.normal(size=rows) * noise
    return gold.tolist(), np.round(before, 2).tolist(), np.round(after, 2).tolist()


def record(cosines: list[float], gold: list[float], **more: object) -> dict[str, object]:
    return {"data": "stsb/validation", "data_sha256": "x", "pairs": len(gold), "cosines": cosines, "gold": gold} | more


def slow_interval(statistic: object, gold: list[float], before: list[float], after: list[float]) -> tuple[float, float]:
    differences = []
    for counts in drawn_counts(len(gold), DRAWS):
        for draw in counts:
            rows = np.repeat(np.arange(len(gold)), draw.astype(int))
            pick = [np.asarray(column)[rows] for column in (gold, before, after)]
            differences.append(statistic(pick[0], pick[2])[0] - statistic(pick[0], pick[1])[0])  # type: ignore[operator]
    low, high = np.quantile(differences, (0.025, 0.975))
    return float(low), float(high)


@pytest.mark.parametrize(("name", "statistic"), [("spearman_cosine", spearmanr), ("pearson_cosine", pearsonr)])
def test_interval_equals_a_slow_bootstrap_with_ranks_of_every_draw(name: str, statistic: object) -> None:
    gold, before, after = noisy(40, 0.4)
    fast = correlation_intervals(gold, before, after)[name]
    assert (fast.low, fast.high) == pytest.approx(slow_interval(statistic, gold, before, after), abs=2e-6)
    assert fast.after == pytest.approx(statistic(gold, after)[0], abs=1e-6)  # type: ignore[operator]
    assert fast.difference == pytest.approx(fast.after - fast.before, abs=2e-6)


def test_interval_of_a_mean_equals_drawing_the_rows() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.random(25), rng.random(25)
    found = mean_interval(before.tolist(), after.tolist())
    drawn = [(draw @ (after - before)) / 25 for counts in drawn_counts(25, DRAWS) for draw in counts]
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=2e-6)


def test_draws_hold_as_many_rows_as_there_are_and_are_the_same_each_time() -> None:
    counts = np.concatenate(list(drawn_counts(700, DRAWS)))
    assert counts.shape == (DRAWS, 700) and (counts.sum(axis=1) == 700).all()
    assert (counts == np.concatenate(list(drawn_counts(700, DRAWS)))).all()
    assert (draws_for(1_500), draws_for(10**9)) == (DRAWS, FEWEST_DRAWS)


def test_identical_models_are_no_real_difference() -> None:
    gold, before, _ = noisy(300, 0.3)
    found = judge(record(before, gold), record(before, gold))
    assert found is not None and found["verdict"] == "same"
    assert found["sentence"] == ("On STSB validation, 300 pairs: no real difference: Spearman .000, 95 % interval .000 to .000.")


def test_better_and_worse_are_told_with_their_interval() -> None:
    gold, before, after = noisy(400, 0.3)
    up, down = judge(record(before, gold), record(after, gold)), judge(record(after, gold), record(before, gold))
    assert up is not None and down is not None
    assert (up["verdict"], down["verdict"]) == ("better", "worse")
    assert up["sentence"].startswith("On STSB validation, 400 pairs: better by +.") and "95 % interval +." in up["sentence"]
    assert down["sentence"].startswith("On STSB validation, 400 pairs: worse by −.")
    assert up["others"][0].startswith("better by +.") and "Pearson" in up["others"][0]


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        (Interval(0.5, 0.521, 0.021, 0.015, 0.027), "better by +.021 Spearman, 95 % interval +.015 to +.027."),
        (Interval(0.5, 0.502, 0.002, -0.003, 0.007), "no real difference: Spearman +.002, 95 % interval −.003 to +.007."),
        # An interval that leaves out 0 must not read as one that begins with it.
        (Interval(0.5, 0.5004, 0.0004, 0.0001, 0.0007), "better by +.0004 Spearman, 95 % interval +.0001 to +.0007."),
        (Interval(0.5, 0.5, 0.0, 0.0, 0.01), "no real difference: Spearman .000, 95 % interval .000 to +.010."),
    ],
)
def test_words_follow_the_interval(interval: Interval, sentence: str) -> None:
    assert said("spearman_cosine", interval) == sentence


def test_records_that_cannot_be_compared_have_no_verdict() -> None:
    gold, before, after = noisy(50, 0.3)
    whole = record(before, gold)
    older = {key: value for key, value in whole.items() if key not in ("cosines", "gold")}
    assert judge(older, record(after, gold)) is None
    assert judge(whole, record(after, gold, data_sha256="other rows")) is None
    assert judge(record(before, [0.4] * 50), record(after, [0.4] * 50)) is None
    assert judge(record([0.9] * 50, gold), record(after, gold)) is None


def test_draws_of_one_value_alone_are_left_out() -> None:
    gold = [0.2, 0.2, 1.0]
    found = correlation_intervals(gold, [0.1, 0.3, 0.2], [0.1, 0.2, 0.9])["spearman_cosine"]
    assert all(np.isfinite([found.low, found.high])) and found.low <= found.difference <= found.high


def test_held_out_part_is_judged_by_its_own_figure() -> None:
    rows = {"data": "own/held-out", "folder": "f", "pairs": 200, "shape": "triplets"}
    before = rows | {"per_example": {"accuracy": [float(n % 2) for n in range(200)]}}
    after = rows | {"per_example": {"accuracy": [float(n % 4 > 0) for n in range(200)]}}
    found = judge(before, after)
    assert found is not None
    assert found["sentence"].startswith("On your own held-out part, 200 triplets: better by +.250 triplet accuracy")


def test_verdict_is_kept_beside_the_scores_and_forgotten_with_them(tmp_path: Path) -> None:
    gold, before, after = noisy(60, 0.3)
    (tmp_path / "scores").mkdir()
    assert write_verdict(tmp_path, "stsb/validation") is None
    for which, cosines in (("before", before), ("after", after)):
        write_json(tmp_path / "scores" / f"stsb-validation.{which}.json", record(cosines, gold))
    assert write_verdict(tmp_path, "stsb/validation") == read_verdict(tmp_path, "stsb/validation")
    assert read_json(tmp_path / "scores" / "stsb-validation.verdict.json")["draws"] == DRAWS
    forget_verdicts(tmp_path)
    assert read_verdict(tmp_path, "stsb/validation") is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("stsb/test", "STSB test, 9 pairs"), ("sample/validation", "the sample's validation part, 9 pairs"),
        ("upload:abc/train", "mine.csv, 9 pairs"), ("quora/train", "quora train, 9 pairs"),
    ],
)  # fmt: skip
def test_verdict_names_what_it_is_about(data: str, words: str) -> None:
    assert about({"data": data, "pairs": 9, "found": "mine.csv"}) == words
