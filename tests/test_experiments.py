"""Several runs as one question: refused as a whole, queued as a whole, told as one table."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, DataError, ModelError, RunError, StudioError
from core.experiment_plans import VARY_EXAMPLE, Plan, parse_values, plan_chapter, plan_vary
from core.experiment_table import Row, experiment_table
from core.experiments import list_experiments, read_experiment, start, start_chapter, start_vary
from core.files import write_json
from core.launching import ensure_supervisor
from core.listing import list_rows
from core.places import Places
from core.run_store import delete_run, list_runs
from core.runs import RunFolder
from tests.conftest import wait_for

SHORT = {"data": "snli", "max_steps": 2, "snapshots": False}
STSB = "stsb/validation"


@pytest.fixture
def places(runs_dir: Path, small_data: Path) -> Places:
    return Places(small_data, runs_dir)


def folder_of(places: Places) -> Path:
    assert places.runs_dir is not None
    return places.runs_dir


def plan_batch_sizes(places: Places, values: tuple[Any, ...], **yours: Any) -> Plan:
    return plan_vary("mnr", "instant", ("batch_size", values), SHORT | yours, places)


def rows_by_label(name: str, places: Places) -> dict[str, Row]:
    return {row.label: row for row in experiment_table(name, places).rows}


def write_score(run: RunFolder, which: str, pearson: float, data: str = STSB) -> None:
    figures = {"pearson_cosine": pearson, "spearman_cosine": pearson - 0.01}
    write_json(run.path / "scores" / f"{data.replace('/', '-')}.{which}.json", {"data": data, "figures": figures})


def end_run(run: RunFolder, pearson: float = 0.7, seconds: float = 2.0) -> None:
    """Write what a worker leaves behind."""
    write_score(run, "before", 0.5)
    write_score(run, "after", pearson)
    started = time.time()
    run.set_status(state="done", has_model=True, started=started, finished=started + seconds)


def test_ladder_has_the_rungs_of_its_size_in_the_chapters_order(places: Places) -> None:
    instant = plan_chapter("instant", {"seed": 1}, places)
    assert [member.value for member in instant.experiment.members] == [
        "softmax", "cosine-similarity", "mnr", "mnr-hard-negatives", "augmented-sbert",
    ]  # fmt: skip
    assert {config.seed for chain in instant.chains for config in chain} == {1}
    assert [len(chain) for chain in instant.chains] == [1, 1, 1, 1, 2]
    laptop = [member.value for member in plan_chapter("laptop", {}, places).experiment.members]
    assert laptop == ["softmax", "cosine-similarity", "mnr", "fine-tune", "tsdae"]
    assert [member.book for member in instant.experiment.members] == [0.598, 0.722, 0.809, None, 0.71]


def test_ladder_keeps_each_method_what_it_is(places: Places) -> None:
    with pytest.raises(ConfigError, match="loss: each method of the chapter has its own"):
        plan_chapter("instant", {"loss": "mnr"}, places)


def test_whole_ladder_is_queued_in_its_order(places: Places) -> None:
    experiment = start_chapter("instant", SHORT | {"seed": 3, "max_rows": 20}, places)
    queued = [run.id for run, _ in reversed(list_runs(folder_of(places)))]
    assert queued == [name for member in experiment.members for name in member.runs]
    assert len(queued) == 6
    table = experiment_table(experiment.id, places)
    assert {row.state for row in table.rows[:-1]} == {"queued"} and table.rows[-1].state == "queued, run 1 of 2"
    assert (table.is_final, table.seconds, table.best) == (False, None, None)


def test_example_asks_the_books_own_question(places: Places) -> None:
    plan = plan_vary(VARY_EXAMPLE.recipe, None, (VARY_EXAMPLE.field, VARY_EXAMPLE.values), {"data": "snli"}, places)
    assert [chain[0].batch_size for chain in plan.chains] == [8, 32, 64, 128, 256, 512]
    assert [member.label for member in plan.experiment.members] == ["8", "32", "64", "128", "256", "512"]


@pytest.mark.parametrize(
    ("recipe", "field", "values", "sentence"),
    [
        ("mnr", "batch_size", (8, 0), "batch_size: '0' cannot be used; choose a whole number from 1 to 8,192"),
        ("mnr", "batch_size", (8, 1), "batch_size: 1 does not fit: mnr finds its negatives in the batch"),
        ("mnr", "loss_params.scale", (20, -2.5), "-2.5.*choose a number from"),
        ("mnr", "scheduler", ("linear", "round"), "'round' is not known; choose 'linear'"),
        ("mnr", "batch_size", (8, 8.0), "8 and 8.0 give the same runs"),
        ("mnr", "batch_size", (8,), "1 values were given; write 2 to 6"),
        ("mnr", "batch_size", (2, 3, 4, 5, 6, 7, 8), "7 values were given"),
        ("mnr", "batch_size", (8, None), "an empty value"),
        ("mnr", "batchsize", (8, 9), "did you mean batch_size"),
        ("mnr", "recipe", ("mnr", "softmax"), "cannot be set"),
        ("augmented-sbert", "silver.amount", (10, -1), "-1"),
        ("nothing", "seed", (1, 2), "is not known; choose one of quick-demo"),
    ],
)
def test_wrong_value_is_named_and_nothing_is_queued(
    places: Places, recipe: str, field: str, values: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        start_vary(recipe, "instant", (field, values), SHORT, places)
    assert list(folder_of(places).iterdir()) == []


@pytest.mark.parametrize(("yours", "kind"), [({"data": "mnli"}, DataError), ({"base_model": "all-mpnet-base-v2"}, ModelError)])
def test_what_is_not_here_is_said_once_and_nothing_is_queued(
    places: Places, yours: dict[str, Any], kind: type[StudioError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(places.data_dir))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    with pytest.raises(kind, match="is not here"):
        start_chapter("instant", SHORT | yours, places)
    assert list(folder_of(places).iterdir()) == []


def test_chain_varies_in_its_main_run_and_the_seed_in_both(places: Places) -> None:
    amounts = plan_vary("augmented-sbert", None, ("silver.amount", (5, 10)), SHORT, places)
    assert [[config.silver and config.silver.amount for config in chain] for chain in amounts.chains] == [[None, 5], [None, 10]]
    seeds = plan_vary("augmented-sbert", None, ("seed", (1, 2)), SHORT, places)
    assert [[config.seed for config in chain] for chain in seeds.chains] == [[1, 1], [2, 2]]


def test_switch_can_vary(places: Places) -> None:
    plan = plan_vary("augmented-sbert", None, ("silver.gold_only", parse_values("true false")), SHORT, places)
    assert [member.label for member in plan.experiment.members] == ["yes", "no"]


def test_dotted_value_leaves_its_neighbours(places: Places) -> None:
    yours = SHORT | {"silver": {"pairs": "recombined"}}
    plan = plan_vary("augmented-sbert", None, ("silver.amount", (5, 10)), yours, places)
    silver = plan.chains[0][-1].silver
    assert silver is not None and (silver.pairs, silver.amount) == ("recombined", 5)


def test_values_are_read_as_a_person_writes_them() -> None:
    assert parse_values("8, 32;64  5e-3 cls") == (8, 32, 64, 5e-3, "cls")


def test_plan_that_cannot_be_written_down_leaves_nothing_queued(places: Places) -> None:
    plan = plan_batch_sizes(places, (2, 4))
    (folder_of(places) / ".experiments").write_text("in the way")
    with pytest.raises(RunError, match="cannot be written"):
        start(plan, places)
    assert list_runs(folder_of(places)) == []


def test_row_tells_scores_seconds_and_the_best(places: Places) -> None:
    experiment = start(plan_batch_sizes(places, (2, 4)), places)
    small, large = (RunFolder(folder_of(places) / member.runs[0]) for member in experiment.members)
    end_run(small, 0.6, seconds=3)
    end_run(large, 0.7)
    table = experiment_table(experiment.id, places)
    first = table.rows[0]
    assert (first.label, first.value, first.state, first.data, first.seconds) == ("2", 2, "done", STSB, 3.0)
    assert (first.before["pearson_cosine"], first.after["spearman_cosine"], first.run) == (0.5, 0.59, small.id)
    assert (table.is_final, table.best) == (True, table.rows[1])
    assert table.seconds is not None and 3.0 <= table.seconds < 4.0
    json.dumps(table.as_json(), allow_nan=False)


def test_seconds_of_a_chain_are_those_of_its_runs_without_the_wait(places: Places) -> None:
    experiment = start(plan_vary("augmented-sbert", None, ("seed", (1, 2)), SHORT, places), places)
    first, second = (RunFolder(folder_of(places) / name) for name in experiment.members[0].runs)
    first.set_status(state="done", has_model=True, started=100.0, finished=104.0)
    row = experiment_table(experiment.id, places).rows[0]
    assert (row.state, row.is_final) == ("queued, run 2 of 2", False)
    end_run(second)
    second.set_status(started=150.0, finished=151.5)
    row = experiment_table(experiment.id, places).rows[0]
    assert (row.seconds, row.state, row.run) == (5.5, "done", second.id)


def test_chain_whose_first_run_failed_says_so(places: Places) -> None:
    experiment = start(plan_vary("augmented-sbert", None, ("seed", (1, 2)), SHORT, places), places)
    first, second = (RunFolder(folder_of(places) / name) for name in experiment.members[0].runs)
    first.set_status(state="failed", error={"message": "The disk is full."})
    second.set_status(state="skipped", detail="Skipped.")
    row = experiment_table(experiment.id, places).rows[0]
    assert (row.state, row.note, row.is_final) == ("failed", "The disk is full.", True)


def test_deleted_run_stays_a_row(places: Places) -> None:
    experiment = start(plan_batch_sizes(places, (2, 4)), places)
    delete_run(RunFolder(folder_of(places) / experiment.members[0].runs[0]))
    rows = rows_by_label(experiment.id, places)
    assert (rows["2"].state, rows["2"].is_final, rows["2"].seconds) == ("deleted", True, None)
    assert rows["4"].state == "queued"


def test_experiments_are_listed_newest_first_and_broken_ones_left_out(places: Places) -> None:
    older, newer = (start(plan_batch_sizes(places, values), places) for values in ((2, 4), (3, 5)))
    (folder_of(places) / ".experiments" / "broken-file.json").write_text('{"members": [1')
    (folder_of(places) / ".experiments" / "other-file.json").write_text('{"members": [1]}')
    assert [each.id for each in list_experiments(places)] == [newer.id, older.id]
    assert [row["id"] for row in list_rows("experiments", folder_of(places))] == [newer.id, older.id]


@pytest.mark.parametrize("name", ["", "nothing-here", "../../etc/passwd"])
def test_unknown_experiment_is_refused(places: Places, name: str) -> None:
    with pytest.raises(RunError, match="There is no experiment"):
        read_experiment(name, places)


def test_values_are_trained_one_after_the_other_and_end_in_one_table(places: Places) -> None:
    experiment = start(plan_batch_sizes(places, (2, 4)), places)
    ensure_supervisor(folder_of(places))
    for member in experiment.members:
        wait_for(RunFolder(folder_of(places) / member.runs[-1]), lambda status: status.is_final)
    table = experiment_table(experiment.id, places)
    assert [(row.state, row.data) for row in table.rows] == [("done", STSB)] * 2
    assert all(row.before and row.after and row.rows == 40 for row in table.rows)
    assert table.best in table.rows and table.seconds is not None
