"""What a map in a real browser shows: where its points are, and that there are any to be seen."""

import io
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page

# A point's colour is one; letters, lines and the background are greys.
COLOURFUL = 60
PLOT = ".explorer .map-plot"
# Returns where a panel's points lie on the page, in pixels.
POINTS = """([plot, panel]) => {
  const drawn = document.querySelector(plot), full = drawn._fullLayout, axis = panel ? String(panel + 1) : '';
  const trace = drawn._fullData.find(each => each.xaxis === `x${axis}` && each.hovertemplate);
  const [x, y] = [full[`xaxis${axis}`], full[`yaxis${axis}`]];
  return Array.from(trace.x, (at, row) => [x._offset + x.d2p(at), y._offset + y.d2p(trace.y[row])]);
}"""


def points(page: Page, panel: int = 0) -> np.ndarray:
    """Return where a panel's points lie within the plot, (texts, 2) in pixels."""
    return np.array(page.evaluate(POINTS, [PLOT, panel]), float)


def extent(places: np.ndarray) -> float:
    """Return the shorter side of the box that holds the middle nine tenths of points, in pixels."""
    low, high = np.quantile(places, [0.05, 0.95], axis=0)
    return float((high - low).min())


def loneliest(places: np.ndarray) -> int:
    """Return the point with the most room around it: a click can mean no other."""
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    return int(apart.min(axis=1).argmax())


def painted(page: Page) -> np.ndarray:
    """Return where colours are to be seen on a picture of the map, (pixels, 2)."""
    picture = Image.open(io.BytesIO(page.locator(PLOT).screenshot())).convert("RGB")
    channels = np.asarray(picture, int)
    rows, columns = np.nonzero(channels.max(axis=2) - channels.min(axis=2) > COLOURFUL)
    return np.stack([columns, rows], axis=1)


def check_spread(page: Page) -> None:
    """Fail where all points lie on one spot, by what plotly says or by what is to be seen."""
    assert extent(points(page)) > 100, "points are spread over the plot"
    seen = painted(page)
    assert len(seen) > 1000, "and drawn"
    assert extent(seen) > 100, "and drawn there"


def wait_for_map(page: Page, seconds: float = 60.0) -> None:
    """Wait until points are drawn, and what is told of the frames is there."""
    page.wait_for_function(
        f"(document.querySelector('{PLOT}')._fullData || []).length && "
        "document.querySelector('[data-part=told]').textContent.includes('can be trusted')",
        timeout=seconds * 1000, polling=50,
    )  # fmt: skip


def told(page: Page, part: str) -> str:
    return str(page.locator(f".explorer [data-part={part}]").inner_text())


def choose(page: Page, choice: str, value: str) -> None:
    page.locator(f".explorer [data-choice={choice}][value='{value}']").check()


def press_point(page: Page, row: int, panel: int = 0) -> None:
    """Click a point."""
    box: Any = page.locator(PLOT).bounding_box()
    x, y = points(page, panel)[row]
    page.mouse.move(box["x"] + x - 5, box["y"] + y)
    page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    # Nobody presses in the very moment that the pointer arrives.
    page.wait_for_timeout(200)
    page.mouse.click(box["x"] + x, box["y"] + y)


def draw_lasso(page: Page, corners: np.ndarray) -> None:
    """Go round with the lasso; corners are in pixels of the plot."""
    box: Any = page.locator(PLOT).bounding_box()
    page.locator(f"{PLOT} [data-val=lasso]").click(force=True)
    first, *rest = [(box["x"] + x, box["y"] + y) for x, y in [*corners, corners[0]]]
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
