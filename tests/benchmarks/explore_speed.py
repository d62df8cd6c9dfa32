"""How long the map makes a person wait: places, frames, clicks and memory, on made-up embeddings in a real Chromium.

python -m tests.benchmarks.explore_speed [--data-dir DIR]
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

from core.errors import StudioError, one_sentence
from core.measuring import MEASURED
from core.probes import MOST_ROWS
from core.runs import RunFolder
from core.spaces import run_space
from tests.conftest import end_supervisor
from tests.map_page import PLOT, extent, loneliest, points, press_point, wait_for_map
from tests.real_app import CHROMIUM, RealApp, chromium, open_page, open_tab
from tests.small_films import add_frame, film_index, film_run, made_up_film

REPEATS, DIMENSION, GROUPS = 3, 384, 20
STEPS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
FRAMES_SHOWN = 200
# The texts of as many triplets as a run watches at most.
MOST_WATCHED = 3 * MOST_ROWS
# A film rests on each frame; that is no slow picture.
REST_MS = 200
TOLD = "document.querySelector('.explorer [data-part=told]').textContent"
# Presses a choice; answers with the milliseconds until what it asks for is drawn.
CHOOSE = """([method, sign]) => new Promise(done => {
  const told = document.querySelector('.explorer [data-part=told]'), began = performance.now();
  told.textContent = '';
  document.querySelector(`.explorer [data-choice=method][value=${method}]`).click();
  const look = () => told.textContent.includes(sign)
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))) : requestAnimationFrame(look);
  look();
})"""
# Notes when each picture of a film was drawn.
WATCH = """() => {
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  window.drawn = [];
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.className === 'tween') drawn.push(performance.now());
    clear.apply(this, box);
  };
}"""
# Notes the milliseconds from a button that goes down to the card on the page.
WATCH_CLICK = """() => {
  let began = 0;
  window.clicked = null;
  document.addEventListener('mousedown', () => { began = performance.now(); }, {capture: true, once: true});
  const side = document.querySelector('.explorer [data-part=side]'), watcher = new MutationObserver(() => {
    if (!side.querySelector('.quote')) return;
    watcher.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => { window.clicked = performance.now() - began; }));
  });
  watcher.observe(side, {childList: true});
}"""
SHOW_FRAMES = """async count => {
  const slider = document.querySelector('.explorer [data-part=slider]');
  for (let shown = 0; shown < count; shown += 1) {
    slider.value = shown % (Number(slider.max) + 1);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(requestAnimationFrame);
  }
}"""
NEWEST = "Number(document.querySelector('.explorer [data-part=slider]').max)"


def write_spaces(runs_dir: Path) -> RunFolder:
    """Write a film of 1,000 texts, and two spaces of 1,000 and 5,000 texts before and after its training."""
    run = film_run(runs_dir, made_up_film(len(STEPS), 1000, DIMENSION, GROUPS), STEPS)
    models = [{"name": f"untouched:{run.id}"}, {"name": f"run:{run.id}"}]
    for name, texts in (("a", 1000), ("b", 5000)):
        film_index(runs_dir, made_up_film(2, texts, DIMENSION, GROUPS), name=32 * name, models=models)
    return run


def choose_texts(page: Page, count: int) -> None:
    page.locator("#map-texts input").click()
    page.get_by_role("option").filter(has_text=f"{count:,} texts").click()
    page.wait_for_function(f"document.querySelector('{PLOT}')._fullData.find(each => each.hovertemplate).x.length === {count}")
    wait_for_map(page)


def forget(runs_dir: Path) -> None:
    """Remove all places that were reckoned before."""
    for pattern in ("film-*.json", "umap-*.npz"):
        for path in [*runs_dir.glob(f"*/snapshots/{pattern}"), *(runs_dir / MEASURED).glob(f"*/{pattern}")]:
            path.unlink()


def measure_methods(page: Page, runs_dir: Path) -> dict[str, list[float]]:
    """Return seconds from the choice of a method to its picture; the very first UMAP, which compiles, is left out."""
    samples: dict[str, list[float]] = {"pca_1000_s": [], "umap_1000_s": [], "umap_5000_s": []}
    for count in (1000, 5000):
        choose_texts(page, count)
        page.evaluate(CHOOSE, ["umap", "UMAP:"])
        for _ in range(REPEATS):
            for method, sign in (("pca", "main axes hold"), ("umap", "UMAP:")):
                forget(runs_dir)
                took = page.evaluate(CHOOSE, [method, sign])
                assert extent(points(page)) > 100, "all points on one spot"
                if f"{method}_{count}_s" in samples:
                    samples[f"{method}_{count}_s"].append(round(took / 1000, 3))
                page.wait_for_function(f"{TOLD}.includes('can be trusted')")
        page.evaluate(CHOOSE, ["pca", "can be trusted"])
    return samples


def measure_playing(page: Page) -> list[float]:
    """Return pictures a second of a film that plays."""
    page.evaluate(WATCH)
    samples = []
    for _ in range(REPEATS):
        page.evaluate("drawn.length = 0")
        page.locator(".explorer [data-part=slider]").fill("0")
        page.locator(".explorer [data-act=play]").click()
        page.wait_for_function("document.querySelector('.explorer [data-act=play]').textContent.includes('Play')", timeout=90_000)
        drawn = page.evaluate("drawn")
        gaps = [later - earlier for earlier, later in pairwise(drawn)]
        moving = [gap for gap in gaps if gap < REST_MS]
        samples.append(round(1000 * len(moving) / sum(moving), 1))
    return samples


def measure_clicks(page: Page) -> list[float]:
    """Return milliseconds from a button that goes down on a point to its card."""
    row, samples = loneliest(points(page)), []
    for _ in range(REPEATS):
        page.evaluate(WATCH_CLICK)
        press_point(page, row)
        page.wait_for_function("window.clicked !== null")
        samples.append(round(page.evaluate("window.clicked"), 1))
        page.locator(".explorer [data-part=side] [data-act=back]").click()
        page.wait_for_timeout(500)
    return samples


def measure_memory(page: Page) -> list[float]:
    """Return the growth of the page's heap in MB over 200 frames, of each repeat."""
    session = page.context.new_cdp_session(page)

    def heap() -> float:
        for _ in range(2):
            session.send("HeapProfiler.collectGarbage")
        return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    page.evaluate(SHOW_FRAMES, 30)
    samples = []
    for _ in range(REPEATS):
        before = heap()
        page.evaluate(SHOW_FRAMES, FRAMES_SHOWN)
        samples.append(round(heap() - before, 2))
    return samples


def measure_new_frames(page: Page, run: RunFolder) -> list[float]:
    """Return seconds from a new frame's file to its picture, while the run goes on."""
    step, vectors, samples = 200, run_space(run.path).frames()[-1], []
    for number in range(2 * REPEATS):
        # The page looks from time to time: meet it at all times of its round.
        page.wait_for_timeout(1500 + 130 * number)
        seen = page.evaluate(NEWEST)
        began = time.monotonic()
        add_frame(run, step + number, vectors)
        page.wait_for_function(f"{NEWEST} > {seen} && {TOLD}.includes('Main axes')", polling="raf")
        samples.append(round(time.monotonic() - began, 3))
    return samples


def measure(runs_dir: Path, complaints: list[str]) -> tuple[list[str], dict[str, list[float]]]:
    """Measure everything, with one app and one browser."""
    write_spaces(runs_dir)
    app = RealApp(runs_dir)
    try:
        with chromium() as browser:
            page = open_map(lambda: open_page(browser, app.url, complaints))
            # The first visit warms UMAP up, which takes a core for a while: what is drawn is measured after it.
            samples = measure_methods(page, runs_dir)
            page.close()
            page = open_map(lambda: open_page(browser, app.url, complaints))
            samples |= {"fps_1000": measure_playing(page), "click_ms": measure_clicks(page)}
            samples["heap_mb_200_frames"] = measure_memory(page)
            page.close()
            live = film_run(runs_dir, made_up_film(5, MOST_WATCHED, DIMENSION, GROUPS), STEPS[:5], is_live=True)
            samples["frame_s"] = measure_new_frames(open_map(lambda: open_page(browser, app.url, complaints)), live)
    finally:
        app.kill()
    return app.command, samples


def open_map(open_app: Callable[[], Page]) -> Page:
    page = open_app()
    open_tab(page, "Explore")
    wait_for_map(page)
    return page


def main() -> int:
    """Print one line of JSON with medians and samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, help="not needed: the embeddings are made up")
    parser.parse_args()
    if CHROMIUM is None:
        print("No chromium: apt-get install chromium.", file=sys.stderr)
        return 1
    load, complaints = os.getloadavg()[0], list[str]()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        runs_dir = Path(folder)
        try:
            command, samples = measure(runs_dir, complaints)
        except (StudioError, AssertionError, PlaywrightError) as error:
            print(f"A part could not run: {one_sentence(error)}", file=sys.stderr)
            return 1
        finally:
            end_supervisor(runs_dir)
    figures: dict[str, Any] = {name: statistics.median(values) for name, values in samples.items()}
    figures |= {"samples": samples, "complaints": complaints, "load": [round(load, 2), round(os.getloadavg()[0], 2)]}
    machine = {"cores": psutil.cpu_count(), "python": platform.python_version(), "torch": version("torch")}
    print(json.dumps(figures | {"commands": [" ".join(command)], "machine": machine}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
