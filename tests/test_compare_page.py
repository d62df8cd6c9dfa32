"""The Compare and Speed blocks: what is asked, what the cards say, and a table that the keyboard sorts."""

from pathlib import Path
from typing import Any

import pytest

from core.comparison import best_rows
from core.runs import RunFolder
from core.trade_figures import compare_figure, label_sides, short_label, speed_ticks
from tests.real_app import CHROMIUM, chromium
from tests.small_models import queue_run
from ui.compare import SORTING, choose_chapter, choose_last, choose_with_base, compare_choices, start_compare
from ui.compare_card import compare_card
from ui.speed import start_shrinking, start_timing
from ui.studio import Studio

ROWS = [
    {"name": "a", "label": "<a>", "fault": "", "spearman": 0.7, "pearson": 0.71, "speed": 900.0, "dimension": 384,
     "megabytes": 47.6, "training": 11.3, "held_out": None, "classes": None, "recipe": "MNR", "loss": "mnr", "base": "<base>",
     "same_as": ""},
    {"name": "b", "label": "b", "fault": "", "spearman": 0.8, "pearson": 0.82, "speed": 90.0, "dimension": 384,
     "megabytes": 91.6, "held_out": None, "classes": 0.8, "same_as": ""},
    {"name": "c", "label": "c", "fault": "gone & lost", "held_out": None},
]  # fmt: skip
ANSWER: dict[str, Any] = {
    "task": "compare", "rows": ROWS, "held_out": None, "data": "stsb/validation", "found": "stsb/validation.csv", "pairs": 1500,
    "precision": "fp32", "device": "cpu", "device_name": "A CPU", "cores": 2, "threads": 2, "load": 0.5,
    "closest": {"best": "b", "second": "<a>", "difference": 0.1, "low": 0.05, "high": 0.15, "verdict": "better"},
}  # fmt: skip


@pytest.fixture
def studio(runs_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr("ui.model_events.ensure_supervisor", lambda _: None)
    return Studio(runs_dir, None)


def test_card_marks_the_best_and_keeps_the_row_that_failed() -> None:
    card = compare_card(ANSWER)
    body = card[card.index("<tbody>") : card.index("</tbody>")]
    assert [row.count(">best<") for row in body.split("<tr>")[1:]] == [2, 2, 0]
    assert "gone &amp; lost" in body and "<a>" not in card and "&lt;base&gt;" in body
    # Best Spearman first, what failed last.
    assert body.index(">b<") < body.index("&lt;a&gt;</bdi>") < body.index(">c<")
    assert "Own held-out" not in card and "Banking77" in card
    assert "better than the next one" in card and "+0.0500 to +0.1500" in card


def test_speeds_within_the_unrest_of_the_machine_are_all_best() -> None:
    rows = [row | {"speed": speed} for row, speed in zip([ROWS[0], *ROWS[:2]], (1000.0, 960.0, 500.0), strict=True)]
    assert best_rows(rows, "speed") == {0, 1}
    assert best_rows([*rows[1:], rows[0] | {"speed": 1011.0}], "speed") == {2}
    # Batches that took so different times leave the faster one unknown.
    assert best_rows([rows[0], rows[1] | {"speed": 900.0, "speed_unrest": 0.12}, rows[2]], "speed") == {0, 1}
    restless = [rows[0], rows[1] | {"speed": 870.0, "speed_unrest": 0.12}, rows[2]]
    assert best_rows(restless, "speed") == {0} and best_rows([rows[0] | {"speed_unrest": 0.12}, *restless[1:]], "speed") == {0, 1}
    assert compare_card(ANSWER | {"rows": rows}).count(">best<") == 6


def test_model_is_called_short_and_its_whole_name_is_the_title() -> None:
    name = "run:20261128-235959-mnr-hard-negatives-71b98e"
    card = compare_card(ANSWER | {"rows": [ROWS[0] | {"name": name, "label": "tuned mnr-hard-negatives 71b98e"}, ROWS[1]]})
    assert f'<bdi title="{name}">tuned mnr-hard-negatives 71b98e</bdi>' in card


def test_card_says_when_the_top_is_no_real_difference() -> None:
    closest = ANSWER["closest"] | {"low": -0.05, "verdict": "same"}
    assert "No real difference at the top" in compare_card(ANSWER | {"closest": closest})
    assert "Best Spearman: b, 0.8000." in compare_card(ANSWER | {"closest": None})
    assert "Other work was going on" in compare_card(ANSWER | {"load": 9.0})


def test_headings_are_buttons_and_cells_hold_what_they_sort_by() -> None:
    card = compare_card(ANSWER)
    assert card.count('<button type="button" class="sort"') == 8
    assert 'data-value="0.8"' in card and 'data-value="900.0"' in card
    assert card.count('aria-sort="descending"') == 1


def test_chart_names_each_point_on_an_axis_of_factors() -> None:
    figure = compare_figure(ROWS)
    assert figure is not None and figure["layout"]["xaxis"]["type"] == "log"
    assert figure["data"][0]["text"] == ["&lt;a&gt;", "b"] and figure["data"][0]["x"] == [900.0, 90.0]
    assert compare_figure(ROWS[1:]) is None
    axis = speed_ticks([{"speed": 90.0}, {"speed": 900.0}])
    assert 100 in axis["tickvals"] and axis["range"][0] < 1.954 < 2.954 < axis["range"][1]


def test_names_stand_away_from_their_neighbours() -> None:
    assert label_sides([(100.0, 0.5), (110.0, 0.6)]) == ["bottom center", "top center"]
    assert sorted(label_sides([(100.0, 0.5), (110.0, 0.5)])) == ["bottom center", "top center"]
    assert short_label("tuned mnr-hard-negatives 71b98e") == "tuned mnr-hard-negatives 71b98e"
    assert short_label("/home/" + "x" * 60)[0] == "…" and short_label("all-minilm-l6-v2") == "all-minilm-l6-v2"


def test_compare_is_asked_for_what_is_here_and_keeps_the_rest(studio: Studio) -> None:
    value = start_compare(studio, ["static-minilm", "run:20200101-gone"])
    config = RunFolder(studio.runs_dir / str(value["kind"]) / str(value["name"])).config()
    assert config.models == ("static-minilm",) and "run:20200101-gone" in str(config.task_settings["asked"])


@pytest.mark.parametrize(
    ("names", "said"),
    [(None, "two or more"), (["static-minilm"], "two or more"), (["a", "a"], "named twice"), (["a", "b"], "None of these")],
)
def test_wrong_choices_are_one_sentence(studio: Studio, names: list[str] | None, said: str) -> None:
    assert said in start_compare(studio, names)["fault"]


def test_visitors_name_no_folder_of_this_machine(runs_dir: Path) -> None:
    studio = Studio(runs_dir, None, serves_others=True)
    assert "cannot be named here" in start_compare(studio, ["static-minilm", "/etc"])["fault"]


def test_presets_say_what_is_missing(studio: Studio) -> None:
    assert "has no model yet" in choose_with_base(studio, None)[1]
    assert "No run has made a model" in choose_last(studio, None)[1]
    assert "Run the chapter" in choose_chapter(studio, None)[1]


def test_run_and_its_base_are_among_the_choices(studio: Studio) -> None:
    run = queue_run(studio.runs_dir, "static-minilm")
    run.set_status(state="done", has_model=True)
    update, said = choose_with_base(studio, run.id)
    assert update["value"] == [f"untouched:{run.id}", f"run:{run.id}"] and said == ""
    assert set(update["value"]) <= {name for _, name in update["choices"]}
    assert choose_last(studio, run.id)[0]["value"] == [f"run:{run.id}"]
    assert "static-minilm" in [name for _, name in compare_choices(studio, None)]


def test_speed_and_bytes_are_asked_of_both_models_of_the_run(studio: Studio) -> None:
    assert "no model yet" in start_timing(studio, None)["fault"] and "no model yet" in start_shrinking(studio, None, "")["fault"]
    from core.models import build_static_minilm

    run = queue_run(studio.runs_dir, "static-minilm")
    build_static_minilm("cpu").save_pretrained(str(run.path / "model"), create_model_card=False)
    run.set_status(state="done", has_model=True)
    assert "many" in start_shrinking(studio, run.id, "many")["fault"]
    for value in (start_timing(studio, run.id), start_shrinking(studio, run.id, "64")):
        assert "fault" not in value


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")
def test_keyboard_sorts_the_table_in_a_browser() -> None:
    page_html = f"<body><script>const element = document.body;{SORTING}</script>{compare_card(ANSWER | {'rows': ROWS})}</body>"
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(page_html)

        def order() -> list[str]:
            return page.locator("td.model b").all_inner_texts()

        assert order() == ["b", "<a>", "c"]
        speed = page.get_by_role("button", name="Texts/s")
        speed.focus()
        page.keyboard.press("Enter")
        assert order() == ["<a>", "b", "c"]
        assert page.locator("th[aria-sort=descending]").all_inner_texts() == ["Texts/s"]
        page.keyboard.press("Enter")
        assert order() == ["b", "<a>", "c"]
        page.get_by_role("button", name="MB").click()
        assert order() == ["<a>", "b", "c"]
        assert page.locator("th[aria-sort]").all_inner_texts() == ["MB"]
        page.get_by_role("button", name="Model").click()
        assert order() == ["<a>", "b", "c"]
        page.get_by_role("button", name="Model").press("Space")
        assert order() == ["c", "b", "<a>"]
