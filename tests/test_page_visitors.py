"""No handler of the page has a way to a run but the one of whoever calls it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.recipes import recipe_config
from core.run_store import create_run
from core.visitors import NOBODY, new_token, owner_of, shelf_of
from tests import ready
from ui.studio import Studio, bound, served
from ui.visitors import SECRET, know_visitor, page_secret


def test_every_event_and_every_server_function_asks_who_calls(tmp_path: Path) -> None:
    done = ready.run("tests.visiting_page", str(tmp_path), seconds=120)
    assert done.returncode == 0, done.stderr[-2000:]


def who(studio: Studio, *_: Any) -> Studio:
    return studio


@pytest.mark.parametrize(
    "call", [lambda studio, token: bound(who, studio)(token), lambda studio, token: served(who, studio)([token])]
)
def test_handler_sees_the_callers_folder_and_without_a_token_nobodys(
    tmp_path: Path, call: Callable[[Studio, Any], Studio]
) -> None:
    studio, mine, yours = Studio(tmp_path, None, is_hosted=True), new_token(), new_token()
    run = create_run(shelf_of(tmp_path, owner_of(mine)), recipe_config("quick-demo"), None)
    seen = call(studio, mine)
    found = seen.run(run.id)
    assert found is not None and found.path == run.path and mine not in repr(seen)
    assert seen.called(run.id) == f"quick-demo {run.id[:6]}"
    for other in (yours, "", None, 7, [mine], mine.upper(), f"{mine} ", "../" * 8, {"token": mine}):
        stranger = call(studio, other)
        assert stranger.run(run.id) is None and stranger.runs_dir != seen.runs_dir
    assert call(studio, "x").runs_dir.name == NOBODY
    local = Studio(tmp_path, None)
    assert call(local, "anything") is local


def test_token_is_kept_only_if_it_is_one_and_the_pages_key_is_this_users_alone(tmp_path: Path) -> None:
    token = new_token()
    assert know_visitor(token) == token
    for said in ("", None, "short", token + "0", token.upper(), ["a"]):
        assert owner_of(know_visitor(said)) != NOBODY and know_visitor(said) != said
    assert page_secret(tmp_path) == page_secret(tmp_path) and (tmp_path / SECRET).stat().st_mode & 0o077 == 0
