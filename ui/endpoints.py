"""The studio as a program uses it: named endpoints for `gradio_client`, which are MCP tools as well.

A shared studio gives each caller a token at the first start; whoever sends it again sees the same runs, and nobody else does.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import gradio as gr
from gradio.events import api

from core.chains import asked_chain, create_chain
from core.config import RunConfig, build_config
from core.desk_client import ask_desk, unpack_array
from core.errors import ConfigError, StudioError, one_sentence
from core.launching import ensure_supervisor
from core.queue import read_queue
from core.run_store import create_run
from core.runs import RunFolder
from core.visitors import NOBODY, new_token, owner_of
from ui.run_form import nested, start_config
from ui.studio import Studio

ANSWER_SECONDS, LOOK_SECONDS = 60.0, 0.2
DIGITS = 6


def build_endpoints(studio: Studio) -> None:
    """Give the page's app its endpoints: start, status, stop, score, embed."""
    for make in (_start, _status, _stop, _score, _embed):
        endpoint = make(studio)
        # Past the queue, so that MCP calls it in this process and not through an HTTP client of its own, which could not sign in.
        api(endpoint, api_name=endpoint.__name__, queue=False, concurrency_limit=None)


def _start(studio: Studio) -> Any:
    def start(
        recipe: str = "quick-demo", size: str = "", settings: dict[str, Any] | None = None, token: str = ""
    ) -> dict[str, Any]:
        """Start training a text embedding model, and return at once.

        Args:
            recipe: a recipe's id, such as quick-demo, mnr or mnr-hard-negatives.
            size: instant, laptop or book; empty for the first that the recipe has.
            settings: what is set by hand, by the names of the settings, such as {"epochs": 3, "learning_rate": 0.001}.
            token: what an earlier start returned; empty for a new caller of a shared studio.

        Returns:
            run (the id to ask by), token (who asks; send it with every call), state, place (in the queue, 0 once it goes on).
        """
        known = token if owner_of(token) != NOBODY else new_token() if studio.is_hosted else ""
        mine = studio.seen_by(known)
        with _faults():
            if not isinstance(settings or {}, dict):
                raise ConfigError("settings", 'write names and values, such as {"epochs": 2}.')
            yours = {key: value for key, value in (settings or {}).items() if value is not None}
            start_config(mine, f"{recipe}@{size}" if size else recipe, yours)
            run = create_chain(mine.runs_dir, asked_chain(recipe, size or None, nested(yours), mine.places), mine.data_dir)[-1]
            ensure_supervisor(mine.runs_dir)
        return {"run": run.id, "token": known} | _told(mine, run)

    return start


def _status(studio: Studio) -> Any:
    def status(run: str, token: str = "") -> dict[str, Any]:
        """Tell how far a run is.

        Args:
            run: the id that start returned.
            token: the one that start returned.

        Returns:
            state, detail, place (in the queue), error, baseline and scores (figures by data set), has_model.
        """
        mine = studio.seen_by(token)
        with _faults():
            return _told(mine, _own(mine, run))

    return status


def _stop(studio: Studio) -> Any:
    def stop(run: str, token: str = "") -> dict[str, Any]:
        """Ask a run to end after its step in progress: what is trained is kept, scored and saved.

        Args:
            run: the id that start returned.
            token: the one that start returned.

        Returns:
            what status returns.
        """
        mine = studio.seen_by(token)
        with _faults():
            mine_run = _own(mine, run)
            mine_run.request_stop()
            ensure_supervisor(mine.runs_dir)
            return _told(mine, mine_run)

    return stop


def _score(studio: Studio) -> Any:
    async def score(model: str, data: str = "stsb", split: str = "validation", token: str = "") -> dict[str, Any]:
        """Score a model on scored pairs, and wait a minute for it; later, status tells.

        Args:
            model: run:<id> of a finished run, or a base model's id, such as all-minilm-l6-v2.
            data: a data set of scored pairs, such as stsb or sample.
            split: its part.
            token: the one that start returned.

        Returns:
            run (an id for status), and what status returns; the figures are in scores.
        """
        mine = studio.seen_by(token)
        with _faults():
            mine.check_paths({"base_model": model, "data": data})
            config = build_config({"kind": "score", "base_model": model, "data": data, "split": split})
            run = await anyio.to_thread.run_sync(_queued, mine, config)
            until = time.monotonic() + ANSWER_SECONDS
            # Who waits holds no thread: forty of them would be all that the page has.
            while time.monotonic() < until and (told := run.status()) is not None and not told.is_final:
                await asyncio.sleep(LOOK_SECONDS)
            return {"run": run.id} | await anyio.to_thread.run_sync(_told, mine, run)

    return score


def _queued(mine: Studio, config: RunConfig) -> RunFolder:
    run = create_run(mine.runs_dir, config, mine.data_dir)
    ensure_supervisor(mine.runs_dir)
    return run


def _embed(studio: Studio) -> Any:
    def embed(texts: list[str], model: str = "static-minilm", role: str = "query", token: str = "") -> list[list[float]]:
        """Return the embeddings of texts, each of length 1.

        Args:
            texts: 1 to 64 texts of 2,000 characters at most.
            model: run:<id> of a finished run, or a base model's id.
            role: query or passage, which decides the prompt.
            token: the one that start returned.

        Returns:
            one list of numbers a text.
        """
        mine = studio.seen_by(token)
        with _faults():
            mine.check_paths({"base_model": model})
            if not isinstance(texts, list):
                raise ConfigError("texts", "write a list of texts.")
            answer = ask_desk(mine.runs_dir, "embed", {"model": model, "texts": texts, "role": role})
            return [[round(float(value), DIGITS) for value in row] for row in unpack_array(answer["vectors"])]

    return embed


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn what is wrong into the sentence that a caller reads, without a line in the log."""
    try:
        yield
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None


def _own(mine: Studio, name: str) -> RunFolder:
    run = mine.run(name)
    if run is None or run.id != name:
        raise ConfigError("run", "there is no such run of yours; start one.")
    return run


def _told(mine: Studio, run: RunFolder) -> dict[str, Any]:
    status = run.status()
    if status is None:
        raise ConfigError("run", "it was deleted meanwhile; start one.")
    return {
        "state": status.state,
        "detail": status.detail,
        "place": read_queue(mine.runs_dir).place(run.id) if status.state == "queued" else 0,
        "error": str(status.error.get("message") or ""),
        "baseline": run.scores("before"),
        "scores": run.scores("after"),
        "has_model": status.has_model,
    }
