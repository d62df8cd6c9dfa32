"""The map's figure: every text once on each side, readable and harmless."""

import json
from typing import Any

import pytest

from core.figures import PALETTE, WRAP_CHARACTERS, map_figure


def places(count: int = 6, text: str = "a short text") -> dict[str, Any]:
    return {
        "texts": [text] * count,
        "topic": ["music" if index % 2 else "sport" for index in range(count)],
        "part": ["premise"] * count,
        "before": [[index / 10, 0.5] for index in range(count)],
        "after": [[float(index), -(float(index) ** 2)] for index in range(count)],
    }


def test_every_text_is_a_point_on_each_side() -> None:
    figure = map_figure(places(), "topic")
    for side, axis in (("before", "x"), ("after", "x2")):
        points = {(x, y) for trace in figure.data if trace.xaxis == axis for x, y in zip(trace.x, trace.y, strict=True)}
        assert points == {tuple(point) for point in places()[side]}


def test_points_are_spread_over_a_range_that_both_sides_share() -> None:
    layout = map_figure(places(), "topic").layout
    assert layout.xaxis.range == layout.xaxis2.range
    assert layout.yaxis.range == layout.yaxis2.range
    assert (layout.xaxis.range[0] < 0 < 5 < layout.xaxis.range[1]) and layout.xaxis.range[1] < 6
    assert (layout.yaxis.range[0] < -25 < 0.5 < layout.yaxis.range[1]) and layout.yaxis.range[0] > -30


@pytest.mark.parametrize(("colour_by", "groups"), [("topic", ["sport", "music"]), ("part", ["premise"])])
def test_group_has_one_colour_and_one_name_in_the_legend(colour_by: str, groups: list[str]) -> None:
    figure = map_figure(places(), colour_by)
    assert [trace.name for trace in figure.data if trace.showlegend] == groups
    for group in groups:
        assert len({trace.marker.color for trace in figure.data if trace.name == group}) == 1
    assert len({trace.marker.color for trace in figure.data}) == len(groups)


def test_more_groups_than_colours_are_drawn_as_well() -> None:
    many = places(len(PALETTE) + 3)
    many["topic"] = [f"topic {index}" for index in range(len(PALETTE) + 3)]
    assert len(map_figure(many, "topic").data) == 2 * (len(PALETTE) + 3)


def test_hover_text_escapes_tags() -> None:
    figure = map_figure(places(text="<script>alert(1)</script> & <b>more</b>"), "topic")
    for trace in figure.data:
        for text in trace.text:
            assert "<script>" not in text
            assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;more&lt;/b&gt;" in text.replace("<br>", " ")


def test_hover_text_of_a_long_sentence_is_wrapped_and_whole() -> None:
    sentence = " ".join(f"word{number}" for number in range(40))
    text = map_figure(places(text=sentence), "topic").data[0].text[0]
    *lines, caption = text.split("<br>")
    assert " ".join(lines) == sentence
    assert len(lines) > 3
    assert max(map(len, lines)) <= WRAP_CHARACTERS
    assert caption == "<i>sport, premise</i>"


def test_points_all_in_one_place_still_have_a_range() -> None:
    alike = places(3) | {"before": [[0.0, 0.0]] * 3, "after": [[0.0, 0.0]] * 3}
    low, high = map_figure(alike, "topic").layout.xaxis.range
    assert low < 0 < high


def test_figure_goes_out_as_json() -> None:
    assert len(json.loads(map_figure(places(), "topic").to_json())["data"]) == 4
