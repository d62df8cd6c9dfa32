"""A chain on the page: which runs belong together, what each stage says, and the silver pairs."""

from pathlib import Path
from typing import Any

import pytest

from core.chains import create_chain, follow_on
from core.config import build_config
from core.files import write_json
from core.losses import LOSSES
from core.recipes import recipe_chain
from core.run_store import create_run, delete_run
from core.runs import RunFolder
from ui.chain_view import chain_of, next_in_chain, stages_view
from ui.studio import Studio

SILVER = {
    "gold": 1000, "silver": 9000, "pairs": "given", "cut": None,
    "rows": [["<b>first</b>", "second & third", 0.9], ["low", "<script>", 0.1]],
    "spread": {"gold": [1] * 20, "silver": [2] * 20},
}  # fmt: skip
CHOSEN, SCORED, TRAINED = "Unlabelled pairs are chosen", "The cross-encoder scores them", "Gold and silver teach a bi-encoder"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path, None)


@pytest.fixture
def augmented(studio: Studio) -> list[RunFolder]:
    return create_chain(studio.runs_dir, recipe_chain("augmented-sbert"), None)


def lone(studio: Studio, **values: Any) -> RunFolder:
    return create_run(studio.runs_dir, build_config(values), None)


def ids(chain: list[Any]) -> list[str]:
    return [run.id for run, _ in chain]


def states(view: str) -> list[tuple[str, str]]:
    """Return title and state of each stage."""
    steps = [step.partition("</b>")[0] for step in view.split("<li class=")[1:]]
    return [(step.partition("<b>")[2][2:], step.partition(">")[0].strip('"')) for step in steps]


def make_silver(run: RunFolder) -> None:
    (run.path / "silver").mkdir()
    write_json(run.path / "silver" / "silver.json", SILVER)


def test_chain_is_the_same_from_each_of_its_runs_first_to_last(studio: Studio, augmented: list[RunFolder]) -> None:
    lone(studio)
    third = create_run(studio.runs_dir, follow_on(build_config({}), augmented[1].id), None)
    expected = [augmented[0].id, augmented[1].id, third.id]
    for run in (*augmented, third):
        assert ids(chain_of(studio, run.id)) == expected


def test_lone_run_is_its_own_chain_and_has_no_stages(studio: Studio) -> None:
    run = lone(studio)
    assert ids(chain_of(studio, run.id)) == [run.id]
    assert stages_view(studio, run.id) == ""


def test_run_whose_forerunner_is_gone_begins_its_chain(studio: Studio, augmented: list[RunFolder]) -> None:
    delete_run(augmented[0])
    assert ids(chain_of(studio, augmented[1].id)) == [augmented[1].id]


@pytest.mark.parametrize("name", [None, "", "nobody-here", "<script>"])
def test_name_of_no_run_has_no_chain(studio: Studio, name: str | None) -> None:
    assert stages_view(studio, name) == ""
    assert chain_of(studio, str(name)) == []


def test_two_runs_after_the_same_one_are_two_chains(studio: Studio, augmented: list[RunFolder]) -> None:
    other = create_run(studio.runs_dir, follow_on(build_config({}), augmented[0].id), None)
    for run in (augmented[1], other):
        assert ids(chain_of(studio, run.id)) == [augmented[0].id, run.id]


def test_next_run_is_the_one_that_waits_unless_it_was_skipped(studio: Studio, augmented: list[RunFolder]) -> None:
    assert next_in_chain(studio, augmented[0].id) == augmented[1].id
    assert next_in_chain(studio, augmented[1].id) is None
    augmented[1].set_status(state="skipped")
    assert next_in_chain(studio, augmented[0].id) is None


def test_stages_of_two_plain_runs_are_their_losses(studio: Studio) -> None:
    chain = create_chain(studio.runs_dir, recipe_chain("domain-adaptation"), None)
    chain[0].set_status(state="training")
    view = stages_view(studio, chain[1].id)
    assert states(view) == [(LOSSES["denoising"].title, "training"), (LOSSES["mnr"].title, "queued")]


@pytest.mark.parametrize(
    ("status", "made", "expected"),
    [
        ({"state": "queued"}, False, ["queued"] * 3),
        ({"state": "loading", "detail": "Preparing the examples"}, False, ["loading", "queued", "queued"]),
        ({"state": "loading", "detail": "Choosing unlabelled pairs"}, False, ["loading", "queued", "queued"]),
        ({"state": "loading", "detail": "The cross-encoder scores the silver pairs"}, False, ["done", "loading", "queued"]),
        ({"state": "loading", "detail": "The cross-encoder scores the silver pairs"}, True, ["done", "done", "queued"]),
        ({"state": "baseline"}, True, ["done", "done", "baseline"]),
        ({"state": "training"}, True, ["done", "done", "training"]),
        ({"state": "done"}, True, ["done"] * 3),
        ({"state": "failed"}, True, ["done", "done", "failed"]),
        ({"state": "failed"}, False, ["failed"] * 3),
        ({"state": "skipped"}, False, ["skipped"] * 3),
    ],
)
def test_augmented_chain_has_four_stages(
    studio: Studio, augmented: list[RunFolder], status: dict[str, str], made: bool, expected: list[str]
) -> None:
    augmented[0].set_status(state="done", has_model=True)
    augmented[1].set_status(**status)
    if made:
        make_silver(augmented[1])
    titles = ["Gold pairs teach a cross-encoder", CHOSEN, SCORED, TRAINED]
    assert states(stages_view(studio, augmented[0].id)) == list(zip(titles, ["done", *expected], strict=True))


def test_gold_alone_has_no_stages_of_silver(studio: Studio) -> None:
    first, second = recipe_chain("augmented-sbert")
    assert second.silver is not None
    gold_only = second.model_copy(update={"silver": second.silver.model_copy(update={"gold_only": True})})
    chain = create_chain(studio.runs_dir, (first, gold_only), None)
    assert len(states(stages_view(studio, chain[0].id))) == 2


def test_finished_stage_says_its_score(studio: Studio, augmented: list[RunFolder]) -> None:
    for run, figure in zip(augmented, ("spearman", "spearman_cosine"), strict=True):
        run.set_status(state="done", has_model=True)
        record = {"data": "stsb/validation", "figures": {figure: 0.71234}}
        write_json(run.path / "scores" / "stsb-validation.after.json", record)
    make_silver(augmented[1])
    view = stages_view(studio, augmented[1].id)
    assert view.count("done, Spearman 0.7123 on stsb validation") == 2
    assert "9,000 pairs beside 1,000 gold ones" in view


def test_silver_card_escapes_the_texts_and_shows_them_in_order(studio: Studio, augmented: list[RunFolder]) -> None:
    make_silver(augmented[1])
    view = stages_view(studio, augmented[1].id)
    assert "<script>" not in view and "<b>first</b>" not in view
    assert view.index("&lt;b&gt;first&lt;/b&gt;") < view.index("&lt;script&gt;")
    assert "second &amp; third" in view and "0.900" in view
    assert "9,000 silver scored pairs (given, soft scores)" in view
    assert "data-figure=" in view


def test_silver_card_says_where_scores_were_cut(studio: Studio, augmented: list[RunFolder]) -> None:
    make_silver(augmented[1])
    write_json(augmented[1].path / "silver" / "silver.json", SILVER | {"cut": 0.5})
    assert "(given, cut at 0.5)" in stages_view(studio, augmented[1].id)


def test_run_that_is_deleted_meanwhile_leaves_the_view_empty(studio: Studio, augmented: list[RunFolder]) -> None:
    (augmented[1].path / "config.json").write_text("{")
    assert stages_view(studio, augmented[0].id) == ""
