"""The saved file: whole in itself, drawn without a network or a GPU, and safe from what texts say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, sync_playwright

from core import explore_answers
from core.errors import DataError, RunError
from core.events import StepEvent
from core.explore_answers import MOST_LOSSES, films_of, loss_of, saved_page, space_json
from core.figures import PALETTE
from core.run_log import RunLog
from core.runs import RunFolder
from core.spaces import run_space
from tests.map_page import check_spread, choose, loneliest, points, press_point, told, wait_for_map
from tests.real_app import CHROMIUM, FLAGS
from tests.small_films import ask_directly, film_run, made_up_film

FRAMES = made_up_film(4, 120)
STEPS = (0, 1, 10, 100)
EVIL = "A </script><script>window.harmed = true</script> text <img src=x onerror='window.harmed = true'> & \u2028 more"


@pytest.fixture(autouse=True)
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explore_answers, "ask_desk", ask_directly)


def run_with_evil_text(runs_dir: Path) -> RunFolder:
    texts = [f"Text {row}: {EVIL}" for row in range(120)]
    run = film_run(runs_dir, FRAMES, STEPS, texts=texts, found="texts of <b>a file</b>")
    add_losses(run, 30)
    return run


def add_losses(run: RunFolder, count: int) -> None:
    log = RunLog(run)
    for step in range(1, count + 1):
        log.write(StepEvent(step, count, 0.0, 2.0 / step, 0.0, 2.0, 1e-3, None, 100.0, 0.0))


def test_page_holds_what_it_needs_and_asks_for_nothing(runs_dir: Path) -> None:
    page = saved_page(runs_dir, {"run": run_with_evil_text(runs_dir).id})
    assert page.count("</script>") == 2, "no text ends a script"
    assert "<img src=x" not in page
    for asks in ("<link", 'src="http', "@import", "url(http"):
        assert asks not in page.replace("plotly", "").split("<body>")[1]


def test_umap_lies_beside_the_main_axes(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES[:2, :30], (0, 1))
    assert '"umap": [' in saved_page(runs_dir, {"run": run.id, "method": "umap"})
    assert '"umap": [' not in saved_page(runs_dir, {"run": run.id})


def test_films_of_other_texts_are_not_laid_side_by_side(runs_dir: Path) -> None:
    run, like, other = (
        film_run(runs_dir, FRAMES, STEPS),
        film_run(runs_dir, FRAMES, STEPS),
        film_run(runs_dir, FRAMES[:, :50], STEPS),
    )
    assert [film["title"] for film in films_of(runs_dir, {"run": run.id}, [like.id])] == [run.id, like.id]
    with pytest.raises(RunError, match="watched other texts"):
        films_of(runs_dir, {"run": run.id}, [other.id])


def test_a_run_without_snapshots_cannot_be_saved(runs_dir: Path) -> None:
    with pytest.raises(DataError, match="no snapshots"):
        saved_page(runs_dir, {"run": film_run(runs_dir, FRAMES[:0], ()).id})


def test_the_loss_is_thinned_and_stays_with_its_steps(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, STEPS)
    assert loss_of(run) == {"step": [], "loss": []}
    add_losses(run, 1000)
    loss = loss_of(run)
    assert MOST_LOSSES / 2 < len(loss["step"]) <= MOST_LOSSES
    assert loss["loss"] == [round(2.0 / step, 4) for step in loss["step"]]


def test_a_shortened_name_of_a_run_finds_its_loss_too(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, STEPS)
    add_losses(run, 3)
    said = space_json(runs_dir, {"run": run.id[-6:]}, run_space(run.path))
    assert said["loss"]["step"] == [1, 2, 3]


def test_groups_without_a_name_are_no_choice_of_colour(runs_dir: Path) -> None:
    run = film_run(runs_dir, FRAMES, STEPS, groups={"label": [""] * 120, "part": ["text"] * 120})
    assert set(space_json(runs_dir, {"run": run.id}, run_space(run.path))["groups"]) == {"part"}


def open_file(path: Path, *flags: str, dark: bool = False) -> tuple[Any, Page, list[str]]:
    """Open a file in a browser without a network; complaints are errors and whatever it asks for."""
    play = sync_playwright().start()
    browser = play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
    context = browser.new_context(
        offline=True, viewport={"width": 1300, "height": 1000}, color_scheme="dark" if dark else "light"
    )
    page, complaints = context.new_page(), []
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "request",
        lambda request: complaints.append(request.url) if not request.url.startswith(("file:", "blob:", "data:")) else None,
    )
    page.goto(path.as_uri())
    return play, page, complaints


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
@pytest.mark.parametrize("flags", [(), ("--disable-3d-apis",)], ids=["webgl", "no webgl"])
def test_file_opens_without_a_network_and_draws_its_points(tmp_path: Path, runs_dir: Path, flags: tuple[str, ...]) -> None:
    path = tmp_path / "map.html"
    path.write_text(saved_page(runs_dir, {"run": run_with_evil_text(runs_dir).id}), encoding="utf-8")
    play, page, complaints = open_file(path, *flags)
    try:
        wait_for_map(page)
        check_spread(page)
        kind = page.evaluate("document.querySelector('.map-plot')._fullData.find(each => each.hovertemplate).type")
        assert kind == ("scatter" if flags else "scattergl")
        last = points(page)
        page.locator("[data-part=slider]").fill("0")
        page.wait_for_function("document.querySelector('[data-part=step]').textContent.startsWith('Step 0 of 100')")
        assert np.abs(points(page) - last).max() > 20, "the slider moves the points"
        row = loneliest(points(page))
        press_point(page, row)
        page.wait_for_selector(".side .quote")
        assert page.locator(".side .quote").inner_text().startswith(f"Text {row}: A </script><script>window.harmed = true")
        assert page.locator(".side .two ol").count() == 2
        assert not page.locator("form.typed").is_visible(), "there is no model to ask"
        assert page.locator("[data-choice=method][value=umap]").is_hidden()
        choose(page, "shows", "both")
        assert len(points(page, 1)) == 120
        assert "step 100" in told(page, "step").lower()
        assert page.evaluate("window.harmed") is None
        assert complaints == []
    finally:
        page.context.browser.close()  # type: ignore[union-attr]
        play.stop()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_many_groups_differ_in_shape_too_and_the_rarest_are_one(tmp_path: Path, runs_dir: Path) -> None:
    # Fifty groups: the first twenty of three texts each, the others of two.
    labels = [f"group {row % 50:02}" for row in range(120)]
    run = film_run(runs_dir, FRAMES, STEPS, groups={"label": labels})
    path = tmp_path / "map.html"
    path.write_text(saved_page(runs_dir, {"run": run.id}), encoding="utf-8")
    play, page, complaints = open_file(path)
    try:
        wait_for_map(page)
        chips = page.locator(".legend .chip").all_inner_texts()
        assert len(chips) == 3 * len(PALETTE) + 1 and chips[-1] == "14 others"
        assert chips[:20] == [f"group {group:02}" for group in range(20)], "the most frequent have looks of their own"
        points_drawn = "document.querySelector('.map-plot')._fullData.find(each => each.hovertemplate).marker"
        looks = page.evaluate(
            f"(marker => marker.color.map((colour, row) => `${{colour}} ${{marker.symbol[row]}}`))({points_drawn})"
        )
        of_group = {label: {look for own, look in zip(labels, looks, strict=True) if own == label} for label in labels}
        assert all(len(own) == 1 for own in of_group.values())
        assert len(set(looks)) == 3 * len(PALETTE) + 1
        page.locator(".legend .chip").last.click()
        faded = page.evaluate(f"{points_drawn}.opacity.filter(one => one < 0.5).length")
        assert faded == sum(look == looks[labels.index("group 49")] for look in looks) == 28
        assert complaints == []
    finally:
        page.context.browser.close()  # type: ignore[union-attr]
        play.stop()
