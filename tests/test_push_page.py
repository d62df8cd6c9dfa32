"""Pushing on the Runs tab: whose token it is, and a real app that takes itself for a Space with its visitor's own sign-in."""

import base64
import hashlib
import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import huggingface_hub
import pytest
from itsdangerous import TimestampSigner

from core.config import build_config
from core.errors import RunError
from core.run_store import create_run
from core.visitors import new_token, owner_of, shelf_of
from tests.fake_hub import OWNER, TOKEN, FakeHub, fake_hub
from tests.real_app import RealApp
from tests.shared_runs import contents, ended_run
from ui.push import ELSEWHERE, NO_SIGN_IN, NOT_THEIRS, SIGN_IN, Caller, push_run, show_push, token_of, why_no_push
from ui.studio import Studio

MACHINES, NAME, PAGE = "hf_ofThisMachine", f"{OWNER}/pushed", "https://ada-studio.hf.space"
SPACE = {
    "SYSTEM": "spaces", "SPACE_ID": "ada/studio", "SPACE_HOST": "ada-studio.hf.space", "OAUTH_CLIENT_ID": "an-id",
    "OAUTH_CLIENT_SECRET": "a secret", "OAUTH_SCOPES": "openid profile write-repos manage-repos",
    "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore:.*to upload raw bytes.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose user is signed in, and no Space."""
    for name in (*SPACE, "STUDIO_HOSTED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", MACHINES)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as started:
        monkeypatch.setenv("HF_ENDPOINT", started.url)
        yield started
        huggingface_hub.close_session()


def caller(origin: str | None, host: str = "127.0.0.1:7860", token: str | None = None) -> Caller:
    request: Any = SimpleNamespace(headers={"host": host} | ({"origin": origin} if origin else {}))
    return Caller(request, gr.OAuthToken(token, "", 0) if token else None)


def on_a_space(monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    for name, value in (SPACE | changed).items():
        monkeypatch.setenv(name, value)


def test_page_on_this_machine_pushes_with_its_token(tmp_path: Path) -> None:
    studio = Studio(tmp_path, None)
    assert why_no_push(studio) == ""
    assert token_of(studio, caller("http://127.0.0.1:7860")) == MACHINES
    assert token_of(studio, caller("http://localhost:9000", "localhost:9000")) == MACHINES


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "127.0.0.1:7860"), ("null", "127.0.0.1:7860"), ("https://evil.example", "127.0.0.1:7860"),
        ("http://localhost:3000", "localhost:7860"), ("http://rebound.example:7860", "rebound.example:7860"),
        ("https://studio.example", "studio.example"), ("http://127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ],
)  # fmt: skip
def test_strange_page_gets_nothing_pushed_with_this_machines_token(tmp_path: Path, origin: str | None, host: str) -> None:
    with pytest.raises(RunError, match="not opened at its own address"):
        token_of(Studio(tmp_path, None), caller(origin, host))


@pytest.mark.parametrize("served", [{"is_hosted": True}, {"serves_others": True}])
def test_page_that_others_reach_never_pushes_with_this_machines_token(tmp_path: Path, served: Mapping[str, bool]) -> None:
    studio = Studio(tmp_path, None, **served)
    assert why_no_push(studio) == NOT_THEIRS
    for token in (None, TOKEN):
        with pytest.raises(RunError, match="this machine's sign-in is not theirs"):
            token_of(studio, caller("http://127.0.0.1:7860", token=token))


@pytest.mark.parametrize("is_hosted", [True, False])
def test_space_pushes_with_the_visitors_token_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_hosted: bool) -> None:
    on_a_space(monkeypatch)
    studio = Studio(tmp_path, None, is_hosted=is_hosted)
    assert token_of(studio, caller(PAGE, token=TOKEN)) == TOKEN
    for origin in (PAGE, "http://127.0.0.1:7860", None):
        with pytest.raises(RunError) as refused:
            token_of(studio, caller(origin))
        assert str(refused.value) == (SIGN_IN if origin == PAGE else ELSEWHERE)
    with pytest.raises(RunError, match="not opened at its own address"):
        token_of(studio, caller("https://evil.example", token=TOKEN))


@pytest.mark.parametrize("lacking", [{"OAUTH_CLIENT_ID": ""}, {"SYSTEM": ""}])
def test_space_without_sign_in_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: Mapping[str, str]) -> None:
    on_a_space(monkeypatch, **lacking)
    assert why_no_push(Studio(tmp_path, None)) == NO_SIGN_IN
    with pytest.raises(RunError, match="offers no sign-in"):
        token_of(Studio(tmp_path, None), caller(PAGE, token=TOKEN))


def test_run_without_a_model_cannot_be_pushed(runs_dir: Path) -> None:
    studio = Studio(runs_dir, None)
    for name in ("", "nothing", create_run(runs_dir, build_config({}), None).id):
        assert show_push(studio, name)[0]["interactive"] is False
    assert show_push(studio, ended_run(runs_dir).id) == (gr.update(interactive=True), "")


def test_pushed_run_shows_how_it_goes_and_its_address_and_a_fault_is_told(runs_dir: Path, hub: FakeHub) -> None:
    hub.tokens = {MACHINES: OWNER}
    hub.before = lambda path: time.sleep(1.5 if "commit" in path else 0)
    run, who = ended_run(runs_dir), (Studio(runs_dir, None), caller("http://127.0.0.1:7860"))
    *going, said = push_run(*who, run.id, NAME, True, False)
    assert f'href="{hub.url}/{NAME}"' in said and "On the Hub, private: " in said
    assert "Sending 5 files, 1.4 MB, " in going[-1]
    for name, repository, says in (("gone", NAME, "is gone"), (run.id, "<b>", "is no name of a repository")):
        *_, fault = push_run(*who, name, repository, True, False)
        assert fault.startswith('<div class="problem"') and says in fault and "<b>" not in fault


def test_page_that_is_left_in_the_middle_of_a_push_holds_nobody_up(runs_dir: Path, hub: FakeHub) -> None:
    hub.tokens = {MACHINES: OWNER}
    hub.before = lambda path: time.sleep(3 if "commit" in path else 0)
    going = push_run(Studio(runs_dir, None), caller("http://127.0.0.1:7860"), ended_run(runs_dir).id, NAME, True, False)
    next(going)
    began = time.monotonic()
    going.close()
    assert time.monotonic() - began < 0.5


def cookie(token: str) -> str:
    """Return what a browser holds after it came back from the Hub's sign-in page."""
    person = {"preferred_username": OWNER, "name": "Ada", "profile": "", "picture": ""}
    signed_in = {"access_token": token, "scope": "write-repos", "expires_at": int(time.time()) + 600, "userinfo": person}
    key = hashlib.sha256(f"{SPACE['OAUTH_CLIENT_SECRET']}-v4".encode()).hexdigest()
    held = base64.b64encode(json.dumps({"oauth_info": signed_in}).encode())
    return f"session={TimestampSigner(key).sign(held).decode()}"


def asked(url: str, body: Any = None, **headers: str) -> str:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def press(app: RealApp, config: dict[str, Any], values: list[Any], **headers: str) -> str:
    """Press Push to the Hub as a browser does, and return what it shows then."""
    answer = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "pushed")
    event = next(one for one in config["dependencies"] if one["outputs"] == [answer])
    session = new_token()
    asked(f"{app.url}/gradio_api/queue/join", {"data": values, "fn_index": event["id"], "session_hash": session}, **headers)
    told = asked(f"{app.url}/gradio_api/queue/data?session_hash={session}", **headers)
    messages = [json.loads(line.removeprefix("data: ")) for line in told.splitlines() if line.startswith("data: ")]
    return str(next(one["output"]["data"][0] for one in messages if one["msg"] == "process_completed"))


def test_visitor_of_a_space_pushes_with_their_own_sign_in_and_never_with_the_spaces(
    runs_dir: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_space(monkeypatch)
    visitor = new_token()
    run = ended_run(shelf_of(runs_dir, owner_of(visitor)))
    before = contents(run.path)
    app = RealApp(runs_dir)
    try:
        config = json.loads(asked(f"{app.url}/config"))
        assert any(one["type"] == "loginbutton" or one["props"].get("elem_id") == "sign-in" for one in config["components"])
        values = [visitor, run.id, NAME, True, False]
        for sent, headers, says in (
            (values, {"Origin": PAGE}, SIGN_IN),
            (values, {"Origin": "https://evil.example", "Cookie": cookie(TOKEN)}, ELSEWHERE),
            ([new_token(), *values[1:]], {"Origin": PAGE, "Cookie": cookie(TOKEN)}, "is gone"),
        ):
            assert says in press(app, config, sent, **headers)
        assert not hub.asked
        assert f'On the Hub, private: <a href="{hub.url}/{NAME}' in press(app, config, values, Origin=PAGE, Cookie=cookie(TOKEN))
    finally:
        app.kill()
    assert hub.tokens_seen() == {TOKEN} and hub.repositories[NAME].private
    assert contents(run.path) == before
