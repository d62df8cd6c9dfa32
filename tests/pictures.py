"""Makes the README's pictures and its film: `python -m tests.pictures [--out .readme] [--data-dir DATA]`.

The real app in a real Chromium: a first visit's three clicks on the sample, while pictures are taken. Needs Debian's chromium.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.conftest import end_supervisor
from tests.map_page import wait_for_map
from tests.ready import ROOT
from tests.real_app import CHROMIUM, SAYS, RealApp, chromium, load, open_tab, wait_until_says

WIDE = 1440
FILM_VIEW, FILM_SIZE, FILM_SECONDS, FILM_BYTES = (1240, 1060), (930, 795), 0.25, 1_500_000
COLOURS, MOST_FRAMES = 128, 40


class Film:
    """Frames of a page, one after another, as one animated picture."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []

    def shoot(self) -> None:
        """Take a frame."""
        taken = Image.open(io.BytesIO(self.page.screenshot(type="png"))).convert("RGB")
        self.frames.append(taken.resize(FILM_SIZE, Image.Resampling.LANCZOS))

    def wait(self, seconds: float) -> None:
        """Take frames for so long."""
        for _ in range(round(seconds / FILM_SECONDS)):
            self.shoot()
            self.page.wait_for_timeout(1000 * FILM_SECONDS)

    def wait_for(self, script: str, seconds: float = 400.0) -> None:
        """Take frames until a script of the page says yes; of a long wait on a slow machine only so many are kept."""
        before, deadline = len(self.frames), time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.shoot()
            if self.page.evaluate(script):
                taken = self.frames[before:]
                self.frames[before:] = taken[:: -(-len(taken) // MOST_FRAMES)]
                return
            self.page.wait_for_timeout(1000 * FILM_SECONDS)
        raise AssertionError(f"still not: {script}")

    def write(self, path: Path) -> None:
        """Write it, as finely as its size allows."""
        for quality in (70, 55, 40, 25):
            first, *rest = self.frames
            first.save(
                path, save_all=True, append_images=rest, duration=int(1000 * FILM_SECONDS), loop=0, quality=quality, method=4
            )
            if path.stat().st_size <= FILM_BYTES:
                return
        raise AssertionError(f"{path} has {path.stat().st_size:,} bytes")


def picture(page: Page, path: Path, height: int) -> None:
    """Write what a person sees from the top of the page, in few colours."""
    page.mouse.move(5, 5)
    page.set_viewport_size({"width": page.viewport_size["width"] if page.viewport_size else WIDE, "height": height})
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(900)
    taken = Image.open(io.BytesIO(page.screenshot(type="png"))).convert("RGB")
    taken.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size:,} bytes")


@contextmanager
def app_and_browser(data_dir: Path | None) -> Iterator[tuple[RealApp, Browser]]:
    """Start the app on an empty runs folder, and a browser."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = RealApp(Path(folder), data_dir)
        try:
            with chromium() as browser:
                yield app, browser
        finally:
            app.kill()
            end_supervisor(Path(folder))


def open_at(browser: Browser, app: RealApp, theme: str, width: int = WIDE) -> Page:
    """Open the app in a page of its own."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    return load(page, f"{app.url}?__theme={theme}")


def film_first_visit(page: Page, path: Path) -> None:
    """Film the three clicks of a first visit, from Start training to the map that moves."""
    film = Film(page)
    page.set_viewport_size({"width": FILM_VIEW[0], "height": FILM_VIEW[1]})
    film.wait(1)
    for place, enough in enumerate((f"{SAYS}.startsWith('Done')", "!!document.querySelector('#scores-view table.facts')")):
        page.locator(".first-steps button").nth(place).click()
        film.wait_for(enough)
        film.wait(1.5)
        page.wait_for_function(f"!document.querySelectorAll('.first-steps button')[{place + 1}].matches('[aria-disabled=true]')")
    page.locator(".first-steps button").nth(2).click()
    wait_for_map(page)
    film.wait(0.5)
    page.locator(".explorer [data-act=play]").click()
    film.wait_for("document.querySelector('.explorer [data-act=play]').textContent.includes('Play')")
    film.wait(1.5)
    film.write(path)
    print(path, f"{path.stat().st_size:,} bytes, {len(film.frames)} frames")


def take_all(out: Path, data_dir: Path | None) -> None:
    """Take every picture, those of a first visit first."""
    with app_and_browser(data_dir) as (app, browser):
        page = open_at(browser, app, "light")
        film_first_visit(page, out / "film.webp")
        page.reload()
        for theme, tabs in (("light", ("Data", "Evaluate", "Explore")), ("dark", ("Train",))):
            page.close()
            page = open_at(browser, app, theme)
            for name in tabs:
                open_tab(page, name)
                if name == "Explore":
                    wait_for_map(page)
                elif name == "Train":
                    wait_until_says(page, "Done")
                page.wait_for_timeout(1500)
                picture(page, out / f"{name.lower()}{'-dark' if theme == 'dark' else ''}.png", 1150 if name != "Data" else 1400)


def main() -> int:
    """Make everything, or say what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / ".readme")
    parser.add_argument("--data-dir", type=Path)
    given = parser.parse_args()
    if CHROMIUM is None:
        print("No chromium: apt-get install chromium.", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    take_all(given.out, given.data_dir.resolve() if given.data_dir else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
