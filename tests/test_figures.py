from typing import Any

import numpy as np
import pytest

from core.figures import map_figure
from core.projection import project_before_after


def places(texts: list[str], before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    topics = ["one" if index % 2 else "two" for index in range(len(texts))]
    return {"texts": texts, "topic": topics, "part": topics, "before": before.tolist(), "after": after.tolist()}


def test_axes_hold_the_most_variance_of_the_later_space() -> None:
    rng = np.random.default_rng(0)
    after = rng.normal(size=(50, 8)) * np.array([9, 5, 1, 1, 1, 1, 1, 1])
    laid = project_before_after(after, after)
    assert np.allclose(laid.before, laid.after), "a text that did not move keeps its place"
    assert np.isclose(laid.after.var(axis=0).sum() / after.var(axis=0).sum(), laid.explained.sum())
    assert laid.explained[0] > laid.explained[1] > 0.1


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_texts_still_have_places(count: int) -> None:
    vectors = np.eye(4, dtype=np.float32)[:count]
    laid = project_before_after(vectors, vectors)
    assert laid.after.shape == (count, 2) and np.isfinite(laid.after).all()


def test_equal_texts_lie_on_one_place_without_an_error() -> None:
    vectors = np.ones((5, 4), dtype=np.float32)
    laid = project_before_after(vectors, vectors)
    assert np.allclose(laid.after, 0) and np.allclose(laid.explained, 0)
    map_figure(places(["a"] * 5, laid.before, laid.after), "topic")


def test_both_sides_share_axes_that_hold_every_point() -> None:
    before, after = np.random.default_rng(1).normal(size=(2, 20, 2))
    layout = map_figure(places([f"text {i}" for i in range(20)], before, after), "topic").layout
    assert layout.xaxis.range == layout.xaxis2.range and layout.yaxis.range == layout.yaxis2.range
    low, high = layout.xaxis.range
    assert low < min(before[:, 0].min(), after[:, 0].min()) and high > max(before[:, 0].max(), after[:, 0].max())


def test_text_on_hover_is_escaped() -> None:
    figure = map_figure(places(["<script>alert(1)</script> & more"], np.zeros((1, 2)), np.ones((1, 2))), "topic")
    assert "<script>" not in figure.data[0].text[0] and "&lt;script&gt;" in figure.data[0].text[0]
