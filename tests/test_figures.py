"""Figures say what their data says."""

from itertools import combinations

import numpy as np

from core.figures import MOST_BARS, PALETTE, label_figure, length_figure, score_figure, spread_figure


def test_the_largest_classes_are_drawn_by_name() -> None:
    bars = label_figure({"0": 3, "1": 9, "5": 1}, ("cold", "warm")).data[0]
    assert (list(bars.x), list(bars.y)) == (["warm", "cold", "5"], [9, 3, 1])
    many = label_figure({str(label): label + 1 for label in range(90)}, ()).data[0]
    assert (len(many.x), many.y[0]) == (MOST_BARS, 90)


def test_a_score_stands_in_the_middle_of_its_bar() -> None:
    bars = score_figure([1, 0, 0, 7]).data[0]
    assert (list(bars.x), list(bars.y)) == ([0.125, 0.375, 0.625, 0.875], [1, 0, 0, 7])


def test_lengths_are_gathered_into_at_most_forty_bars_and_none_is_lost() -> None:
    figure = length_figure({str(length): 2 for length in range(1, 200)}, 128)
    assert len(figure.data[0].x) <= MOST_BARS + 1
    assert sum(figure.data[0].y) == 2 * 199
    assert figure.layout.shapes[0].x0 == 128, "a line where texts are cut off"
    assert not length_figure({"5": 3}, 128).layout.shapes, "and none far beyond the longest"


def test_spreads_are_shares_of_their_own_pairs() -> None:
    figure = spread_figure({"gold": [1, 3], "silver": [0, 0]})
    assert [list(bars.y) for bars in figure.data] == [[0.25, 0.75], [0, 0]]


def oklab(colour: str) -> np.ndarray:
    """Return a colour's place in OKLab (Björn Ottosson, 2020), where distances are as seen."""
    coded = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    cones = np.array([[0.41222, 0.53633, 0.05145], [0.21190, 0.68070, 0.10740], [0.08830, 0.28172, 0.62998]]) @ light
    rows = [[0.21045, 0.79362, -0.00407], [1.97800, -2.42859, 0.45059], [0.02590, 0.78277, -0.80868]]
    place: np.ndarray = np.array(rows) @ np.cbrt(cones)
    return place


def test_no_two_colours_of_the_palette_are_near_twins() -> None:
    apart = [np.linalg.norm(oklab(one) - oklab(other)) for one, other in combinations(PALETTE, 2)]
    assert len(PALETTE) == 12 and min(apart) > 0.14
