"""How far pairs are off their place, which are worst, and in which band a gold score lies."""

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from core.pair_errors import average_ranks, gold_bands, places_off, worst_pairs
from core.score_figures import MOST_POINTS, band_figure, band_names, scatter_figure


def test_ranks_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).integers(0, 9, 200)
    assert (average_ranks(values.tolist()) == rankdata(values)).all()


def test_places_off_make_spearman() -> None:
    rng = np.random.default_rng(1)
    gold, cosines = rng.random(50).tolist(), rng.random(50).tolist()
    squares = float(((places_off(gold, cosines) * 49) ** 2).sum())
    assert 1 - 6 * squares / (50 * (50**2 - 1)) == pytest.approx(spearmanr(gold, cosines)[0])


def test_worst_are_farthest_off_in_either_direction() -> None:
    off = places_off([0.0, 0.2, 0.4, 0.6, 1.0], [0.95, 0.3, 0.4, 0.5, 0.6])
    assert worst_pairs(off, 1) == [0] and off[0] == 1.0
    assert (off[1:] < 0).all()


def test_cosines_on_a_scale_of_their_own_are_not_blamed() -> None:
    gold = np.linspace(0, 1, 30)
    assert np.abs(places_off(gold.tolist(), (0.8 + gold / 10).tolist())).max() == 0


def test_bands_are_fifths_and_their_ends_lie_where_they_say() -> None:
    assert gold_bands([0, 0.199, 0.2, 3 / 5, 0.8, 1.0]).tolist() == [0, 0, 1, 3, 4, 4]
    assert band_names(5)[0] == "0 to 1" and band_names(5)[-1] == "4 to 5"
    assert band_names(1)[0] == "0 to .2" and band_names(1)[-1] == ".8 to 1"


def test_points_carry_their_rows_and_both_sides_one_scale_of_colours() -> None:
    gold, before, after = [0.0, 0.5, 1.0], [0.9, 0.5, 0.1], [0.1, 0.5, 0.9]
    figure = scatter_figure(gold, {"Before": before, "After": after}, 5)
    first, second = figure["data"]
    assert first["customdata"] == [0, 1, 2] and first["x"] == [0, 2.5, 5] and second["y"] == after
    assert first["marker"]["color"] == [1, 0, 1] and second["marker"]["color"] == [0, 0, 0]
    assert first["text"][0] == "gold 0.00, cosine 0.90<br>100 % of all places off"
    assert first["marker"]["coloraxis"] == second["marker"]["coloraxis"] == "coloraxis"
    assert figure["layout"]["xaxis2"]["matches"] == "x" and figure["layout"]["yaxis2"]["matches"] == "y"


def test_a_points_hover_is_rounded_once_as_the_line_below_it_is() -> None:
    said = scatter_figure([0.3, 0.7], {"One": [0.4446, 0.9]}, 5)["data"][0]["text"][0]
    assert "cosine 0.44<" in said, "rounded to .445 first it would be .45"


def test_of_many_pairs_a_part_is_drawn_with_the_worst_in_it() -> None:
    rng = np.random.default_rng(0)
    gold = rng.random(3 * MOST_POINTS)
    cosines = gold + rng.normal(size=len(gold)) * 0.1
    rows = scatter_figure(gold.tolist(), {"One": cosines.tolist()}, 1)["data"][0]["customdata"]
    assert MOST_POINTS <= len(rows) <= MOST_POINTS + 20
    assert set(worst_pairs(places_off(gold.tolist(), cosines.tolist()))) <= set(rows)


def test_each_band_is_a_histogram_of_its_own_pairs() -> None:
    gold = [0.1, 0.1, 0.1, 0.9, 0.9]
    figure = band_figure(gold, {"Before": [-0.31, 0.2, 0.3, 0.7, 1.0], "After": [0.0, 0.1, 0.2, 0.9, 1.0]}, 5)
    assert len(figure["data"]) == 4, "two bands with pairs, two sides"
    assert all(sum(trace["y"]) == pytest.approx(1, abs=1e-3) for trace in figure["data"]), "also the ends of the scale count"
    assert [trace["showlegend"] for trace in figure["data"]] == [True, True, False, False]
    texts = [label["text"] for label in figure["layout"]["annotations"]]
    assert "gold 0 to 1" in texts[0] and "3 pairs" in texts[0] and "median 0.20 → 0.10" in texts[0]
