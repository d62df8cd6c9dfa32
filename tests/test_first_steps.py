"""How far a first visit is, for the three buttons that lead it."""

from pathlib import Path

from core.recipes import recipe_config
from core.run_log import RunLog
from core.run_store import create_run
from ui.first_steps import how_far
from ui.studio import Studio


def test_first_run_is_started_then_waited_for_then_looked_at(tmp_path: Path) -> None:
    studio = Studio(tmp_path, None)
    assert how_far(studio) == "start"
    run = create_run(tmp_path, recipe_config("quick-demo"), None, by_hand=True)
    assert how_far(studio) == "wait"
    RunLog(run).end("done", "", has_model=True)
    assert how_far(studio) == "done"
    create_run(tmp_path, recipe_config("quick-demo"), None, by_hand=True)
    assert how_far(studio) == "", "nobody is led twice"


def test_run_without_a_model_is_begun_again(tmp_path: Path) -> None:
    run = create_run(tmp_path, recipe_config("quick-demo"), None, by_hand=True)
    RunLog(run).end("stopped", "")
    assert how_far(Studio(tmp_path, None)) == "start"
