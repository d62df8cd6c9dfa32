"""What the page does with runs: the queue's block, the buttons of the chosen run, and a run put back into the tabs."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from playwright.sync_api import Browser

from core.chains import asked_chain, create_chain
from core.config import BOOKKEEPING, build_config
from core.files import write_json
from core.launching import ensure_supervisor
from core.processes import start_time
from core.queue import REMOVED, read_queue
from core.recipes import recipe_chain
from core.run_store import create_run, list_runs
from core.runs import HELD_OUT, RunFolder, short_name
from tests.conftest import wait_for, write_small_data
from tests.real_app import CHROMIUM, SAYS, RealApp, open_page, open_tab, press
from tests.test_supervisor import LONG, demo
from ui.duplicate import Duplicate, duplicate
from ui.layout import CHOICE_BUTTONS, RUN_OUTPUTS, look_at_runs, show_runs
from ui.news import BUSY_MS, IDLE_MS, has_news
from ui.queue_view import press_in_queue, queue_html
from ui.run_form import FORM_KEYS, change_form
from ui.runs_tab import COLUMNS, RESUME, RESUME_HALF, delete_chosen, free_chosen, runs_table, show_choice, total_line
from ui.studio import Studio
from ui.train_tab import start_training

# Where a look writes to the buttons that end a run, to the models to choose from, and to what shows the chosen run.
STOP, CANCEL, MODELS = 2, 3, 9
SCORES, MAP, LIVE = SHOWN = 4, 6, 8


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """An app whose runs only ever wait: this process stands where a supervisor's name is looked for, and starts none."""
    folder = tmp_path / "waiting"
    folder.mkdir()
    write_json(folder / ".supervisor.json", {"pid": os.getpid(), "started": start_time(os.getpid())})
    return Studio(folder, write_small_data(tmp_path / "data"))


def lone(studio: Studio, **values: Any) -> RunFolder:
    return create_run(studio.runs_dir, build_config(values), None)


def with_checkpoint(run: RunFolder, **status: Any) -> RunFolder:
    (run.path / "checkpoints" / "latest").mkdir()
    (run.path / "checkpoints" / "latest" / "weights").write_bytes(b"w" * 3_000_000)
    run.set_status(**status)
    return run


def choice(studio: Studio, name: str) -> dict[str, Any]:
    names = ("total", "open", "resume", "duplicate", "free", "delete", "why")
    return dict(zip(names, show_choice(studio, name), strict=True))


def works(shown: dict[str, Any]) -> list[str]:
    return [name for name, update in shown.items() if isinstance(update, dict) and update["interactive"]]


def test_queue_shows_nothing_where_nothing_waits(studio: Studio) -> None:
    assert queue_html(studio, read_queue(studio.runs_dir), None) == ""
    lone(studio).set_status(state="training")
    assert queue_html(studio, read_queue(studio.runs_dir), None) == ""


def test_queue_names_what_runs_and_what_waits_in_its_order(studio: Studio) -> None:
    runs = [lone(studio) for _ in range(3)]
    runs[0].set_status(state="training")
    html = queue_html(studio, read_queue(studio.runs_dir), runs[2].id)
    assert "2 runs wait" in html and f"Now: {short_name(runs[0].id)} (training). The run that is shown has place 2." in html
    assert html.index(runs[1].id) < html.index(runs[2].id)
    disabled = [
        button.partition('aria-label="')[2].partition('"')[0] for button in html.split("<button") if " disabled>" in button
    ]
    assert disabled == [f"Move {runs[1].id} up", f"Move {runs[2].id} down"]


def test_chain_can_be_removed_but_not_turned_round(studio: Studio) -> None:
    first, second = create_chain(studio.runs_dir, recipe_chain("augmented-sbert"), None)
    html = queue_html(studio, read_queue(studio.runs_dir), None)
    assert f"after {short_name(first.id)}" in html
    enabled = [
        part.partition('aria-label="')[2].partition('"')[0] for part in html.split("<button")[1:] if " disabled>" not in part
    ]
    assert enabled == [f"Remove {run.id} from the queue" for run in (first, second)]


def test_press_moves_and_removes(studio: Studio) -> None:
    runs = [lone(studio) for _ in range(3)]
    press_in_queue(studio, {"run": runs[2].id, "wish": "up"})
    press_in_queue(studio, {"run": runs[1].id, "wish": "remove"})
    status = runs[1].status()
    assert status is not None and (status.state, status.detail) == ("stopped", REMOVED)
    assert [run.id for run, _ in read_queue(studio.runs_dir).waiting] == [runs[0].id, runs[2].id]
    with pytest.raises(gr.Error, match="does not wait any more"):
        press_in_queue(studio, {"run": runs[1].id, "wish": "up"})


def test_look_writes_to_every_output_and_sees_a_change_of_order(studio: Studio) -> None:
    runs = [lone(studio) for _ in range(2)]
    seen = show_runs(studio, None, "", [], "")
    assert len(seen) == RUN_OUTPUTS
    looked = look_at_runs(studio, seen[0], runs[0].id, "", [], "")
    assert looked != (gr.skip(),) * RUN_OUTPUTS
    assert looked[-CHOICE_BUTTONS:] == (gr.skip(),) * CHOICE_BUTTONS, "none is picked, so they are off already"
    picked = look_at_runs(studio, seen[0], runs[0].id, "", [], runs[1].id)
    assert picked[-CHOICE_BUTTONS:] == show_choice(studio, runs[1].id)[1:]
    assert has_news(studio, [seen[0], None]) == {"news": False, "wait": BUSY_MS}
    assert has_news(studio, [seen[0], runs[0].id])["news"] and not has_news(studio, [seen[0], runs[1].id])["news"]
    ranks = [run.status().rank for run in runs]  # type: ignore[union-attr]
    mark = show_runs(studio, runs[0].id, "", [], "")[0]
    for run, rank in zip(runs, reversed(ranks), strict=True):
        run.set_status(rank=rank)
    assert has_news(studio, [mark, None])["news"] and show_runs(studio, runs[0].id, "", [], "")[0] != mark
    for run in runs:
        run.set_status(state="done")
    mark = show_runs(studio, runs[0].id, "", [], "")[0]
    assert mark.startswith(f"{runs[0].id} ended ") and has_news(studio, [mark, runs[0].id]) == {"news": False, "wait": IDLE_MS}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"state": "stopped"}, ["open", "resume", "duplicate", "free", "delete"]),
        ({"state": "done"}, ["open", "duplicate", "free", "delete"]),
        ({"state": "training"}, ["open", "duplicate"]),
        ({"state": "queued"}, ["open", "duplicate", "delete"]),
    ],
)
def test_buttons_work_where_they_make_sense(studio: Studio, status: dict[str, Any], expected: list[str]) -> None:
    run = with_checkpoint(lone(studio), **status)
    shown = choice(studio, run.id)
    assert works(shown) == expected
    for name, title in (("resume", RESUME), ("delete", "Delete:")):
        assert (f"{title}" in shown["why"]) == (name not in expected)


def test_freeing_a_stopped_run_says_that_it_cannot_be_resumed_then(studio: Studio) -> None:
    run = with_checkpoint(lone(studio), state="stopped")
    shown = choice(studio, run.id)
    assert shown["free"]["value"] == "Free its checkpoints (3.0 MB)"
    assert "can then no longer be resumed" in shown["why"]
    free_chosen(studio, run.id)
    assert works(choice(studio, run.id)) == ["open", "duplicate", "delete"]


def test_run_that_memory_ran_out_for_offers_half_the_batch(studio: Studio) -> None:
    run = with_checkpoint(lone(studio), state="interrupted", error={"kind": "memory"})
    shown = choice(studio, run.id)
    assert shown["resume"] == gr.update(value=RESUME_HALF, interactive=True)
    assert "a step takes half the examples" in shown["why"]


def test_nothing_works_where_nothing_is_chosen(studio: Studio) -> None:
    assert works(choice(studio, "")) == [] == works(choice(studio, "20990101-000000-mnr-abcdef"))


def test_table_shows_place_and_size_and_the_total_says_what_is_checkpoints(studio: Studio) -> None:
    assert "Start one on the Train tab" in total_line(studio), "an empty list says what to do"
    with_checkpoint(lone(studio), state="done")
    lone(studio)
    table = runs_table(studio, read_queue(studio.runs_dir))
    assert [row[COLUMNS.index("State")] for row in table] == ["queued, 1 of 1", "done"]
    assert [row[COLUMNS.index("On disk")] for row in table] == ["< 0.1 MB", "3.0 MB"]
    assert "2 runs take 3.0 MB on disk, 3.0 MB of it checkpoints." in total_line(studio)


def test_row_of_an_ended_run_is_read_anew_where_it_changed(studio: Studio) -> None:
    def scores() -> str:
        return runs_table(studio, read_queue(studio.runs_dir))[0][COLUMNS.index("Spearman")]

    run = lone(studio)
    run.set_status(state="done")
    assert scores() == ""
    write_json(run.path / "scores" / "sts.before.json", {"data": "sample/validation", "figures": {"spearman_cosine": 0.5}})
    assert scores() == "0.5000 → – on sample validation"
    write_json(run.path / "scores" / "sts.after.json", {"data": "sample/validation", "figures": {"spearman_cosine": 0.75}})
    assert scores() == "0.5000 → 0.7500 on sample validation"


def test_look_leaves_alone_what_the_page_shows_already(studio: Studio) -> None:
    def left_alone(looked: tuple[Any, ...]) -> set[int]:
        return {place for place in (*SHOWN, STOP, CANCEL, MODELS) if looked[place] == gr.skip()}

    other, run = lone(studio), lone(studio)
    run.set_status(state="training")
    mark = show_runs(studio, run.id, "", [], "")[0]
    other.set_status(state="stopped")
    looked = look_at_runs(studio, mark, run.id, "", [], "")
    assert looked[0] != mark and left_alone(looked) == {*SHOWN, STOP, CANCEL, MODELS}, "only another run has changed"
    assert "value" not in looked[1] and looked[1]["choices"], "another one may be chosen by now"
    assert look_at_runs(studio, mark, None, "", [], "")[1]["value"] == run.id
    assert left_alone(look_at_runs(studio, mark, run.id, "", [run.id], "")) == left_alone(looked), "it is not beside itself"
    beside = look_at_runs(studio, mark, run.id, "", [other.id], "")
    assert left_alone(beside) == {*SHOWN, STOP, CANCEL, MODELS} - {MAP}, "that run may be the one beside it"
    run.set_status(detail="20 steps")
    looked = look_at_runs(studio, looked[0], run.id, "", [], "")
    assert looked[0] != mark and left_alone(looked) == {*SHOWN, STOP, CANCEL, MODELS}, "the stages tell it, the scores do not"
    run.set_status(has_model=True)
    looked = look_at_runs(studio, looked[0], run.id, "", [], "")
    assert left_alone(looked) == {*SHOWN, STOP, CANCEL} and looked[MODELS]["choices"][-1][1] == f"run:{run.id}"
    write_json(run.path / "scores" / "own.before.json", {"data": HELD_OUT, "figures": {"spearman_cosine": 0.5}})
    looked = look_at_runs(studio, looked[0], run.id, "", [], "")
    assert left_alone(looked) == {STOP, CANCEL, MODELS}
    run.set_status(state="done")
    looked = look_at_runs(studio, looked[0], run.id, "", [], "")
    assert left_alone(looked) == {MODELS} and not looked[STOP]["interactive"] and not looked[CANCEL]["interactive"]
    assert left_alone(look_at_runs(studio, "of an earlier version", run.id, "", [], "")) == set()


def test_working_run_is_not_deleted_from_the_page(studio: Studio) -> None:
    run = with_checkpoint(lone(studio), state="training")
    with pytest.raises(gr.Error, match="press Cancel first"):
        delete_chosen(studio, run.id)
    run.set_status(state="stopped")
    assert delete_chosen(studio, run.id) == "" and not run.path.exists()


def start_again(studio: Studio, found: Duplicate) -> RunFolder:
    """Press Start training on the duplicated form, as the page does: the widgets are read once more before."""
    told = [found.form.shown[key] for key in FORM_KEYS]
    form = change_form(studio, found.recipe, found.form.yours, found.form.shown, told)
    return RunFolder(studio.runs_dir / start_training(studio, found.recipe, form.yours))


def settings(run: RunFolder) -> dict[str, Any]:
    return run.config().model_dump(mode="json", exclude=set(BOOKKEEPING))


RECIPES_AND_VALUES: list[tuple[str, dict[str, Any]]] = [
    ("quick-demo@instant", {}),
    ("quick-demo@instant", {"epochs": 2.5, "learning_rate": 1e-3, "seed": 0, "snapshots": False, "max_rows": 500}),
    ("mnr@instant", {"data": "snli", "loss_params": {"scale": 12.5}, "prompts": {"query": "q: "}, "matryoshka": [128, 64]}),
    ("mnr@instant", {"data": "snli", "negatives": "semi-hard", "mining": {"rank_to": 40, "margin": 0.1}, "holdout": 0.2}),
    ("softmax@instant", {"data": "snli", "loss": "cosine-similarity", "neutral_score": 0.5}),
    ("mnr@laptop", {"base_model": "static-minilm", "also_score": ["banking77"], "best_by": "last"}),
    ("mnr@instant", {"time_budget_seconds": 60, "sampler": "shuffled", "early_stopping": 3, "max_grad_norm": 0.5}),
]


@pytest.mark.parametrize(("recipe", "yours"), RECIPES_AND_VALUES)
def test_duplicate_then_start_gives_the_same_configuration(studio: Studio, recipe: str, yours: dict[str, Any]) -> None:
    chain = asked_chain(*recipe.split("@"), yours, studio.places)  # type: ignore[arg-type]
    run = create_chain(studio.runs_dir, chain, studio.data_dir)[-1]
    found = duplicate(studio, run)
    assert (found.recipe, found.said, found.form.fault) == (recipe, [], "")
    again = start_again(studio, found)
    assert again.config() == run.config()


@pytest.mark.parametrize("place", [0, 1])
def test_duplicate_of_a_chains_run_starts_the_whole_chain_again(studio: Studio, place: int) -> None:
    yours = {"seed": 5, "silver": {"amount": 77}, "learning_rate": 1e-3}
    chain = create_chain(studio.runs_dir, asked_chain("augmented-sbert", "instant", yours, studio.places), None)
    found = duplicate(studio, chain[place])
    assert bool(found.said) == (place == 0)
    first = start_again(studio, found)
    second = next(run for run, status in list_runs(studio.runs_dir) if status.after == first.id)
    assert settings(first) == settings(chain[0])
    expected = settings(chain[1])
    expected["silver"]["judge"] = f"run:{first.id}"
    assert settings(second) == expected


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "cosine-similarity", "data": "snli", "epochs": 3.0, "batch_size": 16, "learning_rate": 0.01},
        {"loss": "triplet", "data": "snli", "epochs": 1.0},
        {"base_model": "static-minilm", "data": "sample"},
    ],
)
def test_run_without_a_recipe_is_laid_over_the_nearest_one(studio: Studio, values: dict[str, Any]) -> None:
    run = create_run(studio.runs_dir, build_config(values), None)
    found = duplicate(studio, run)
    asked, got = settings(run), settings(start_again(studio, found))
    other = [key for key in asked if asked[key] != got[key]]
    assert all(got[key] == value for key, value in values.items())
    assert bool(other) == bool(found.said), "what is another one is said"
    assert all(key in " ".join(found.said) for key in other[:6])


def test_what_was_left_to_the_machine_is_given_as_it_was_worked_out(studio: Studio) -> None:
    run = create_run(studio.runs_dir, build_config({"data": "sample"}), None)
    settled = {
        "epochs": 1.0,
        "batch_size": 256,
        "learning_rate": 0.005,
        "warmup": 0.05,
        "scheduler": "cosine",
        "examples": "positive-pairs",
        "negatives": "none",
    }
    write_json(run.path / "resolved.json", {"settings": {key: {"value": value} for key, value in settled.items()}})
    found = duplicate(studio, run)
    got = settings(start_again(studio, found))
    assert all(got[key] == value for key, value in settled.items() if key not in ("examples", "negatives"))
    assert found.said[0].startswith("Left to the machine there")


def test_cross_encoder_without_its_chain_has_no_place_on_the_tabs(studio: Studio) -> None:
    values = {"kind": "cross-encoder", "base_model": "all-minilm-l6-v2", "data": "stsb"}
    run = create_run(studio.runs_dir, build_config(values), None)
    with pytest.raises(Exception, match="has no place on the tabs"):
        duplicate(studio, run)


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_queue_is_seen_reordered_and_emptied_on_the_page(warm_dir: Path, browser: Browser) -> None:
    long, second, third = (create_run(warm_dir, demo(**LONG), None) for _ in range(3))
    ensure_supervisor(warm_dir)
    working = wait_for(long, lambda status: status.state == "training")
    assert working.pid is not None
    # It goes on, and takes no processor from the page.
    os.kill(working.pid, signal.SIGSTOP)
    app = RealApp(warm_dir)
    try:
        page = open_page(browser, app.url, complaints := [])
        open_tab(page, "Train")
        page.wait_for_function("document.querySelector('#queue').innerText.startsWith('2 runs wait')")
        press(page, f"Move {third.id} up")
        page.wait_for_function(f"document.querySelector('#queue tbody tr').innerText.includes('{short_name(third.id)}')")
        assert [run.id for run, _ in read_queue(warm_dir).waiting] == [third.id, second.id]
        for run in (second, third):
            press(page, f"Remove {run.id} from the queue")
            # The block is drawn anew: a button that is replaced under the pointer is not pressed.
            page.wait_for_function(f"!document.querySelector('#queue').innerText.includes('{short_name(run.id)}')")
        page.wait_for_function("document.querySelector('#queue .drawn').innerText === ''")
        assert page.locator("#queue .card").count() == 0
        open_tab(page, "Runs")
        page.locator("#runs-table").get_by_text(second.id).locator("visible=true").first.click()
        page.locator("#why-not").get_by_text("It has no checkpoint to go on from").wait_for()
        press(page, "Delete")
        press(page, "Really delete")
        until(lambda: not second.path.exists())
        assert not complaints
        page.close()
    finally:
        os.kill(working.pid, signal.SIGCONT)
        app.kill()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_resumed_run_is_followed_again_and_the_list_tells_its_state(warm_dir: Path, browser: Browser) -> None:
    run = create_run(warm_dir, demo(**LONG), None)
    ensure_supervisor(warm_dir)
    wait_for(run, lambda status: status.state == "training")
    app = RealApp(warm_dir)
    try:
        page = open_page(browser, app.url, complaints := [])
        listed = "document.querySelector('input[aria-label=Run]').value"
        page.wait_for_function(f"{listed} === '{short_name(run.id)} · training'")
        run.request_stop()
        page.wait_for_function(f"{listed} === '{short_name(run.id)} · stopped'")
        open_tab(page, "Train")
        page.wait_for_function(f"{SAYS}.startsWith('Stopped')")
        open_tab(page, "Runs")
        page.locator("#runs-table").get_by_text(run.id).locator("visible=true").first.click()
        press(page, "Resume")
        page.wait_for_function(f"{SAYS}.startsWith('Training')")
        page.wait_for_function(f"{listed} === '{short_name(run.id)} · training'")
        assert not complaints
        page.close()
    finally:
        app.kill()
        run.request_cancel()
