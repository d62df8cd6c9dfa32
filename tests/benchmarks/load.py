"""Fifty visitors of one shared studio at once, ten of them queueing runs: how long answers take, and what the page holds.

python -m tests.benchmarks.load

Each opens the page as a browser does, keeps its heartbeat open, and asks whether there is news as often as the page is told to.
Ten start small runs through gradio's own client, one after the other, for three minutes; the last ones are waited for, and
their pages follow them as the live figure does. The others ask for those ten's runs with each look, which no page does and
which they must be told nothing of. The training and all fifty go on on the same cores; each of the ten is a process of its own,
as each is a machine of its own elsewhere.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import multiprocessing
import os
import platform
import random
import re
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
from gradio_client import Client

from core.errors import one_sentence
from core.run_store import iter_runs
from core.visitors import new_token, owner_of, shelves
from tests.conftest import end_supervisor
from tests.real_app import RealApp
from ui.launch import SWITCH_SECONDS
from ui.live import PLOTLY_JS

VISITORS, QUEUEING = 50, 10
OPENING_SECONDS, LAST_SECONDS, TICK_SECONDS, FOLLOW_SECONDS = 20.0, 75.0, 1.0, 0.4
SMALL = {"max_steps": 20, "snapshots": False}
IDS = re.compile(r"[0-9a-f]{32,64}")


@dataclass
class Visitor:
    """One browser: who it is, the run that its page shows, and every long number in hex that it was ever told."""

    token: str = field(default_factory=new_token)
    session: str = field(default_factory=lambda: secrets.token_hex(6))
    shown: str = ""
    mark: str = ""
    began: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)


# What one who queues runs has met: how long answers took, faults, and every long number in hex that it was told.
Report = tuple[Visitor, dict[str, list[int]], Counter[str], set[str]]


@dataclass
class Load:
    """Everything that was asked of one app, and what came back."""

    url: str
    visitors: list[Visitor] = field(default_factory=lambda: [Visitor() for _ in range(VISITORS)])
    milliseconds: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    faults: Counter[str] = field(default_factory=Counter)
    is_over: bool = False
    reports: list[Report] = field(default_factory=list)

    def queueing(self) -> list[Visitor]:
        return self.visitors[:QUEUEING]


@dataclass(frozen=True)
class Asked:
    """The numbers by which a browser calls what the page does by itself, read from the page's own configuration.

    `marks` are the places of the mark, which says what a page shows, in the answers of the handlers that tell it.
    """

    by_name: dict[str, int]
    marks: dict[str, int]
    news: int
    figure: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> "Asked":
        named = {each["api_name"]: each for each in config["dependencies"]}
        parts = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        marks = {name: named[name]["outputs"].index(parts["news"]) for name in ("open_page", "look_at_runs")}
        return cls({name: each["id"] for name, each in named.items()}, marks, parts["news"], parts["live-figure"])


async def ask(load: Load, http: aiohttp.ClientSession, kind: str, who: Visitor, path: str, body: dict[str, Any]) -> Any:
    """Ask as a browser does, and note how long it took and what was told; an answer that is none is a fault."""
    began = time.monotonic()
    try:
        async with http.post(f"{load.url}/gradio_api/{path}", json=body | {"session_hash": who.session}) as answer:
            text = await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        load.faults[f"{kind}: {type(error).__name__}"] += 1
        return None
    load.milliseconds[kind].append(round(1000 * (time.monotonic() - began)))
    who.told.update(IDS.findall(text))
    if answer.status != 200:
        load.faults[f"{kind}: {answer.status} {text[:80]}"] += 1
        return None
    return json.loads(text)


async def open_page(load: Load, http: aiohttp.ClientSession, asked: Asked, who: Visitor) -> None:
    """Open the page: its HTML, plotly.js, and the handlers that fill it."""
    began = time.monotonic()
    for path in ("/", f"/gradio_api/file={PLOTLY_JS}"):
        async with http.get(load.url + path) as answer:
            answer.raise_for_status()
            await answer.read()
    for name, data in (("know_visitor", [who.token]), ("name_recipe", ["quick-demo", None]), ("open_page", [who.token, None])):
        told = await ask(load, http, "fill", who, "run/predict", {"fn_index": asked.by_name[name], "data": data})
        if told and name in asked.marks:
            who.mark = told["data"][asked.marks[name]]
    load.milliseconds["open"].append(round(1000 * (time.monotonic() - began)))


async def browse(load: Load, http: aiohttp.ClientSession, asked: Asked, who: Visitor) -> None:
    await asyncio.sleep(random.uniform(0, OPENING_SECONDS))
    await open_page(load, http, asked, who)
    beside = [asyncio.create_task(each) for each in (beat(load, http, who), follow(load, http, asked, who))]
    tick = {"component_id": asked.news, "fn_name": "has_news"}
    while not load.is_over:
        news = await ask(load, http, "tick", who, "component_server", tick | {"data": [who.token, who.mark, who.shown]})
        if news and news.get("news"):
            own = who.shown or None
            look = {"fn_index": asked.by_name["look_at_runs"], "data": [who.token, who.mark, own, "", [], ""]}
            seen = await ask(load, http, "look", who, "run/predict", look)
            mark = seen["data"][asked.marks["look_at_runs"]] if seen else ""
            who.mark = mark if isinstance(mark, str) else who.mark
        if who not in load.queueing():
            others = [run for each in load.queueing() for run in each.began]
            told = await news_of(load, http, asked, who, random.choice(others or [""]))
            load.faults["somebody else's run was shown"] += bool(told) and not told.get("gone")
        await asyncio.sleep((news or {}).get("wait", 3000) / 1000)
    for each in beside:
        load.faults["a page no longer followed its run"] += each.done()
        each.cancel()


async def follow(load: Load, http: aiohttp.ClientSession, asked: Asked, who: Visitor) -> None:
    """Follow the visitor's own runs as the live figure does, one after the other."""
    name = ""
    while True:
        if who.shown != name:
            name, drawn, told = who.shown, [0, 0], {}
        if name and not told.get("final"):
            told = await news_of(load, http, asked, who, name, *drawn) or {}
            load.faults["an own run was not shown"] += bool(told.get("gone"))
            drawn = [told.get("last", drawn[0]), told.get("generation", drawn[1])]
        await asyncio.sleep(FOLLOW_SECONDS)


async def news_of(load: Load, http: aiohttp.ClientSession, asked: Asked, who: Visitor, name: str, *drawn: int) -> Any:
    figure = {"component_id": asked.figure, "fn_name": "news_of_run", "data": [who.token, name, *(drawn or (0, 0))]}
    return await ask(load, http, "news", who, "component_server", figure)


async def beat(load: Load, http: aiohttp.ClientSession, who: Visitor) -> None:
    async with http.get(f"{load.url}/gradio_api/heartbeat/{who.session}", timeout=aiohttp.ClientTimeout()) as answer:
        async for _ in answer.content:
            pass


def begin_queueing(load: Load, who: Visitor, until: float) -> Connection:
    """Let a visitor queue runs in a process of its own, and return where it tells of them."""
    hears, tells = multiprocessing.Pipe(duplex=False)
    multiprocessing.get_context("fork").Process(target=queue_runs, args=(load, who, until, tells), daemon=True).start()
    tells.close()
    return hears


def listen(load: Load, who: Visitor, hears: Connection) -> None:
    """Take in each run that a visitor has started, and keep what its client has met for the end."""
    with hears:
        try:
            while isinstance(told := hears.recv(), str):
                who.began.append(told)
                who.shown = told
        except EOFError:
            told = {}, Counter({"client: it ended by itself": 1}), set()
    load.reports.append((who, *told))


def take_in_reports(load: Load) -> None:
    for who, milliseconds, faults, told in load.reports:
        for kind, values in milliseconds.items():
            load.milliseconds[kind] += values
        load.faults += faults
        who.told |= told


def queue_runs(load: Load, who: Visitor, until: float, tells: Connection) -> None:
    """Start one run after the other through gradio's client, and wait for each one's end."""
    try:
        # Without certificates, which there are none of here: the client would read all of this machine's anew for each question.
        client = Client(load.url, verbose=False, ssl_verify=False)
        while time.monotonic() < until:
            began = client.predict(recipe="quick-demo", settings=SMALL, token=who.token, api_name="/start")
            tells.send(began["run"])
            wait_for_end(load, client, who, began["run"], until + LAST_SECONDS)
    except Exception as error:  # noqa: BLE001  whatever a client meets is a fault of the load
        load.faults[f"client: {one_sentence(error)[:80]}"] += 1
    tells.send((load.milliseconds, load.faults, who.told))


def wait_for_end(load: Load, client: Client, who: Visitor, run: str, until: float) -> None:
    """Ask every second how far a run is, and whether its place in the queue only ever gets better."""
    place = VISITORS
    while time.monotonic() < until:
        began = time.monotonic()
        told = client.predict(run=run, token=who.token, api_name="/status")
        load.milliseconds["status"].append(round(1000 * (time.monotonic() - began)))
        who.told.update(IDS.findall(json.dumps(told)))
        if told["place"] > place:
            load.faults["a place in the queue got worse"] += 1
        load.faults[f"run: {told['error'][:80]}"] += bool(told["error"])
        if told["state"] == "done" or told["error"]:
            return
        place = told["place"]
        time.sleep(TICK_SECONDS)
    load.faults["a run did not end in time"] += 1


async def visit(load: Load, queueing: list[threading.Thread], page: psutil.Process) -> list[float]:
    """Let everybody in, wait for the last run, and return the page's resident megabytes, one a second."""
    memory: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        # Each has connections of its own, as browsers do.
        timeout = aiohttp.ClientTimeout(60)
        browsers = [await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout)) for _ in load.visitors]
        async with browsers[0].get(f"{load.url}/config") as answer:
            asked = Asked.of(await answer.json())
        pages = [asyncio.create_task(browse(load, http, asked, who)) for http, who in zip(browsers, load.visitors, strict=True)]
        while any(client.is_alive() for client in queueing):
            memory.append(round(page.memory_info().rss / 1e6, 1))
            await asyncio.sleep(TICK_SECONDS)
        load.is_over = True
        await asyncio.gather(*pages)
    return memory


def look_for_leaks(load: Load) -> None:
    """Count as a fault whatever of one visitor another one was told: a run's id, a token, or its hash."""
    owners = {name: who.token for who in load.visitors for name in (who.token, owner_of(who.token), *who.began)}
    for who in load.visitors:
        load.faults["told of somebody else"] += sum(owners.get(each, who.token) != who.token for each in who.told)


def look_at_turns(load: Load, runs_dir: Path) -> int:
    """Return how many runs are done, and count as a fault each that was begun before its turn."""
    statuses = [status for shelf in shelves(runs_dir) for run in iter_runs(shelf) if (status := run.status()) is not None]
    turns = sorted(statuses, key=lambda status: status.rank)
    # Two that come at the same moment to an idle studio may change places.
    pairs = [(one, next_) for one, next_ in itertools.pairwise(turns) if next_.created - one.created > 1]
    load.faults["not in its turn"] += sum((next_.started or 0) < (one.started or 0) for one, next_ in pairs)
    load.faults["not done"] += sum(status.state != "done" for status in turns)
    load.faults["not a run for each start"] += abs(len(turns) - sum(len(who.began) for who in load.visitors))
    return sum(status.state == "done" for status in turns)


def measure(runs_dir: Path, seconds: float) -> dict[str, Any]:
    """Start the app as a shared studio, load it, and return the figures."""
    app = RealApp(runs_dir)
    load = Load(app.url)
    # Its own threads wait for each other otherwise, and what it measures is itself.
    sys.setswitchinterval(SWITCH_SECONDS)
    until = time.monotonic() + seconds
    # All of them are forked before this process has threads of its own or an event loop.
    told = [(who, begin_queueing(load, who, until)) for who in load.queueing()]
    queueing = [threading.Thread(target=listen, args=(load, *each)) for each in told]
    for each in queueing:
        each.start()
    try:
        memory = asyncio.run(visit(load, queueing, psutil.Process(app.process.pid)))
    finally:
        app.kill()
    take_in_reports(load)
    look_for_leaks(load)
    done = look_at_turns(load, runs_dir)
    p95 = {f"{name}_p95_ms": float(np.percentile(values, 95)) for name, values in load.milliseconds.items()}
    return p95 | {
        "errors": sum(load.faults.values()), "web_rss_mb": max(memory), "runs_done": done, "visitors": VISITORS,
        "faults": dict(+load.faults), "samples": {**load.milliseconds, "web_rss_mb": memory},
        "commands": [f"STUDIO_HOSTED=1 {' '.join(app.command)}"],
    }  # fmt: skip


def main() -> int:
    """Load the studio once and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="how long runs are started")
    os.environ["STUDIO_HOSTED"] = "1"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            figures = measure(Path(folder), parser.parse_args().seconds)
        except (AssertionError, OSError, aiohttp.ClientError, KeyError, ValueError) as error:
            print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
            return 1
        finally:
            end_supervisor(Path(folder))
    figures["machine"] = {"cores": psutil.cpu_count(), "python": platform.python_version(), "gradio": version("gradio")}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
