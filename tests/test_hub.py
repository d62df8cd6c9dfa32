"""The Hub at its edge: a fake library call that gives real datasets, and servers that answer nothing."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from datasets.exceptions import DatasetNotFoundError

from core.config import build_config
from core.errors import DataError
from core.files import read_json
from core.hub import check_reachable, fetch, fetch_job
from core.jobs import ask
from core.places import Places
from core.rows import Asked, load_rows
from core.run_log import RunLog
from core.sources import fetched_folder, peek
from tests.test_main import run_core


class Answering(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers, as the Hub would."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield "127.0.0.1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """When it was asked, on the monotonic clock: it takes a connection and never says a word, as a network that loses them."""
    moments: list[float] = []
    held: list[socket.socket] = []

    def listen(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                held.append(listening.accept()[0])
                moments.append(time.monotonic())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
        waiting = threading.Thread(target=listen, args=(listening,), daemon=True)
        waiting.start()
        yield moments
        listening.shutdown(socket.SHUT_RDWR)
        waiting.join(5)
    for connection in held:
        connection.close()


def told(_phase: str, _done: int, _total: int) -> None:
    return


def rows(count: int = 50) -> datasets.Dataset:
    table = {
        "premise": [f"p {n}" for n in range(count)],
        "hypothesis": [f"h {n}" for n in range(count)],
        "label": [n % 3 for n in range(count)],
    }
    kinds = datasets.Features(
        {"premise": datasets.Value("string"), "hypothesis": datasets.Value("string"),
         "label": datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])}
    )  # fmt: skip
    return datasets.Dataset.from_dict(table, features=kinds)


def test_fetched_rows_lie_where_they_are_looked_for(hub: str, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def load(*arguments: Any, **options: Any) -> datasets.Dataset:
        asked.append((arguments, options))
        return rows()

    monkeypatch.setattr(datasets, "load_dataset", load)
    folder = fetched_folder(runs_dir, "hub:owner/name:part@v1")
    folder.mkdir(parents=True)
    assert fetch("hub:owner/name:part@v1", "train", None, folder, told) == 50
    assert asked == [(("owner/name", "part"), {"split": "train", "revision": "v1", "streaming": False})]
    places = Places(None, runs_dir)
    assert peek("hub:owner/name:part@v1", "train", places).kind == "nli"
    found = load_rows(Asked("hub:owner/name:part@v1"), places)
    assert (len(found.frame), found.frame["label"].tolist()[:3]) == (50, [0, 1, 2])


def test_limit_of_rows_streams_and_takes_no_more(hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pulled = []

    def generate() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            pulled.append(number)
            yield {"text": f"text {number}", "label": number % 2}

    def load(*_: Any, streaming: bool, **__: Any) -> Any:
        assert streaming
        return datasets.IterableDataset.from_generator(generate)

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert fetch("hub:a/b", "train", 30, tmp_path, told) == 30
    assert len(pd.read_parquet(tmp_path / "train.parquet")) == 30
    assert len(pulled) < 100


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub"), "the Hub shows no such data set; check the id"),
        (ValueError('Unknown split "tran". Should be one of ["train", "test"].'), "Should be one of"),
        (ConnectionError("reset"), "broke off"),
    ],
)
def test_fault_of_the_hub_becomes_a_sentence(
    hub: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    def load(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(DataError, match=says) as caught:
        fetch("hub:a/b", "tran", None, tmp_path, told)
    assert len(str(caught.value)) <= 300
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("silent_hub")
def test_silent_network_is_said_within_five_seconds() -> None:
    began = time.monotonic()
    with pytest.raises(DataError, match="does not answer; check the network"):
        check_reachable()
    assert time.monotonic() - began < 4.5


def test_hub_that_answers_anything_is_reachable(hub: str) -> None:
    check_reachable()


@pytest.mark.parametrize("command", [("fetch", "stsb"), ("train", "quick-demo", "--set", "data=hub:owner/name")])
def test_command_without_a_network_ends_with_a_sentence_in_time(
    runs_dir: Path, silent_hub: list[float], command: tuple[str, ...]
) -> None:
    done = run_core(*command, "--runs-dir", str(runs_dir))
    assert time.monotonic() - silent_hub[0] < 5, "from the question on"
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer; check the network" in done.stderr.splitlines()[-1]
    assert not any(path for path in runs_dir.iterdir() if not path.name.startswith(".")), "no run was made"


def test_wrong_name_of_a_data_set_is_refused_at_once(runs_dir: Path) -> None:
    done = run_core("fetch", "hub:a b", "--runs-dir", str(runs_dir))
    assert (done.returncode, "write hub:owner/name" in done.stderr) == (2, True)


def test_second_split_joins_the_first(hub: str, runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows())
    for split in ("train", "test"):
        run = ask(build_config({"kind": "fetch", "data": "hub:a/b", "split": split}), Places(None, runs_dir))
        fetch_job(RunLog(run))
    about = read_json(fetched_folder(runs_dir, "hub:a/b") / "about.json")
    assert (about["data"], about["splits"]) == ("hub:a/b", ["test", "train"])
