"""Nobody gets in, nothing gets out: what no page sends, sent to the page's functions and to a real shared app."""

import ast
import csv
import html.parser
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pyarrow as pa
import pytest

from core.config import build_config
from core.data_catalogue import hub_name
from core.errors import ConfigError, DataError, RunError
from core.explore_answers import space_json
from core.files import read_json, write_json
from core.film_page import film_page, scripts
from core.hosting import LIMITS, check_work
from core.hub import fetch
from core.jobs import ask
from core.launching import NAMELESS, changes_for
from core.overlay import OverlaidRun
from core.places import Places
from core.queue import read_queue
from core.rows import Asked, load_rows
from core.run_store import create_folder
from core.sources import UPLOADS, is_here, locate, peek
from core.spaces import run_space
from core.uploads import list_uploads, take_in
from core.visitors import new_token, owner_of, shelf_of
from tests import ready
from tests.conftest import end_supervisor
from tests.hostile_calls import MARK, THEIR_TEXT, Stage
from tests.hostile_files import FILES
from tests.ready import ROOT
from tests.real_app import CHROMIUM, RealApp
from tests.shared_runs import ended_run
from ui.ask_card import answers_card
from ui.data_view import findings_card, preview_table, summary_line
from ui.evaluate_tab import scores_table
from ui.html import empty, hint, problem, set_button, table
from ui.job_cards import tried_card
from ui.live import PLOTLY_JS
from ui.negatives_view import negatives_card
from ui.overlay import differences_table
from ui.queue_view import queue_html
from ui.runs_tab import build_runs_tab
from ui.studio import Studio

MEGABYTE = 2**20
# Counts what Arrow takes; it has to outlive every table that was made with it.
BEFORE = pa.default_memory_pool()
COUNTED = pa.proxy_memory_pool(pa.system_memory_pool())


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return shelf_of(tmp_path / "runs", owner_of(new_token()))


def test_every_function_of_the_page_tells_and_touches_nothing_of_others_whatever_it_is_sent(tmp_path: Path) -> None:
    """All of `tests.hostile_calls`: every handler and server function, called past the page; its log holds nobody's words."""
    done = ready.run("tests.hostile_calls", str(tmp_path), seconds=240)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert len(told) >= 25 and all(int(count[1:]) > 150 for count, *_ in told.values()), "values or handlers are missing"
    assert {value: faults for value, (_, *faults) in told.items() if faults} == {}
    assert MARK not in done.stderr and "Traceback" not in done.stderr
    assert not [word for word in done.stderr.split() if len(word) == 32 and set(word) <= set("0123456789abcdef")]


def test_no_other_place_of_the_page_joins_a_name_to_a_folder() -> None:
    """Those that do check the name first, as the calls above show; another one has to be looked at by a person."""
    found = set()
    for path in sorted((ROOT / "ui").glob("*.py")):
        for function in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)):
            joins = [node for node in ast.walk(function) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
            named = [parts_of(node)[1:] for node in joins if ast.unparse(parts_of(node)[0]).endswith("runs_dir")]
            if any(not isinstance(part, ast.Constant) and not ast.unparse(part).isupper() for parts in named for part in parts):
                found.add(f"{path.name} {function.name}")
    assert found == {"news.py see_runs", "explorer.py space_of", "job_view.py open_job"}


def parts_of(node: ast.expr) -> list[ast.expr]:
    """Return what a path is joined of."""
    return [*parts_of(node.left), node.right] if isinstance(node, ast.BinOp) else [node]


# A real shared app.
class Shared:
    """A shared app with two visitors, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder)
        self.log = folder / "app.log"
        self.app = RealApp(self.stage.runs_dir, self.stage.data_dir, log=self.log)
        self.client = httpx.Client(base_url=self.app.url, timeout=30)
        self.config: dict[str, Any] = self.client.get("/config").json()

    def view(self, function: str) -> int:
        """Return the component that has a server function of this name."""
        return next(each["id"] for each in self.config["components"] if function in each["props"].get("server_fns", ()))

    def serve(self, function: str, data: Any, component: int | None = None) -> httpx.Response:
        """Call a server function as its script does."""
        asked = {"session_hash": "s", "component_id": component or self.view(function), "fn_name": function, "data": data}
        return self.client.post("/gradio_api/component_server", json=asked)

    def handler(self, name: str) -> int:
        """Return the number of a handler."""
        return next(each["id"] for each in self.config["dependencies"] if each["api_name"] == name)

    def press(self, name: str, data: list[Any]) -> httpx.Response:
        """Call a handler as the page does."""
        asked = {"session_hash": "s", "fn_index": self.handler(name), "data": data}
        return self.client.post("/gradio_api/run/predict", json=asked)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOSTED", "1")
        found = Shared(tmp_path_factory.mktemp("shared"))
    yield found
    found.client.close()
    found.app.kill()
    end_supervisor(found.stage.runs_dir)


PATHS = (
    "{theirs}/{run}/status.json", "{theirs}/{run}/model/model.safetensors", "{mine}/status.json", "{outside}/secret.csv",
    "{runs}/.page-secret", "{runs}/.desk/desk.json", "/etc/passwd", "//etc/passwd", "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "{root}/core/__init__.py", "core/__init__.py", "~/.bashrc",
    "file:///etc/passwd", "{theirs}\\{run}\\status.json", "{outside}/secret.csv%00.png", "/proc/self/environ",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_file_is_served_but_the_pages_own(shared: Shared, path: str) -> None:
    stage = shared.stage
    said = path.format(
        theirs=stage.theirs, run=stage.their_run.id, mine=stage.mine.path, outside=stage.outside, runs=stage.runs_dir, root=ROOT
    )
    answer = shared.client.get(f"/gradio_api/file={said}")
    assert answer.status_code in (400, 403, 404, 422), answer.text[:200]


def test_file_of_the_caller_comes_from_uploads_alone(shared: Shared) -> None:
    """A file that was not uploaded is not taken: it would be moved away from where it lies."""
    secret = shared.stage.outside / "secret.csv"
    for handler in ("upload_file", "open_upload"):
        for path in (str(secret), f"{shared.stage.theirs}/{UPLOADS}/{'a' * 64}.csv", "/etc/passwd"):
            given = {"path": path, "orig_name": "a.csv", "meta": {"_type": "gradio.FileData"}}
            answer = shared.press(handler, [shared.stage.token, given])
            assert answer.status_code == 500 and str(shared.stage.folder) not in answer.text
    assert secret.is_file() and Path("/etc/passwd").is_file()
    assert list_uploads(shared.stage.shelf) == []


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "a\0b.csv", "<img src=x>.csv", "x" * 300 + ".csv"]
)
def test_uploaded_name_names_no_place(shared: Shared, name: str) -> None:
    answer = shared.client.post("/gradio_api/upload", files={"files": (name, b"anchor,positive\na,b\n")})
    for path in answer.json() if answer.status_code == 200 else ():
        assert ".." not in Path(path).parts and Path(path).parent.parent.name == "gradio" and Path(path).is_file()
        Path(path).unlink()
    assert not list(shared.stage.folder.rglob("*evil*")) and not Path("/etc/evil.csv").exists()


@pytest.mark.parametrize(
    ("function", "data"),
    [
        ("news_of_run", ["{mine}", "{their run}", 0, 0]), ("news_of_run", ["", "{their run}", 0, 0]),
        ("news_of_run", ["{mine}", "../{owner}/{their run}", 0, 0]), ("news_of_run", ["{mine}", {"a": 1}, "x", None]),
        ("news_of_run", "no list"), ("news_of_run", None), ("space_of", ["{mine}", {"run": "{their run}"}, "", True]),
        ("space_of", ["{mine}", {"index": "../../{owner}/.measured/x"}, "", True]), ("space_of", ["{mine}", 5]),
        ("save_map", ["{mine}", {"run": "{their run}", "beside": ["{their run}"]}]),
        ("news_of_overlay", ["{mine}", {"{their run}": 1}, ""]),
        ("pairs_of", ["{mine}", "run", "{their run}", "sample/validation"]),
        ("pair_at", ["{mine}", "run", "{their run}", "sample/validation", 0]),
        ("news_of_job", ["{mine}", {"kind": "..", "name": "{their run}"}, ""]),
        ("news_of_job", ["{mine}", {"fault": "<img src=x onerror=alert(1)>"}, ""]), ("__init__", ["{mine}"]),
        ("preprocess", ["/etc/passwd"]), ("get_config", []),
    ],
)  # fmt: skip
def test_server_functions_answer_the_callers_own_alone(shared: Shared, function: str, data: Any) -> None:
    stage = shared.stage
    text = (
        json.dumps(data).replace("{mine}", stage.token).replace("{their run}", stage.their_run.id).replace("{owner}", stage.owner)
    )
    is_ours = not function.startswith(("__", "pre", "get_"))
    answer = shared.serve(function, json.loads(text), None if is_ours else shared.view("news_of_run"))
    assert answer.status_code == (200 if is_ours else 404), answer.text
    for hidden in (THEIR_TEXT, str(stage.folder), "films", "Traceback", "sentence of a held-out"):
        assert hidden not in answer.text
    if answer.status_code == 200:
        told = answer.json()
        assert "steps" not in told and not told.get("loss") and Tags(told.get("html", "")).run == []


def test_names_of_endpoints_are_five_and_all_others_are_private(shared: Shared) -> None:
    named = shared.client.get("/gradio_api/info").json()["named_endpoints"]
    assert set(named) == {"/start", "/status", "/stop", "/score", "/embed"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("show_runs", ["{their run}", "", [], "{their run}"]), ("stop_training", ["{their run}"]),
        ("cancel_training", ["{their run}"]),
        ("delete_chosen", ["{their run}"]), ("resume_chosen", ["{their run}"]), ("free_chosen", ["../{owner}/{their run}"]),
        ("make_bundle", ["{their run}", True, True]), ("duplicate_chosen", ["{their run}"]), ("show_share", ["{their run}"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("who", ["another visitor", "nobody"])
def test_handlers_pressed_past_the_page_do_nothing_to_anothers_run(shared: Shared, name: str, data: list[Any], who: str) -> None:
    stage = shared.stage
    text = json.dumps(data).replace("{their run}", stage.their_run.id).replace("{owner}", stage.owner)
    before = stage.their_run.status(), sorted(stage.theirs.rglob("*"))
    answer = shared.press(name, [stage.token if who == "another visitor" else "", *json.loads(text)])
    assert (stage.their_run.status(), sorted(stage.theirs.rglob("*"))) == before
    assert "Traceback" not in answer.text and str(stage.folder) not in answer.text and '"url"' not in answer.text


def test_owner_gets_what_others_do_not(shared: Shared) -> None:
    """Without this, an app that answers nothing at all would pass."""
    stage = shared.stage
    assert shared.serve("news_of_run", [stage.token, stage.mine.id, 0, 0]).json()["steps"]["step"] == [1, 2, 3, 4]
    assert "SentenceTransformer" in shared.press("show_share", [stage.token, stage.mine.id]).text
    assert "SentenceTransformer" not in shared.press("show_share", [stage.token, stage.their_run.id]).text
    assert shared.client.get(f"/gradio_api/file={PLOTLY_JS}").status_code == 200


def test_log_of_the_app_holds_no_text_and_no_token(shared: Shared) -> None:
    """Also of what Gradio itself refuses and logs, before a function of ours is called."""
    assert shared.press("change_method", [MARK, None]).status_code == 500
    shared.serve(MARK, MARK, component=10**9)
    log = shared.log.read_text()
    assert "Traceback" in log
    for hidden in (MARK, shared.stage.token, shared.stage.owner, THEIR_TEXT):
        assert hidden not in log


# Names of data, which become names of files.
@pytest.mark.parametrize(
    ("data", "split"),
    [
        ("../outside", "secret"), ("{outside}", "secret"), ("upload:../../../outside/secret", "train"), ("upload:", "train"),
        ("sample", "../sample/train"), ("sample", "/etc/passwd"), ("..", "secret"), ("snli/../../outside", "secret"),
        ("", "secret"), ("upload:" + "A" * 64, "train"), ("hub:../outside", "secret"), ("hub:..", "secret"),
        ("sample\0", "train"), ("~", "secret"),
    ],
)  # fmt: skip
def test_name_of_data_leads_to_no_other_file(tmp_path: Path, shelf: Path, data: str, split: str) -> None:
    outside, data_dir = tmp_path / "outside", tmp_path / "data"
    outside.mkdir()
    data_dir.mkdir()
    (outside / "secret.csv").write_text("anchor,positive\na,b\n" * 9)
    places = Places(data_dir, shelf)
    named = data.format(outside=outside)
    assert locate(named, split, places) is None and not is_here(named, split, places)
    with pytest.raises(DataError) as caught:
        peek(named, split, places)
    assert str(data_dir) not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["hub:..", "hub:.", "hub:../x", "hub:x/..", "hub:/etc", "hub:a/b@../../x", "hub:a/b:..", "hub:~", "hub:a/b/c"]
)
def test_folder_is_no_data_set_of_the_hub(name: str) -> None:
    with pytest.raises(ConfigError, match="is no data set of the Hub"):
        hub_name(name)


@pytest.mark.parametrize("name", ["hub:core", "hub:core/sample", "hub:tests"])
def test_folder_beside_the_program_is_not_read_for_the_hubs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("core.hub.check_reachable", lambda: None)
    with pytest.raises(DataError, match="files of this machine are no data set of the Hub"):
        fetch(name, "train", 10, tmp_path, lambda *_: None)


NAMED = (
    {"base_model": "/etc"}, {"mining": {"model": "/etc"}}, {"mining": {"judge": "../x"}}, {"silver": {"judge": "/etc"}},
    {"mining.model": "/etc"}, {"teacher": "a/b"}, {"data": "file:/etc/passwd"}, {"data": "sample+file:/etc/passwd"},
    {"base_model": "~"}, {"base_model": "./model"},
)  # fmt: skip


@pytest.mark.parametrize("settings", NAMED)
def test_settings_of_a_page_for_others_name_no_file_nested_or_not(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="of this machine cannot be named here"):
        Studio(tmp_path, None, serves_others=True).check_paths(settings)


# Files.
@pytest.mark.parametrize("case", FILES)
def test_hostile_file_is_refused_or_read_as_the_texts_that_it_holds(
    tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    # What unfolds to too much can be small here.
    monkeypatch.setattr("core.tables.ON_TOP_BYTES", 8 * MEGABYTE)
    name, make, said = FILES[case]
    content = make()
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    pa.set_memory_pool(COUNTED)
    try:
        upload = take_in(path, name, shelf)
        peek(upload.data, "train", Places(None, shelf))
        rows = load_rows(Asked(upload.data), Places(None, shelf))
    except DataError as error:
        assert said is not None and said in str(error) and len(str(error)) <= 300 and str(tmp_path) not in str(error)
    else:
        assert not said
        assert {type(cell) for cell in rows.frame.iloc[0]} == {str}
    finally:
        pa.set_memory_pool(BEFORE)
    assert COUNTED.max_memory() < 200 * MEGABYTE


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/evil.csv", "..", ".", "a\0b.csv", "x" * 5_000, "<script>.csv", "=cmd.csv", "a\nb.csv"]
)
def test_name_of_an_upload_is_a_word_for_people(tmp_path: Path, shelf: Path, name: str) -> None:
    path = tmp_path / "came.csv"
    path.write_text("anchor,positive\na,b\n")
    upload = take_in(path, name, shelf)
    assert (shelf / UPLOADS / f"{upload.data.removeprefix('upload:')}.csv").is_file()
    assert len(upload.name) <= 120 and "/" not in upload.name
    assert not list(tmp_path.rglob("*evil*"))


# What a stranger's work may ask of the Hub.
def test_strangers_work_asks_the_hub_in_nobodys_name(tmp_path: Path, shelf: Path) -> None:
    config = build_config({"kind": "fetch-model", "base_model": "hub:owner/name"})
    run = create_folder(shelf / ".fetching" / "model-owner--name", config, None)
    own = create_folder(tmp_path / "own" / ".fetching" / "model-owner--name", config, None)
    assert not set(NAMELESS) & changes_for(own).keys()
    secret = {"HF_TOKEN": "hf_of_the_owner", "HF_HOME": str(tmp_path)}
    (tmp_path / "token").write_text("hf_of_the_owner")
    environment = {**os.environ, **secret, **changes_for(run)}
    code = (
        "from huggingface_hub import get_token; from huggingface_hub.utils import build_hf_headers as b; print(get_token(), b())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={key: value for key, value in environment.items() if value is not None},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.startswith("None") and "authorization" not in told and "hf_of" not in told


def test_visitor_brings_no_benchmark_onto_everybodys_disk_and_has_few_pieces_of_work(shelf: Path) -> None:
    online = {"kind": "measure", "task": "benchmark", "models": ("static-minilm",), "task_settings": {"online": "yes"}}
    with pytest.raises(ConfigError, match="everybody's disk"):
        check_work(build_config(online), shelf)
    places = Places(None, shelf)
    for number in range(LIMITS.open_jobs):
        ask(build_config({"kind": "try", "texts": ["a", str(number)]}), places)
    with pytest.raises(RunError, match="wait or go on already"):
        ask(build_config({"kind": "try", "texts": ["a", "one more"]}), places)


# Texts that are shown.
EVIL = "<script>alert(1)</script>\"><img src=x onerror=alert(1)>'><svg onload=alert(1)></td></script><iframe src=javascript:x>"


class Tags(html.parser.HTMLParser):
    """Collects what a browser would run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.run: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.run += [tag] if tag in ("script", "img", "svg", "iframe", "object", "embed", "link", "style") else []
        self.run += [name for name, value in attrs if name.startswith("on") or str(value).strip().startswith("javascript:")]


REPORT: dict[str, Any] = {
    "examples": 4, "shape": EVIL, "rows": 4, "found": EVIL, "negatives": EVIL, "dropped": {EVIL: 1}, "notes": [EVIL],
    "fixes": [EVIL], "findings": [{"count": 1, "total": 4, "text": EVIL, "example": [EVIL]}], "lengths": {},
}  # fmt: skip
HIT = {"row": 0, "cosine": 0.5, "other": 1, "text": EVIL}
SPEED = {"spearman": 0.5, "pearson": 0.5, "speed": 9.0, "dimension": 8, "megabytes": 1.0, "training": 1.0}
CARDS: dict[str, Callable[[], str]] = {
    "a hint": lambda: hint(EVIL),
    "a fault": lambda: problem(EVIL),
    "nothing yet": lambda: empty(EVIL),
    "a table": lambda: table([EVIL], [[EVIL]]),
    "a button": lambda: set_button(EVIL, {EVIL: EVIL}, EVIL),
    "first rows": lambda: preview_table({"columns": [EVIL], "rows": [[EVIL]]}, checking=True),
    "what came of the rows": lambda: summary_line(REPORT),
    "the data doctor": lambda: findings_card(REPORT, {}),
    "negatives": lambda: negatives_card(
        {
            "model": EVIL, "pairs": 4, "found": EVIL, "why": {EVIL: EVIL}, "false_negatives": {"0.80": {}},
            "anchors": [{"anchor": EVIL, "texts": {key: {"cosine": 1.0, "text": EVIL} for key in ("positive", "random")}}],
        }, 2,
    ),
    "typed texts": lambda: tried_card(
        {"texts": [EVIL, EVIL], "before": [[1, 0], [0, 1]], "after": [[1, 1], [1, 1]], "model": EVIL, "against": EVIL}
    ),
    "answers": lambda: answers_card({"columns": [{"name": EVIL, "label": EVIL, "hits": [HIT]}] * 2, "texts": 1, "seconds": 0.1}),
    "where runs differ": lambda: differences_table(
        [OverlaidRun(EVIL, "red", {}, EVIL), OverlaidRun("b", "red", {}, "b")], [{EVIL: EVIL}, {EVIL: "other"}]
    ),
}  # fmt: skip


@pytest.mark.parametrize("card", CARDS)
def test_texts_are_shown_and_never_run(card: str) -> None:
    shown = CARDS[card]()
    assert "alert(1)" in shown
    assert Tags(shown).run == []


def test_names_in_a_run_are_shown_and_never_run(tmp_path: Path) -> None:
    """Also those that came in another's bundle."""
    run = ended_run(tmp_path, data="file:/home/<img src=x onerror=alert(1)>.csv", base_model="hub:owner/name")
    for path in (run.path / "scores").glob("sample-validation.before.json"):
        path.unlink()
    for path in (run.path / "scores").glob("own-held-out.*"):
        path.unlink()
    path = run.path / "scores" / "sample-validation.after.json"
    write_json(path, (read_json(path) or {}) | {"figures": {EVIL: 0.5, "spearman": 0.5}, "found": EVIL})
    studio = Studio(tmp_path, None)
    shown = scores_table(studio, run.id)
    assert "alert(1)" in shown.lower() and Tags(shown).run == []
    run.set_status(state="queued", by_hand=False, finished=None)
    assert "&lt;img" in (shown := queue_html(studio, read_queue(studio.runs_dir), run.id)) and Tags(shown).run == []


def test_texts_of_a_saved_film_end_no_script(tmp_path: Path) -> None:
    run = ended_run(tmp_path)
    probes = run.path / "snapshots" / "probes.json"
    write_json(probes, (read_json(probes) or {}) | {"texts": [EVIL] * 40, "groups": {EVIL: [EVIL] * 40}, "found": EVIL})
    page = film_page(EVIL, space_json(tmp_path, {"run": run.id}, run_space(run.path)), {"pca": []})
    assert page.count("<script>") == 2 and page.count("</script>") == 2
    assert not {"img", "svg", "iframe", "onerror", "onload"} & set(Tags(page.replace("<svg", "")).run)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_cells_that_a_tables_program_would_reckon_become_texts(browser: Any) -> None:
    cells = [
        "=1+1",
        "+1+1",
        "-1+1|cmd",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        '=a"b',
        "-0.5000",
        "+3",
        "12",
        "a = b",
        "'=1",
        "",
    ]
    page = browser.new_page()
    written = page.evaluate(f"{scripts()}; cells => asCsv(cells.map(cell => [cell, 'x']))", cells)
    page.close()
    read = [row[0] for row in csv.reader(io.StringIO(written, newline=""))]
    assert read == [f"'{cell}" for cell in cells[:9]] + cells[9:]


def test_table_of_runs_offers_no_copy_of_its_own(tmp_path: Path) -> None:
    with gr.Blocks():
        tab = build_runs_tab(Studio(tmp_path, None))
    assert tab.table.buttons == ["fullscreen"]
