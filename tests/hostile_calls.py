"""Calls every handler and every server function of a shared page with what no page sends, and tells what went wrong.

It runs in a process of its own, where Gradio may leave its sockets: `python -m tests.hostile_calls FOLDER` prints JSON, a list of
faults for each hostile value.
"""

import asyncio
import inspect
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from core.files import read_json, write_json
from core.runs import RunFolder
from core.visitors import new_token, owner_of, shelf_of
from tests.shared_runs import ended_run
from ui import endpoints
from ui.layout import build_page
from ui.studio import Studio

MARK = "a-text-of-mine"
THEIR_TEXT, THEIR_COLUMN = "what another visitor has written", "their_column"
# What Gradio has looked through itself before it is handed on, a file that the caller has uploaded.
PASSED_OVER = ("upload_file", "open_upload")
LONGEST = 400
DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]


def values(run: str, owner: str, outside: str) -> dict[str, Any]:
    """Return what is sent in place of each name, by what it is: ways to another's run, and what nobody would type."""
    upload = f"upload:../../{owner}/.uploads/{'a' * 64}"
    return {
        "a way up": f"../../{MARK}",
        "a way into another's folder": f"../{owner}/{run}",
        "a file of the machine": "/etc/passwd",
        "another's run": run,
        "another's model": f"run:{run}",
        "another's model by a way": f"run:../{owner}/{run}",
        "what another's run began with": f"untouched:{run}",
        "a file as data": f"file:{outside}/secret.csv",
        "a file behind other data": f"sample+file:{outside}/secret.csv",
        "a file as data and part": f"{outside}/secret",
        "a file as part and data": f"secret {outside}",
        "another's upload": f"train {upload}",
        "another's upload as data": upload,
        "a folder as a name of the Hub": "hub:..",
        "a zero byte": f"a\0{MARK}",
        "ten thousand letters": "x" * 10_000,
        "half a letter": "\ud800",
        "a script": f"<script>alert('{MARK}')</script>",
        "a huge number": 1e308,
        "no number": float("nan"),
        "nothing": None,
        "a list": [run, {"run": run}, None],
        "a deep list": DEEP,
        "a view of a run": {"run": run, "name": run, "kind": ".measured", "index": f"../../{owner}", "beside": [run] * 50},
        "a view by a way": {"run": f"../{owner}/{run}", "name": f"../../{owner}/{run}", "kind": "..", "experiment": "../x"},
        "a press of a button": {"fix": MARK, "shape": {}, "get": ["../x", run], "wish": "remove", "run": run, "holdout": []},
        "settings": {"base_model": "/etc", "mining": {"model": "/etc"}, "after": run, "data": f"file:{outside}/secret.csv"},
    }


class Stage:
    """A studio of two visitors, and a file beside it that is nobody's to read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs_dir, self.outside = folder / "runs", folder / "outside"
        self.token, self.owner = new_token(), owner_of(new_token())
        self.shelf, self.theirs = shelf_of(self.runs_dir, owner_of(self.token)), shelf_of(self.runs_dir, self.owner)
        self.mine, self.their_run = ended_run(self.shelf), ended_run(self.theirs)
        self._make_theirs(self.their_run)
        self.outside.mkdir()
        (self.outside / "secret.csv").write_text(f"{THEIR_COLUMN},positive\n{THEIR_TEXT},b\n" * 9)
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.studio = Studio(self.runs_dir, self.data_dir, serves_others=True, is_hosted=True)

    def _make_theirs(self, run: RunFolder) -> None:
        probes = run.path / "snapshots" / "probes.json"
        write_json(probes, (read_json(probes) or {}) | {"texts": [THEIR_TEXT] * 40})
        uploads = self.theirs / ".uploads"
        uploads.mkdir()
        (uploads / f"{'a' * 64}.csv").write_text(f"{THEIR_COLUMN},positive\n{THEIR_TEXT},b\n" * 9)


def calls_of(blocks: gr.Blocks, token: Any, value: Any, turn: int) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield the name of each handler, itself, and what it is given: the value in every place, then in one whose turn it is."""
    seen = set()
    for event in blocks.fns.values():
        name = getattr(event.fn, "__name__", "")
        if event.fn is None or name in PASSED_OVER or (name, len(event.inputs)) in seen:
            continue
        seen.add((name, len(event.inputs)))
        asks = getattr(event.fn, "wants_visitor", False)
        usual = [_usual(each) for each in event.inputs][int(asks) :]
        place = turn % max(1, min(5, len(usual)))
        told = [[value] * len(usual), [*usual[:place], value, *usual[place + 1 :]]]
        for given in told if len(usual) > 1 else told[:1]:
            yield name, event.fn, ([token] if asks else []) + given
    for block in blocks.blocks.values():
        for function in getattr(block, "server_fns", ()):
            if (key := (function.__name__, function.__module__, id(type(block)))) in seen and function.__name__ != "news_of_job":
                continue
            seen.add(key)
            named = {"run": value, "name": value}
            for told in ([token, value], [token, value, value, value], [token, named, "", 0], [token], value):
                yield function.__name__, function, [told]


def _usual(component: Any) -> Any:
    """Return what a page sends of a component that nobody has touched."""
    value = getattr(component, "value", None)
    return "" if value is None and isinstance(component, gr.Textbox) else value


def answer_of(function: Any, given: list[Any]) -> Any:
    """Call as Gradio would: what it fills in by itself comes first, a generator is read, a coroutine waited for."""
    parameters = list(inspect.signature(function).parameters.values())
    if any(name in str(parameters[:1]) for name in ("EventData", "SelectData")):
        given = [gr.EventData(None, given[0] if given else {"x": 1}), *given]
    if "Request" in str(parameters[:1]):
        given = [gr.Request(headers={"origin": "https://ada.space"}), gr.OAuthToken("a token", "write-repos", 0), *given]
    answer = function(*given)
    if inspect.isgenerator(answer):
        return list(answer)
    return asyncio.run(answer) if inspect.iscoroutine(answer) else answer


def told_by(function: Any, given: list[Any]) -> tuple[str, str]:
    """Return the answer as text, and what is wrong with how it came."""
    try:
        answer = answer_of(function, given)
        if hasattr(answer, "to_json"):
            answer = answer.to_json()
        return repr(answer), ""
    except Exception as error:  # noqa: BLE001  which one it is, is what is asked
        said = str(error)
        kind = type(error).__name__
        if kind != "Error":
            return said, f"raised {kind}: {said[:200]}"
        is_sentence = 0 < len(said) <= LONGEST and "Traceback" not in said
        return said, "" if is_sentence else f"no sentence: {said[:200]}"


def leaks(stage: Stage, value: Any, said: str) -> list[str]:
    """Return what an answer says that its caller may not know; their own words may come back to them."""
    own = repr(value)
    hidden = [THEIR_TEXT, THEIR_COLUMN, str(stage.folder), stage.owner, stage.their_run.id, stage.token]
    return [each for each in hidden if each in said and each not in own]


def tree(stage: Stage) -> dict[str, tuple[int, int]]:
    """Return every file that is not the caller's, with its size and time; a new caller gets a folder of their own."""
    found = {}
    for path in stage.folder.rglob("*"):
        inner = path.relative_to(stage.folder).as_posix()
        is_own = inner.startswith("runs/.visitors/") and stage.theirs not in path.parents
        if path.is_file() and not is_own and not inner.startswith("runs/.desk/"):
            found[inner] = (path.stat().st_size, path.stat().st_mtime_ns)
    return found


def all_faults(folder: Path) -> dict[str, list[str]]:
    """Return the faults by value, the calls of each counted under its name with an asterisk."""
    stage = Stage(folder)
    blocks = build_page(stage.studio)
    # From here on it is a Space where somebody has signed in, so that a push gets as far as it can.
    os.environ |= {"SYSTEM": "spaces", "SPACE_ID": "ada/studio", "SPACE_HOST": "ada.space", "OAUTH_CLIENT_ID": "a client"}
    os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    before, faults = tree(stage), {}
    for turn, (name, value) in enumerate(values(stage.their_run.id, stage.owner, str(stage.outside)).items()):
        found: list[str] = []
        count = 0
        for token in (stage.token, "") if value == stage.their_run.id else (stage.token,):
            for handler, function, given in calls_of(blocks, token, value, turn):
                count += 1
                said, wrong = told_by(function, given)
                who = handler if token == stage.token else f"{handler}, asked without a token,"
                found += [f"{who} told {each}" for each in leaks(stage, value, said)]
                found += [f"{who} {wrong}"] if wrong else []
        after = tree(stage)
        found += [f"touched {path}" for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
        before, faults[name] = after, [f"*{count}", *sorted(set(found))]
    return faults


def without_processes() -> None:
    """Let nothing be started or waited for: what is asked here is who may ask, not what comes of it."""
    from core import desk_client, launching

    class Nobody:
        pid = 0

        def poll(self) -> None:
            return None

    launching.spawn_detached = lambda *_, **__: Nobody()  # type: ignore[assignment]
    desk_client.START_SECONDS = 0.0
    endpoints.ANSWER_SECONDS = 0.0


def main() -> None:
    without_processes()
    print(json.dumps(all_faults(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
