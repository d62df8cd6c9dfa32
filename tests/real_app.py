"""The real app in a process of its own, and a real Chromium to open it with."""

import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from playwright.sync_api import Browser, Page, sync_playwright

from tests import ready

TABS = ("Model", "Data", "Loss", "Train", "Evaluate", "Explore", "Runs")
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
# WebGL is drawn by the processor, and only that: to compose whole pages in this way takes most of a page's time.
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-gpu-rasterization", "--disable-gpu-compositing", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
SAYS = "document.querySelector('#live-figure .says').textContent"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RealApp:
    """`python app.py`, or a fork of what it loads, on a free port; `seconds_to_page` is how long its page took to answer."""

    def __init__(
        self, runs_dir: Path, data_dir: Path | None = None, port: int | None = None, log: Path = Path(os.devnull)
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.arguments = ["--runs-dir", str(runs_dir), *(["--data-dir", str(data_dir)] if data_dir else [])]
        self.command = ready.command_of(ready.PAGE, self.arguments)
        self.log = log
        self.start()

    def start(self) -> None:
        """Start it, or start it again where it was killed, on the same port."""
        environment = {name: value for name, value in ready.without_blocks(os.environ).items() if name != "STUDIO_DATA_DIR"}
        began = time.monotonic()
        environment["GRADIO_SERVER_PORT"] = str(self.port)
        self.process = ready.start(ready.PAGE, self.arguments, environment, self.log, self.log)
        self.wait_for_page()
        self.seconds_to_page = time.monotonic() - began

    def wait_for_page(self, seconds: float = 120.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url, timeout=30) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.02)
        code = self.process.poll()
        self.kill()
        raise AssertionError(f"{self.url} does not answer; exit code {code}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def watched_page(browser: Browser, complaints: list[str]) -> Page:
    """Open an empty page; what it logs as an error, and every request that leaves this machine, is a complaint."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def watch(request: Any) -> None:
        address = urlparse(request.url)
        if address.scheme.startswith("http") and address.hostname != "127.0.0.1":
            complaints.append(f"left this machine: {request.url}")

    def name_failure(response: Any) -> None:
        if response.status >= 500:
            complaints.append(f"{response.status} from {response.url}")

    page.on("request", watch)
    page.on("response", name_failure)
    return page


def load(page: Page, url: str) -> Page:
    """Open the app in a page, afresh where it was open: a page that has run its scripts before is there sooner."""
    page.goto(url, wait_until="load")
    # The recipe's sentence comes with the filled form.
    page.wait_for_function("document.body.innerText.includes('from loss curve to map')", timeout=60_000)
    return page


def open_page(browser: Browser, url: str, complaints: list[str]) -> Page:
    """Open the app in a page of its own."""
    return load(watched_page(browser, complaints), url)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def downloaded(page: Page, name: str, folder: Path) -> Path:
    """Take a run away on the Runs tab, without its film, and return where its file lies."""
    open_tab(page, "Runs")
    page.locator("#runs-table").get_by_text(name).locator("visible=true").first.click()
    page.locator("#use-it").get_by_text("SentenceTransformer").first.wait_for()
    page.get_by_label("With the film").uncheck()
    press(page, "Make the file")
    page.locator("#bundle").wait_for(state="visible")
    with page.expect_download() as downloading:
        page.locator("#bundle").click()
    saved = folder / downloading.value.suggested_filename
    downloading.value.save_as(saved)
    return saved


def wait_until_says(page: Page, start: str, seconds: float = 180.0) -> None:
    page.wait_for_function(f"{SAYS}.startsWith('{start}')", timeout=seconds * 1000, polling=50)


def plotted(page: Page, plot: str, trace: int = 0) -> list[float]:
    """Return the y values of a trace of one of the live charts."""
    values = page.evaluate(f"((document.querySelector('[data-plot={plot}]').data || [])[{trace}] || {{y: []}}).y")
    return [float(value) for value in values or []]
