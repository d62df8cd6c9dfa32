"""Chains: a person's settings over the runs, "previous" becoming a name, and the queue that waits for the run before."""

from pathlib import Path
from typing import Any

import pytest

from core.chains import asked_chain, create_chain, follow_on, main_config, main_run
from core.config import PREVIOUS, RunConfig, build_config
from core.config_parts import Silver
from core.errors import ConfigError, ModelError
from core.places import Places
from core.recipe_runs import Chain
from core.recipes import RECIPES, recipe_chain
from core.run_store import create_run, delete_run
from core.runs import RunFolder, Status
from core.supervisor import Supervisor

AUGMENTED = "augmented-sbert"


class RecordingSupervisor(Supervisor):
    """Starts nothing, and remembers what it would have started."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__(runs_dir, fork=False)
        self.begun: list[str] = []
        self.libraries.load()

    def start(self, run: RunFolder, lane: str) -> None:
        self.begun.append(run.id)
        run.set_status(state="training", pid=1, pid_started=0.0)

    def _look_after(self, run: RunFolder, status: Status) -> None:
        if not status.is_working:
            super()._look_after(run, status)


@pytest.fixture
def pair(runs_dir: Path) -> list[RunFolder]:
    return create_chain(runs_dir, recipe_chain(AUGMENTED), None)


def asked(recipe: str, size: str | None = None, **yours: Any) -> Chain:
    return asked_chain(recipe, size, yours, Places())


def end(run: RunFolder, state: str, has_model: bool) -> None:
    run.set_status(state=state, has_model=has_model, finished=1.0)


def state_of(run: RunFolder) -> tuple[str, str]:
    status = run.status()
    assert status is not None
    return status.state, status.detail


def test_second_run_waits_until_the_first_has_ended(runs_dir: Path, pair: list[RunFolder]) -> None:
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    supervisor.tick()
    assert supervisor.begun == [pair[0].id]
    assert state_of(pair[1])[0] == "queued"
    end(pair[0], "done", has_model=True)
    supervisor.tick()
    assert supervisor.begun == [pair[0].id, pair[1].id]


def test_run_that_waits_lets_one_pass_that_was_queued_later(runs_dir: Path, pair: list[RunFolder]) -> None:
    later = create_run(runs_dir, build_config({}), None)
    end(pair[0], "done", has_model=True)
    pair[1].set_status(after=later.id)
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    assert supervisor.begun == [later.id]


def test_stopped_run_with_a_model_is_followed(runs_dir: Path, pair: list[RunFolder]) -> None:
    end(pair[0], "stopped", has_model=True)
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    assert supervisor.begun == [pair[1].id]


@pytest.mark.parametrize("state", ["failed", "stopped", "interrupted", "skipped"])
def test_run_after_one_without_a_model_is_skipped_with_the_reason(runs_dir: Path, pair: list[RunFolder], state: str) -> None:
    end(pair[0], state, has_model=False)
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    assert supervisor.begun == []
    assert state_of(pair[1]) == ("skipped", f"Skipped: the run before it, {pair[0].id}, was {state} and left no model.")


def test_run_after_a_deleted_one_is_skipped_with_the_reason(runs_dir: Path, pair: list[RunFolder]) -> None:
    delete_run(pair[0])
    RecordingSupervisor(runs_dir).tick()
    assert state_of(pair[1]) == ("skipped", f"Skipped: the run before it, {pair[0].id}, was deleted and left no model.")


def test_cancelling_a_waiting_first_run_skips_the_second(runs_dir: Path, pair: list[RunFolder]) -> None:
    pair[0].request_cancel()
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    supervisor.tick()
    assert supervisor.begun == []
    assert state_of(pair[0]) == ("stopped", "Cancelled before it began.")
    assert state_of(pair[1])[0] == "skipped"


def test_skipping_goes_down_the_whole_chain(runs_dir: Path, pair: list[RunFolder]) -> None:
    third = create_run(runs_dir, follow_on(build_config({}), pair[1].id), None)
    end(pair[0], "failed", has_model=False)
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    supervisor.tick()
    assert state_of(third) == ("skipped", f"Skipped: the run before it, {pair[1].id}, was skipped and left no model.")


def test_waiting_run_can_be_cancelled_by_itself(runs_dir: Path, pair: list[RunFolder]) -> None:
    pair[1].request_cancel()
    supervisor = RecordingSupervisor(runs_dir)
    supervisor.tick()
    assert supervisor.begun == [pair[0].id]
    assert state_of(pair[1]) == ("stopped", "Cancelled before it began.")


def test_queued_chain_names_the_run_before_in_status_and_configuration(pair: list[RunFolder]) -> None:
    first, second = (run.config() for run in pair)
    assert (first.after, second.after) == (None, pair[0].id)
    assert [run.status().after for run in pair] == [None, pair[0].id]  # type: ignore[union-attr]
    assert second.silver is not None and second.silver.judge == f"run:{pair[0].id}"


@pytest.mark.parametrize(
    ("values", "key"),
    [({"base_model": PREVIOUS}, "base_model"), ({"loss": "margin-mse", "teacher": PREVIOUS}, "teacher")],
)
def test_previous_becomes_the_name_of_the_run_before(values: dict[str, Any], key: str) -> None:
    followed = follow_on(build_config(values), "a-run")
    assert (getattr(followed, key), followed.after) == ("run:a-run", "a-run")


def test_previous_judge_becomes_the_run_before_and_the_rest_of_silver_stays() -> None:
    config = build_config({"loss": "cosine-similarity", "silver": {"amount": 7, "cut": 0.5}})
    assert follow_on(config, "a-run").silver == Silver(judge="run:a-run", amount=7, cut=0.5)


def test_what_is_not_called_previous_stays() -> None:
    config = build_config({"loss": "cosine-similarity", "silver": {"judge": "run:mine"}, "teacher": "run:other", "seed": 3})
    followed = follow_on(config, "a-run")
    assert followed == config.model_copy(update={"after": "a-run"})


@pytest.mark.parametrize(("recipe", "size"), [(recipe, size) for recipe, spec in RECIPES.items() for size in spec.sizes])
def test_chain_without_settings_of_a_persons_own_is_the_recipes(recipe: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The book's models are not on this machine, which is another test's matter.
    monkeypatch.setattr("core.chains.override", lambda config, yours, places: config)
    assert asked(recipe, size) == recipe_chain(recipe, size)


def test_settings_for_each_run_reach_all_and_the_others_the_main_run_alone() -> None:
    first, second = asked(AUGMENTED, seed=7, max_steps=5, snapshots=False, batch_size=9, learning_rate=1e-4)
    assert [(run.seed, run.max_steps, run.snapshots) for run in (first, second)] == [(7, 5, False)] * 2
    recipe = recipe_chain(AUGMENTED)[0]
    assert (first.batch_size, first.learning_rate) == (recipe.batch_size, recipe.learning_rate)
    assert (second.batch_size, second.learning_rate) == (9, 1e-4)
    assert "batch_size" not in first.yours and "batch_size" in second.yours


@pytest.mark.parametrize(
    "rows", [{"data": "sample"}, {"max_rows": 50}, {"fixes": ("drop-one-word",)}, {"holdout": 0.2}, {"neutral_score": 0.5}]
)
def test_runs_that_read_the_same_rows_go_on_doing_so(rows: dict[str, Any]) -> None:
    first, second = asked(AUGMENTED, **rows)
    for key, value in rows.items():
        assert getattr(first, key) == getattr(second, key) == value


def test_rows_of_the_main_run_are_not_those_of_a_run_on_other_rows() -> None:
    first, second = asked("domain-adaptation", "laptop", data="sample", base_model="minilm-from-nothing")
    assert (first.data, second.data) == ("sample", recipe_chain("domain-adaptation", "laptop")[1].data)
    assert (first.base_model, second.base_model) == ("minilm-from-nothing", PREVIOUS)


def test_base_model_reaches_a_cross_encoder_that_started_from_the_same() -> None:
    chain = asked(AUGMENTED, "book", base_model="all-minilm-l6-v2")
    assert [config.base_model for config in chain] == ["all-minilm-l6-v2"] * 2


def test_base_model_leaves_a_cross_encoder_that_started_from_another() -> None:
    chain = asked(AUGMENTED, "instant", base_model="minilm-from-nothing")
    assert [config.base_model for config in chain] == ["all-minilm-l6-v2", "minilm-from-nothing"]


@pytest.mark.parametrize("base_model", ["static-minilm", "minilm-from-nothing"])
def test_base_model_that_cannot_become_a_cross_encoder_is_the_bi_encoders_alone(
    base_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The book's own model is not on this machine, which is another test's matter.
    monkeypatch.setattr("core.chains.override", lambda config, yours, places: build_config(config.model_dump() | yours))
    first, second = asked(AUGMENTED, "book", base_model=base_model)
    assert (first.base_model, second.base_model) == ("bert-base-uncased", base_model)


def test_setting_that_no_run_takes_is_refused_with_its_field() -> None:
    with pytest.raises(ConfigError) as caught:
        asked(AUGMENTED, loss="mnr", silver={"amount": 5})
    assert caught.value.field == "silver"
    with pytest.raises(ModelError, match="names no run"):
        asked(AUGMENTED, base_model="run:nobody")


@pytest.mark.parametrize("recipe", [AUGMENTED, "margin-mse", "domain-adaptation", "mnr"])
def test_main_run_is_the_one_that_the_form_shows(recipe: str) -> None:
    chain = recipe_chain(recipe)
    shown = main_config(recipe, None, {"batch_size": 10, "max_rows": 40}, Places())
    assert (shown.loss, shown.kind, shown.batch_size) == (chain[main_run(chain)].loss, "train", 10)


def test_chain_of_no_recipe_has_its_last_run_as_main() -> None:
    assert main_run((RunConfig(), RunConfig(seed=1))) == 1
