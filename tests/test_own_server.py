"""A server of one's own: who has not signed in gets nothing, and behind a proxy with a path page, programs and MCP work."""

import base64
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from playwright.sync_api import Page

from core.passwords import account_line
from tests.mcp_caller import called, tools_of
from tests.proxy import Proxy
from tests.real_app import CHROMIUM, RealApp, downloaded, open_tab, plotted, press
from tests.shared_runs import ended_run
from ui.live import PLOTLY_JS
from ui.signing_in import told_in

NAME, PASSWORD = "ada", "correct horse"


@pytest.fixture(scope="module")
def app(warm_module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealApp]:
    """The real app, with one account and a path of its own."""
    accounts = tmp_path_factory.mktemp("accounts") / "accounts"
    accounts.write_text(account_line(NAME, PASSWORD) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_AUTH_FILE", str(accounts))
        patch.setenv("GRADIO_ROOT_PATH", "/studio")
        app = RealApp(warm_module)
    yield app
    app.kill()


@pytest.fixture(scope="module")
def proxy(app: RealApp) -> Iterator[Proxy]:
    proxy = Proxy(app.port)
    yield proxy
    proxy.shutdown()
    proxy.server_close()


def answer_of(url: str, body: dict[str, Any] | None = None, **headers: str) -> int:
    """Return the status of an answer to a GET, or to a POST where there is a body."""
    sent = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"} | headers
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, sent)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("config", None),
        ("gradio_api/info", None),
        (f"gradio_api/file={PLOTLY_JS}", None),
        ("gradio_api/queue/data?session_hash=a", None),
        ("gradio_api/upload", {"any": 1}),
        ("gradio_api/run/status", {"data": ["a", ""], "session_hash": "a"}),
        ("gradio_api/call/start", {"data": []}),
        ("gradio_api/queue/join", {"data": [], "fn_index": 0, "session_hash": "a"}),
        ("gradio_api/component_server", {"session_hash": "a", "component_id": 1, "fn_name": "news_of_run", "data": []}),
        ("gradio_api/mcp", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        ("gradio_api/mcp/", {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        ("gradio_api/mcp/schema", None),
        ("gradio_api/mcp/sse", None),
    ],
)
def test_nothing_is_answered_before_signing_in(app: RealApp, path: str, body: dict[str, Any] | None) -> None:
    assert answer_of(f"{app.url}/{path}", body) == 401
    # A proxy that leaves the path in front is let through no more than one that takes it away.
    assert answer_of(f"{app.url}/studio/{path}", body) == 401


def test_wrong_password_is_refused_everywhere(app: RealApp) -> None:
    for given in ((NAME, "wrong horse"), ("eve", PASSWORD)):
        with pytest.raises(ValueError, match="Could not login"):
            Client(app.url, auth=given, verbose=False)
        assert answer_of(f"{app.url}/gradio_api/mcp/schema", Authorization=basic(*given)) == 401


def test_programs_sign_in_behind_the_proxy(app: RealApp, proxy: Proxy) -> None:
    client = Client(proxy.url, auth=(NAME, PASSWORD), verbose=False)
    run = ended_run(Path(app.command[-1])).id
    assert client.predict(run=run, api_name="/status")["state"] == "done"
    url, headers = f"{proxy.url}gradio_api/mcp/", {"Authorization": basic(NAME, PASSWORD)}
    assert "start" in tools_of(url, headers)
    assert called(url, headers, [("status", {"run": run})])[0]["state"] == "done"


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_only_a_basic_header_tells_a_name() -> None:
    assert told_in(basic("ada", "a:b")) == ("ada", "a:b")
    for other in ("", "Basic", "Basic !", "Basic YWRh", "Bearer " + basic("a", "b")[6:], "Basic \u00ff", "Basic /w=="):
        assert told_in(other) == ("", "")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_page_works_behind_the_proxy(app: RealApp, proxy: Proxy, tab: tuple[Page, list[str]], tmp_path: Path) -> None:
    page, complaints = tab
    run = ended_run(Path(app.command[-1]))
    proxy.refused.clear()
    page.goto(proxy.url, wait_until="load")
    page.get_by_label("username").fill(NAME)
    page.get_by_label("password").fill(PASSWORD)
    press(page, "Login")
    page.wait_for_function("document.body.innerText.includes('from loss curve to map')", timeout=60_000)
    open_tab(page, "Train")
    page.wait_for_function("((document.querySelector('[data-plot=loss]').data || [])[0] || {x: []}).x.length > 0")
    assert len(plotted(page, "loss")) == 4
    assert zipfile.ZipFile(downloaded(page, run.id, tmp_path)).testzip() is None
    assert not proxy.refused and not complaints
    page.goto("about:blank")
