"""The studio as a program uses it, by gradio's own client: one real app that strangers share, a whole run, and who sees it."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from core.launching import ensure_supervisor
from core.visitors import TOKEN
from tests.conftest import end_supervisor
from tests.mcp_caller import called, tools_of
from tests.real_app import RealApp

SHORT = {"max_steps": 3, "snapshots": False}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    runs_dir = tmp_path_factory.mktemp("endpoints")
    ensure_supervisor(runs_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOSTED", "1")
        app = RealApp(runs_dir)
    yield Client(app.url, verbose=False)
    app.kill()
    end_supervisor(runs_dir)


def ask(client: Client, name: str, **given: Any) -> Any:
    return client.predict(api_name=f"/{name}", **given)


def test_whole_run_is_driven_and_belongs_to_its_token_alone(client: Client) -> None:
    began = ask(client, "start", recipe="quick-demo", settings=SHORT)
    run, token = began["run"], began["token"]
    assert TOKEN.fullmatch(token) and len(run) == 32
    deadline = time.monotonic() + 90
    while (told := ask(client, "status", run=run, token=token))["state"] != "done":
        assert time.monotonic() < deadline and not told["error"], told
        time.sleep(0.3)
    assert told["has_model"] and told["place"] == 0 and told["baseline"].keys() == told["scores"].keys() != set()
    vectors = np.array(ask(client, "embed", texts=["one", "two words"], model=f"run:{run}", token=token))
    assert vectors.shape == (2, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    scored = ask(client, "score", model=f"run:{run}", data="sample", split="validation", token=token)
    assert scored["state"] == "done"
    assert scored["scores"]["sample/validation"] == pytest.approx(told["scores"]["sample/validation"])
    other = ask(client, "start", recipe="quick-demo", settings=SHORT)
    assert other["token"] != token
    for stranger in (other["token"], "", "f" * 32):
        for name in ("status", "stop"):
            with pytest.raises(AppError, match="no such run of yours"):
                ask(client, name, run=run, token=stranger)
        with pytest.raises(AppError, match="run"):
            ask(client, "embed", texts=["one"], model=f"run:{run}", token=stranger)
    stopped = ask(client, "stop", run=other["run"], token=other["token"])
    assert stopped["state"] not in ("failed", "interrupted")


def test_server_describes_no_page_so_that_it_could_be_passed_on(client: Client) -> None:
    base, links = f"{client.src.rstrip('/')}/gradio_api", set()
    named = next(each["id"] for each in client.config["dependencies"] if each["api_name"] == "name_recipe")
    for recipe in ("quick-demo", "tsdae"):
        page = {"session_hash": f"page-{recipe}"}
        told = httpx.post(f"{base}/run/predict", json={"fn_index": named, "data": [recipe, None], **page}, timeout=30).json()
        assert told["data"][1]["choices"]
        links.add(httpx.get(f"{base}/deep_link", params=page, timeout=30).text)
    assert len(links) == 1, "two pages that show different things were written down for a link"


def test_tools_are_the_five_endpoints_and_drive_a_whole_run(client: Client) -> None:
    url = f"{client.src.rstrip('/')}/gradio_api/mcp/"
    tools = tools_of(url, {})
    assert set(tools) == {"start", "status", "stop", "score", "embed"}
    assert all(tool.description and "token" in tool.inputSchema["properties"] for tool in tools.values())
    began, mistaken = called(url, {}, [("start", {"settings": SHORT}), ("start", {"recipe": "nonsense"})])
    assert TOKEN.fullmatch(began["token"]) and "recipe" in mistaken
    mine = {"run": began["run"], "token": began["token"]}
    deadline = time.monotonic() + 90
    while (told := ask(client, "status", **mine))["state"] != "done":
        assert time.monotonic() < deadline and not told["error"], told
        time.sleep(0.3)
    asked = [
        ("status", mine),
        ("status", mine | {"token": ""}),
        ("embed", {"texts": ["one"], "model": f"run:{began['run']}", "token": began["token"]}),
    ]
    same, refused, vectors = called(url, {}, asked)
    assert same == told and "no such run of yours" in refused and len(vectors[0]) == 384


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("start", {"recipe": "nonsense"}, "recipe"),
        ("start", {"settings": {"epochs": -1}}, "epochs"),
        ("start", {"settings": {"base_model": "/etc"}}, "folders of this machine"),
        ("start", {"settings": {"data": "file:/etc/passwd"}}, "files of this machine"),
        ("start", {"settings": {"max_seq_length": 512}}, "shared studio"),
        ("start", {"settings": {"no_such": 1}}, "no_such"),
        ("start", {"settings": '{"epochs": 2}'}, "names and values"),
        ("start", {"recipe": ["quick-demo"], "size": {"a": 1}}, "recipe"),
        ("status", {"run": "../../etc"}, "no such run"),
        ("score", {"model": "static-minilm", "data": "file:/etc/passwd"}, "files of this machine"),
        ("embed", {"texts": "one text"}, "list of texts"),
        ("embed", {"texts": []}, "Type something"),
        ("embed", {"texts": ["x" * 3000]}, "characters"),
        ("embed", {"texts": ["x"], "model": "/etc"}, "folders of this machine"),
        ("embed", {"texts": ["x"], "role": "nobody"}, "role"),
    ],
)
def test_what_is_wrong_is_one_sentence(client: Client, name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(AppError, match=said) as caught:
        ask(client, name, **({"token": "a" * 32} | given))
    assert len(str(caught.value)) < 400 and "Traceback" not in str(caught.value)
