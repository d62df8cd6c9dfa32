"""Pair by pair on the page: pictures, the worst pairs and one pair to read, from a run or from a measured answer."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.config import build_config
from core.files import write_json
from core.places import Places
from core.rows import Asked, load_rows
from core.run_store import create_run
from core.runs import RunFolder
from tests.small_models import queue_run
from ui.pairs_card import LEARNED, pairs_measured_card
from ui.pairs_view import GONE, off_words, open_pairs, pair_at, pairs_of
from ui.scores import JOINT, TEST_PART, scored_choices, start_scoring, title_of_start
from ui.studio import Studio

BEFORE = [0.9, 0.5, 0.4, 0.5, 0.8, 0.3, 0.2, 0.4, 0.7, 0.1, 0.3, 0.95]
AFTER = [0.95, 0.4, 0.3, 0.4, 0.9, 0.3, 0.2, 0.3, 0.9, 0.1, 0.2, 0.3]


@pytest.fixture
def studio(runs_dir: Path, small_data: Path) -> Studio:
    return Studio(runs_dir, small_data)


def record_of(studio: Studio, cosines: list[float], split: str = "validation") -> dict[str, Any]:
    rows = load_rows(Asked("stsb", split), studio.places)
    gold = rows.frame["score"].tolist()
    figures = {
        f"{name}_{how}": 0.5 for name in ("pearson", "spearman") for how in ("cosine", "dot", "manhattan", "euclidean", "max")
    }
    return {
        "data": f"stsb/{split}", "pairs": len(gold), "found": rows.found, "data_sha256": rows.sha256, "figures": figures,
        "gold": gold, "cosines": cosines, "measured": 1.0,
    }  # fmt: skip


@pytest.fixture
def run(studio: Studio) -> RunFolder:
    made = create_run(studio.runs_dir, build_config({}), studio.data_dir)
    for which, cosines in (("before", BEFORE), ("after", AFTER)):
        write_json(made.path / "scores" / f"stsb-validation.{which}.json", record_of(studio, cosines))
    return made


def test_both_sides_are_drawn_and_the_worst_pairs_listed(studio: Studio, run: RunFolder) -> None:
    html = pairs_of(studio, ["run", run.id, "stsb/validation", []])["html"]
    assert html.count("data-figure=") == 2 and "STSB validation, 12 pairs" in html
    assert "worst pairs after training" in html and "worst pairs before training" in html
    assert "Before training" in html and "warning" not in html


def test_clicked_pair_is_read_with_its_numbers(studio: Studio, run: RunFolder) -> None:
    html = pair_at(studio, ["run", run.id, "stsb/validation", [], 11])["html"]
    assert "A horse runs." in html and "A bird runs." in html
    assert "gold 1.00 of 5" in html
    assert "before training: cosine 0.95" in html and "after training: cosine 0.30" in html


def test_texts_with_marks_stay_texts(studio: Studio, run: RunFolder) -> None:
    assert studio.data_dir is not None
    path = studio.data_dir / "stsb" / "validation.csv"
    path.write_text(path.read_text().replace("A horse runs.", "<img src=x onerror=alert(1)>"))
    for which, cosines in (("before", BEFORE), ("after", AFTER)):
        write_json(run.path / "scores" / f"stsb-validation.{which}.json", record_of(studio, cosines))
    for html in (
        pairs_of(studio, ["run", run.id, "stsb/validation", []])["html"],
        pair_at(studio, ["run", run.id, "stsb/validation", [], 11])["html"],
    ):
        assert "<img" not in html and "&lt;img" in html


def test_changed_data_leaves_the_pictures_and_says_so(studio: Studio, run: RunFolder) -> None:
    assert studio.data_dir is not None
    path = studio.data_dir / "stsb" / "validation.csv"
    path.write_text(path.read_text().replace("A horse runs.", "A horse sleeps."))
    html = pairs_of(studio, ["run", run.id, "stsb/validation", []])["html"]
    assert html.count("data-figure=") == 2 and "changed since it was scored" in html and "worst pairs" not in html
    clicked = pair_at(studio, ["run", run.id, "stsb/validation", [], 3])["html"]
    assert "changed since it was scored" in clicked and "gold" in clicked


def test_record_of_other_pairs_does_not_stand_beside(studio: Studio, run: RunFolder) -> None:
    write_json(run.path / "scores" / "stsb-validation.before.json", record_of(studio, BEFORE) | {"data_sha256": "other"})
    pairs = open_pairs(studio, ["run", run.id, "stsb/validation"])
    assert pairs is not None and list(pairs.sides) == ["After training"]


@pytest.mark.parametrize(
    "asked",
    [
        ["run", "20260101-000000-gone-abcdef", "stsb/validation"], ["run", "", "stsb/validation"], ["measured", "../..", ""],
        ["measured", "0" * 32, ""],
    ],
)  # fmt: skip
def test_what_is_gone_is_told(studio: Studio, asked: list[str]) -> None:
    assert GONE in pairs_of(studio, asked)["html"]
    assert GONE in pair_at(studio, [*asked, [], 0])["html"]


def test_no_file_outside_the_scores_is_opened(studio: Studio, run: RunFolder) -> None:
    assert open_pairs(studio, ["run", run.id, "../config"]) is None
    assert GONE in pair_at(studio, ["run", run.id, "stsb/validation", [], 12])["html"]
    assert GONE in pair_at(studio, ["run", run.id, "stsb/validation", [], -1])["html"]


def test_places_are_told_with_their_direction() -> None:
    assert [off_words(share) for share in (0.124, -0.3, 0.001)] == ["12 % too alike", "30 % too different", "in its place"]


def answer(studio: Studio, **more: Any) -> dict[str, Any]:
    sides = [
        {"label": "untouched x", "record": record_of(studio, BEFORE)},
        {"label": "tuned <b>", "record": record_of(studio, AFTER)},
    ]
    return {
        "about": "STSB validation, 12 pairs", "split": "validation", "sides": sides, "verdict": None, "folder": "f" * 32,
        "trained_on": False, "is_cut": False, "max_rows": 20_000,
    } | more  # fmt: skip


def test_card_has_the_ten_figures_and_a_place_for_the_pairs(studio: Studio) -> None:
    html = pairs_measured_card(answer(studio))
    assert html.count("<tr") >= 5 and "data-pairs=" in html and "reported once" not in html and LEARNED not in html
    assert json.dumps(["measured", "f" * 32, "", 1.0]).replace('"', "&quot;") in html


def test_card_says_what_the_part_is_worth(studio: Studio) -> None:
    assert "reported once, at the end" in pairs_measured_card(answer(studio, split="test"))
    html = pairs_measured_card(answer(studio, trained_on=True, is_cut=True))
    assert LEARNED in html and "first 20,000 pairs" in html


def test_side_without_a_score_has_its_sentence(studio: Studio) -> None:
    good = {"label": "untouched x", "record": record_of(studio, BEFORE)}
    html = pairs_measured_card(answer(studio, sides=[good, {"label": "tuned <b>", "fault": "It has collapsed."}]))
    assert "tuned &lt;b&gt;: It has collapsed." in html and "Of untouched x alone." in html and "0.5000" in html


def test_stsb_test_is_offered_first_and_says_whether_it_is_here(studio: Studio) -> None:
    choices = {value: title for title, value in scored_choices(studio)}
    assert choices[TEST_PART].endswith("(not here)") and not choices["stsb/validation"].endswith("(not here)")
    assert "sample/validation" in choices and "sample/train" not in choices and "quora/train" not in choices
    assert title_of_start(TEST_PART) == "Score the test part" != title_of_start("stsb/train")


def test_uploads_are_offered_where_they_have_scores(studio: Studio, tmp_path: Path) -> None:
    from core.uploads import take_in

    named = {}
    for name, head in (
        ("scored.csv", "sentence1,sentence2,score\na b,c d,0.5\ne f,g h,1\n"),
        ("other.csv", "anchor,positive\na,b\n"),
    ):
        path = tmp_path / name
        path.write_text(head)
        named[name] = take_in(path, name, studio.runs_dir).data
    values = [value for _, value in scored_choices(studio)]
    assert f"{named['scored.csv']}/train" in values and f"{named['other.csv']}/train" not in values


def test_run_without_a_model_and_a_cross_encoder_are_refused_in_a_sentence(studio: Studio, run: RunFolder) -> None:
    assert "no model yet" in start_scoring(studio, run.id, "sample/validation")["fault"]
    assert "Choose the pairs" in start_scoring(studio, run.id, "")["fault"]
    joint = queue_run(studio.runs_dir, "all-minilm-l6-v2", kind="cross-encoder", examples="scored-pairs")
    joint.set_status(state="done", has_model=True, finished=1.0)
    assert start_scoring(studio, joint.id, "sample/validation")["fault"] == JOINT


def test_asked_scoring_is_of_both_models(studio: Studio) -> None:
    from core.models import load_model

    made = queue_run(studio.runs_dir, "static-minilm")
    load_model("static-minilm", studio.runs_dir, "cpu").save_pretrained(str(made.path / "model"), create_model_card=False)
    made.set_status(state="done", has_model=True, finished=1.0)
    value = start_scoring(studio, made.id, "sample/validation")
    assert value.get("kind") == ".measured", value
    config = RunFolder(studio.runs_dir / value["kind"] / value["name"]).config()
    assert config.models == (f"untouched:{made.id}", f"run:{made.id}") and config.max_rows == 20_000


def test_places_of_a_run_are_its_own(studio: Studio, run: RunFolder) -> None:
    pairs = open_pairs(studio, ["run", run.id, "stsb/validation"])
    assert pairs is not None and pairs.places == Places(studio.data_dir, studio.runs_dir)
