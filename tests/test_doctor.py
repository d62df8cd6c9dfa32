"""The data doctor: every sign it knows, what it says of it, and what is left after its fixes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import doctor
from core.doctor import SIGNS, Finding, Patient, admit, examine, mend, one_word
from core.doctor_fixes import FIXES
from core.examples import ROLES
from core.near_duplicates import near_duplicate_groups
from core.places import Places
from core.rows import Asked, load_rows, yardstick_rows

LONG = "the quick brown fox jumps over the lazy dog while the farmer sleeps under an old apple tree near"


def patient(kind: str, rows: Sequence[tuple[object, ...]], outside: Sequence[str] = ()) -> Patient:
    frame = pd.DataFrame(list(rows), columns=list(ROLES[kind]))
    return admit(frame, kind, [pd.Series(outside)] if outside else [], "stsb/validation")


def signs(of: Patient, fix: str) -> list[int]:
    return np.flatnonzero(SIGNS[fix](of)).tolist()


def found(of: Patient) -> dict[str, Finding]:
    return {finding.id: finding for finding in examine(of)}


CLEAN = patient("nli", [("A cat sleeps here.", "An animal rests.", 0), ("A dog runs there.", "Nobody moves at all.", 2)])


def test_every_fix_has_its_sign() -> None:
    assert list(SIGNS) == list(FIXES)


def test_nothing_is_wrong_with_clean_rows() -> None:
    assert examine(CLEAN) == []
    same, taken = mend(CLEAN, tuple(FIXES))
    assert (taken, same.frame.equals(CLEAN.frame)) == ({}, True)


def test_rows_with_a_text_of_one_word_are_found_in_either_column() -> None:
    rows = patient("pairs", [("one two", "three four"), ("lone", "two words"), ("two words", "lone"), ("a", "b")])
    assert signs(rows, "drop-one-word") == [1, 2, 3]
    finding = found(rows)["one-word"]
    assert (finding.count, finding.total, finding.example, finding.fix) == (3, 4, ("lone", "two words"), "drop-one-word")


def test_rows_that_say_again_what_an_earlier_one_said_are_found_with_their_label_or_score() -> None:
    rows = patient(
        "scored", [("a b", "c d", 0.5), ("A B ", " c D", 0.5), ("a b", "c d", 0.6), ("c d", "a b", 0.5), ("a b", "c d", 0.5)]
    )
    assert signs(rows, "drop-duplicates") == [1, 4]
    assert found(rows)["duplicates"].count == 2


@pytest.mark.parametrize(
    ("kind", "rows", "again"),
    [
        ("texts", [("a b",), ("a b",), ("b a",)], [1]),
        ("labelled", [("a b", "x"), ("a b", "y"), ("a b", "x")], [2]),
        ("pairs", [("a b", "c d"), ("a b", "c e"), ("a b", "c d")], [2]),
        ("given-triplets", [("a", "b", "c"), ("a", "b", "d"), ("a", "b", "c")], [2]),
        ("nli", [("a b", "c d", 0), ("a b", "c d", 1), ("a b", "c d", 0)], [2]),
    ],
)
def test_duplicates_are_found_in_rows_of_every_kind(kind: str, rows: list[tuple[object, ...]], again: list[int]) -> None:
    assert signs(patient(kind, rows), "drop-duplicates") == again


def test_rows_that_nearly_repeat_an_earlier_one_are_found_and_exact_repeats_of_it_are_left_to_their_own_sign() -> None:
    rows = patient(
        "pairs",
        [
            (f"{LONG} home", "It is quiet."), (f"{LONG} church", "It is quiet!"), (f"{LONG} home", "It is quiet."),
            (f"{LONG} school", "The dog is loud."), ("Something else is said here.", "It is quiet."),
        ],
    )  # fmt: skip
    assert signs(rows, "drop-near-duplicates") == [1]
    assert signs(rows, "drop-duplicates") == [2]


def test_exact_repeat_of_a_near_repeat_goes_with_it() -> None:
    rows = patient("texts", [(f"{LONG} home",), (f"{LONG} church",), (f"{LONG} church",), (f"{LONG} home",)])
    assert signs(rows, "drop-near-duplicates") == [1, 2]
    assert mend(rows, ["drop-near-duplicates"])[0].frame["text"].tolist() == [f"{LONG} home"] * 2


def test_near_repeat_with_another_label_is_no_repeat() -> None:
    rows = patient("labelled", [(f"{LONG} home", "good"), (f"{LONG} church", "bad"), (f"{LONG} school", "good")])
    assert signs(rows, "drop-near-duplicates") == [2]


def test_finding_of_near_duplicates_counts_texts_and_rows_and_shows_the_largest_group() -> None:
    rows = patient(
        "pairs",
        [("Is this the end?", "Yes, it is."), ("is this the end", "Nobody knows that."),
         *((f"{LONG} {word}", "It is quiet.") for word in ("home", "church", "school", "town"))],
    )  # fmt: skip
    finding = found(rows)["near-duplicates"]
    assert (finding.count, finding.total, finding.fix) == (6, 9, "drop-near-duplicates")
    assert "in 2 groups" in finding.text
    assert "3 of the rows only repeat" in finding.text
    assert finding.example == tuple(f"{LONG} {word}" for word in ("home", "church", "school"))


def test_near_duplicates_that_stand_in_rows_of_their_own_have_no_fix() -> None:
    rows = patient("pairs", [(f"{LONG} home", "It is quiet."), (f"{LONG} church", "The dog is loud.")])
    assert found(rows)["near-duplicates"].fix is None
    assert signs(rows, "drop-near-duplicates") == []


def test_texts_past_the_limit_are_not_compared_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MOST_COMPARED_TEXTS", 3)
    rows = patient("texts", [(f"{LONG} {word}",) for word in ("home", "church", "school", "town", "market")])
    assert signs(rows, "drop-near-duplicates") == [1, 2]
    assert "(of the first 3 texts)" in found(rows)["near-duplicates"].text


def test_rows_that_say_two_things_of_the_same_texts_are_found_all() -> None:
    rows = patient("nli", [("a b", "c d", 0), ("A b", "C d", 2), ("a b", "x y", 1), ("a b", "c d", 0)])
    assert signs(rows, "drop-contradicting") == [0, 1, 3]
    finding = found(rows)["contradicting"]
    assert finding.example == ("a b", "c d", "entailment")
    assert signs(patient("labelled", [("a b", "x"), ("a b", "y"), ("c d", "x")]), "drop-contradicting") == [0, 1]


def test_scores_contradict_when_they_differ_by_more_than_a_fifth() -> None:
    rows = [("a b", "c d", 0.3), ("a b", "c d", 0.45), ("e f", "g h", 0.1), ("e f", "g h", 0.2), ("e f", "g h", 0.35)]
    assert signs(patient("scored", rows), "drop-contradicting") == [2, 3, 4]


@pytest.mark.parametrize("kind", ["texts", "pairs", "given-triplets"])
def test_rows_that_say_nothing_of_their_texts_cannot_contradict(kind: str) -> None:
    rows = patient(kind, [("a b", "c d", "e f")[: len(ROLES[kind])]] * 2)
    assert signs(rows, "drop-contradicting") == []


def test_rows_that_share_a_text_with_the_evaluation_set_are_found_in_every_column() -> None:
    rows = patient("given-triplets", [("A b", "c d", "e f"), ("g h", "i j", "k l"), ("m n", "o p", " C D ")], ["a b", "c d"])
    assert signs(rows, "drop-overlap") == [0, 2]
    assert "share a text with stsb/validation" in found(rows)["overlap"].text
    assert signs(patient("texts", [("a b",)]), "drop-overlap") == []


@pytest.mark.parametrize(("large", "skewed"), [(9, False), (10, True)])
def test_classes_are_skewed_from_five_to_one_on(large: int, skewed: bool) -> None:
    rows = [(f"text {n}", "large" if n < large else "small") for n in range(large + 2)]
    findings = found(patient("labelled", rows))
    assert ("skew" in findings) == skewed
    if skewed:
        assert (findings["skew"].count, findings["skew"].total, findings["skew"].fix) == (10, 12, None)
        assert "large, the largest, and 2 of small" in findings["skew"].text


def test_classes_of_nli_rows_are_called_by_their_names() -> None:
    rows = [(f"premise {n}", f"hypothesis {n}", 2 if n else 1) for n in range(6)]
    assert "contradiction, the largest, and 1 of neutral" in found(patient("nli", rows))["skew"].text


def test_worst_finding_stands_first() -> None:
    findings = examine(patient("texts", [("lone",), ("a b",), ("c d",), ("e f",)], ["a b", "c d", "e f"]))
    assert [finding.id for finding in findings] == ["overlap", "one-word"]


def test_long_example_is_cut() -> None:
    rows = patient("texts", [("word " * 100,), ("word " * 100,)])
    assert len(found(rows)["duplicates"].example[0]) == doctor.EXAMPLE_CHARACTERS + 1


def test_fixes_are_made_in_order_and_each_counts_what_it_took() -> None:
    rows = patient(
        "nli",
        [
            ("one two", "three four", 0), ("one two", "three four", 0), ("lone", "three four", 0), ("a b", "c d", 0),
            ("a b", "c d", 1), (f"{LONG} home", "five six", 0), (f"{LONG} church", "five six", 0), ("in both", "e f", 2),
        ],
        ["in both"],
    )  # fmt: skip
    before = rows.frame.copy(deep=True)
    left, taken = mend(rows, tuple(FIXES))
    assert taken == {
        "the fix drop-one-word": 1, "the fix drop-duplicates": 1, "the fix drop-near-duplicates": 1,
        "the fix drop-contradicting": 2, "the fix drop-overlap": 1,
    }  # fmt: skip
    assert left.frame["premise"].tolist() == ["one two", f"{LONG} home"]
    assert left.frame.index.tolist() == [0, 1]
    assert all(not SIGNS[fix](left).any() for fix in FIXES)
    pd.testing.assert_frame_equal(rows.frame, before)


@pytest.mark.parametrize("fix", FIXES)
def test_mended_rows_never_show_the_sign_again(fix: str) -> None:
    rng = np.random.default_rng(1)
    words = ["home", "church", "school", "town"]
    texts = [f"{LONG} {words[draw]}" for draw in rng.integers(0, 4, 5)] + ["a b", "A b", "lone", "c d"]
    rows = [(texts[rng.integers(9)], texts[rng.integers(9)], int(rng.integers(3))) for _ in range(60)]
    left, taken = mend(patient("nli", rows, ["c d"]), [fix])
    assert taken == {f"the fix {fix}": 60 - len(left.frame)}
    assert not SIGNS[fix](left).any()


def test_rows_that_are_all_taken_leave_nothing_and_no_error() -> None:
    left, taken = mend(patient("nli", [("lone", "one", 0), ("two", "three", 1)]), tuple(FIXES))
    assert (len(left.frame), taken) == (0, {"the fix drop-one-word": 2})
    assert examine(left) == []


def test_near_duplicate_rows_are_those_whose_texts_are_in_the_same_groups() -> None:
    rng = np.random.default_rng(2)
    words = ["home", "church", "school", "town"]
    texts = [f"{LONG} {word}" for word in words] + [f"{LONG[4:]} {word} again" for word in words] + ["a b", "c d e", "f g h"]
    rows = [(texts[rng.integers(11)], texts[rng.integers(11)], int(rng.integers(2))) for _ in range(80)]
    group = dict(zip(texts, near_duplicate_groups(texts).tolist(), strict=True))
    first: dict[tuple[object, ...], tuple[object, ...]] = {}
    expected = []
    for number, row in enumerate(rows):
        key = (group[row[0]], group[row[1]], row[2])
        if first.setdefault(key, row) != row:
            expected.append(number)
    assert expected
    assert signs(patient("nli", rows), "drop-near-duplicates") == expected


def test_finding_is_written_as_json() -> None:
    assert Finding("skew", "text", 1, 2).as_json() == {
        "id": "skew", "text": "text", "count": 1, "total": 2, "example": (), "fix": None,
    }  # fmt: skip


@pytest.mark.real_data
def test_rows_of_snli_that_share_a_text_with_stsb_validation_are_found_and_dropped(data_dir: Path) -> None:
    places = Places(data_dir=data_dir)
    rows = load_rows(Asked("snli", "train"), places)
    name, outside = yardstick_rows(places)
    texts = [outside.frame["sentence1"], outside.frame["sentence2"]]
    beyond = {text.strip().lower() for column in texts for text in column}
    shared = [bool({one.strip().lower(), two.strip().lower()} & beyond)
              for one, two in zip(rows.frame["premise"], rows.frame["hypothesis"], strict=True)]  # fmt: skip
    sick = admit(rows.frame, rows.kind, texts, name)
    finding = found(sick)["overlap"]
    assert (finding.count, sum(shared)) == (57, 57)
    assert "stsb/validation" in finding.text
    left, taken = mend(sick, ["drop-overlap"])
    assert taken == {"the fix drop-overlap": 57}
    assert len(left.frame) == len(rows.frame) - 57
    assert "overlap" not in found(left)


def test_sentence_without_spaces_is_no_single_word() -> None:
    frame = pd.DataFrame({"text": ["猫が窓の外を見ています", "yes", "two words"]}).astype("str")
    assert one_word(admit(frame, "texts", [], "nothing")).tolist() == [False, True, False]
