"""Who pushes whom: shares are those of the loss's gradient, reckoned by differences."""

import numpy as np

from core.pushes import MOST_ARROWS, pushes_figure, pushes_of

RANDOM = np.random.default_rng(3)
ROWS, CANDIDATES, SCALE = 5, 10, 20.0
TEXTS = [f"anchor {row}" for row in range(ROWS)], [f"candidate {place}" for place in range(CANDIDATES)]
COSINES = RANDOM.uniform(-0.2, 0.9, (ROWS, CANDIDATES))
NOBODY = np.zeros((ROWS, CANDIDATES), bool)


def softmax_of(cosines: np.ndarray) -> np.ndarray:
    raised = np.exp(SCALE * cosines)
    shares: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return shares


def loss(cosines: np.ndarray, row: int) -> float:
    return float(-np.log(softmax_of(cosines)[row, row]))


def test_shares_are_those_of_the_gradient_of_the_cosines() -> None:
    found = pushes_of(TEXTS, COSINES, softmax_of(COSINES), NOBODY)
    for row, push in enumerate(found):
        slopes = []
        for place in range(CANDIDATES):
            more, less = COSINES.copy(), COSINES.copy()
            more[row, place] += 1e-5
            less[row, place] -= 1e-5
            slopes.append((loss(more, row) - loss(less, row)) / 2e-5)
        wanted = np.abs(slopes) / np.abs(slopes).sum()
        for arrow in push["arrows"]:
            assert abs(arrow["share"] - wanted[int(arrow["text"].split()[1])]) < 1e-3
        pulls = [arrow["share"] for arrow in push["arrows"] if arrow["kind"] == "positive"]
        assert len(pulls) == 1 and abs(pulls[0] - 0.5) < 1e-3, "the positive pulls as hard as all others together push"


def test_own_hard_negative_and_right_answers_are_named() -> None:
    right = NOBODY.copy()
    right[0, 2] = True
    kinds = {arrow["text"]: arrow["kind"] for arrow in pushes_of(TEXTS, COSINES, softmax_of(COSINES), right)[0]["arrows"]}
    assert kinds["candidate 0"] == "positive" and kinds["candidate 5"] == "hard-negative"
    assert kinds["candidate 2"] == "false-negative" and kinds["candidate 1"] == "negative"


def test_positive_is_kept_where_there_are_more_candidates_than_arrows() -> None:
    cosines = np.full((40, 40), 0.9)
    np.fill_diagonal(cosines, 1.0)
    texts = [str(row) for row in range(40)], [str(row) for row in range(40)]
    # So sure of its positive that nothing pulls any more: it is drawn all the same.
    softmax = np.full((40, 40), 1e-9)
    np.fill_diagonal(softmax, 1 - 39e-9)
    arrows = pushes_of(texts, cosines, softmax, np.zeros((40, 40), bool))[7]["arrows"]
    assert len(arrows) == MOST_ARROWS and [arrow["text"] for arrow in arrows if arrow["kind"] == "positive"] == ["7"]


def test_figure_shows_one_anchor_and_lists_the_others() -> None:
    figure = pushes_figure(pushes_of(TEXTS, COSINES, softmax_of(COSINES), NOBODY))
    buttons = figure["layout"]["updatemenus"][0]["buttons"]
    assert len(buttons) == ROWS
    shown = [trace["visible"] for trace in figure["data"]]
    assert shown == buttons[0]["args"][1] and 0 < sum(shown) < len(shown)
    covered = np.array([button["args"][1] for button in buttons]).sum(axis=0)
    assert (covered == 1).all(), "each trace belongs to one anchor"
