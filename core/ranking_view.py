"""What a loss with in-batch negatives sees: each anchor against all candidates, and where its softmax lies."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.batch_view import (
    SHOWN_ROWS,
    BatchView,
    Flags,
    Floats,
    HardRow,
    Mark,
    Matrix,
    cells_of,
    hardest_of,
    rounded,
    short,
    shown_note,
    unit,
)
from core.pushes import pushes_of

NOTHING = np.zeros((0, 0))


@dataclass(frozen=True)
class Ranking:
    """One batch of n anchors and m candidates, of which the first n are the anchors' own positives.

    `cosines` are (n, m); `scale` is 1 / temperature. `right` flags false negatives and `struck` what a guide left out, (n, m).
    `beside` are further logits that the loss counts and nobody draws, (n, any). `both_ways`: each positive looks for its anchor
    as well.
    """

    anchors: Sequence[str]
    candidates: Sequence[str]
    cosines: Floats
    scale: float
    right: Flags
    struck: Flags | None = None
    beside: Floats = field(default_factory=lambda: NOTHING)
    both_ways: bool = False

    @property
    def logits(self) -> Floats:
        """The scaled cosines, minus infinity where struck out, (n, m)."""
        scaled: Floats = self.scale * self.cosines
        return scaled if self.struck is None else np.where(self.struck, -np.inf, scaled)

    def log_softmax(self) -> Floats:
        """Return the logarithm of each row's softmax over all that it counts, at the candidates, (n, m)."""
        logits = self.logits
        counted = np.concatenate([logits, self.beside], axis=1) if self.beside.size else logits
        softmax: Floats = logits - np.logaddexp.reduce(counted, axis=1, keepdims=True)
        return softmax

    def losses(self) -> Floats:
        """Return each row's cross-entropy, (n,); their mean is the library's loss."""
        own = -np.diagonal(self.log_softmax())
        if not self.both_ways:
            return own
        logits = self.logits
        back: Floats = np.logaddexp.reduce(logits, axis=0)[: len(own)] - np.diagonal(logits)
        return (own + back) / 2


@dataclass(frozen=True)
class Words:
    """What the page calls a row's text and its positive, the mark on the latter, and the matrix's rows and columns."""

    text: str
    positive: str
    mark: str
    rows: str
    columns: str


PAIR_WORDS = Words("Anchor", "Positive", "own positive", "anchors", "positives")
AGAIN_WORDS = Words("Text", "Read again", "the same text, read again", "texts", "the same texts, read again")
COPY_WORDS = Words("Text", "By the copy", "the same text by the copy", "texts", "the same texts by the model's copy")


@dataclass(frozen=True)
class Guided:
    """What a guide strikes out: candidates, (n, m), and the further logits of GIST, (n, 2 n), minus infinity where struck."""

    struck: Flags
    beside: Floats


def guided(vectors: tuple[Floats, Floats], guide: tuple[Floats, Floats], scale: float) -> Guided:
    """Compare as GIST does: also anchors with anchors and positives with positives, less what the guide finds as near.

    Args:
        vectors: the model's embeddings of the n anchors and of all candidates, (n, dim) and (m, dim).
        guide: the guide's, of the same texts.
        scale: 1 / temperature.

    Solatorio 2024, GISTEmbed, arXiv:2402.16829, section 3.
    """
    (anchors, candidates), (their_anchors, theirs) = map(unit, vectors), map(unit, guide)
    own, rows = (their_anchors * theirs[: len(their_anchors)]).sum(axis=1)[:, None], len(anchors)
    struck = their_anchors @ theirs.T > own
    np.fill_diagonal(struck, False)
    blocks = ((anchors, their_anchors), (candidates[:rows], theirs[:rows]))
    beside = [np.where(guide @ guide.T > own, -np.inf, scale * ours @ ours.T) for ours, guide in blocks]
    return Guided(struck, np.concatenate(beside, axis=1))


def ranking_view(ranking: Ranking, words: Words = PAIR_WORDS) -> BatchView:
    """Return the view of a batch in the words that fit it."""
    softmax, losses = np.exp(ranking.log_softmax()), ranking.losses()
    shares = np.diagonal(softmax)
    return BatchView(
        _matrix(ranking, words),
        _sentences(ranking, shares, losses),
        [_hard_row(ranking, words, row, softmax, losses) for row in hardest_of(losses)],
        round(float(losses.mean()), 6),
        rounded(shares[:SHOWN_ROWS]),
        pushes_of((ranking.anchors, ranking.candidates), ranking.cosines, softmax, ranking.right),
    )


def _matrix(ranking: Ranking, words: Words) -> Matrix:
    rows, total = ranking.cosines.shape
    shown = np.array([place for place in range(total) if place % rows < SHOWN_ROWS])
    own = np.arange(total)[None, :] % rows == np.arange(rows)[:, None]
    positive = own & (np.arange(total) < rows)
    flags: list[tuple[str, str, Flags]] = [("positive", words.mark, positive)]
    if total > rows:
        flags.append(("hard-negative", "own hard negative", own & ~positive))
    if ranking.struck is not None:
        flags.append(("struck-out", "struck out by the guide", ranking.struck))
    flags.append(("false-negative", "false negative: a right answer", ranking.right))
    return Matrix(
        words.rows,
        words.columns + (", then hard negatives" if total > rows else ""),
        [short(text) for text in ranking.anchors[:SHOWN_ROWS]],
        [short(ranking.candidates[place]) for place in shown],
        rounded(ranking.cosines[:SHOWN_ROWS][:, shown]),
        [Mark(kind, name, cells_of(where[:SHOWN_ROWS][:, shown])) for kind, name, where in flags],
        "another row's text: a negative in this batch",
    )


def _sentences(ranking: Ranking, shares: Floats, losses: Floats) -> list[str]:
    rows, total = ranking.cosines.shape
    found = int(ranking.right.sum())
    said = [
        f"On average {shares.mean():.2f} of a row's softmax lies on its own positive, where blind guessing among {total:,} "
        f"candidates would put {1 / total:.2g}. The loss of this batch is {losses.mean():.3f}."
    ]
    if found:
        cells = "1 cell is a false negative" if found == 1 else f"{found:,} cells are false negatives"
        said.append(f"{cells}: right for the anchor, and taken for wrong in this batch.")
    else:
        said.append("No false negative was found: no other row holds a text known to be right for the anchor.")
    if ranking.struck is not None:
        caught = int((ranking.struck & ranking.right).sum())
        said.append(
            f"The guide strikes out {int(ranking.struck.sum()):,} of {rows * (total - 1):,} negatives, {caught:,} of the false "
            "ones among them. Anchors among themselves and positives among themselves are pushed apart too; they are counted "
            "and not drawn."
        )
    return said + shown_note(rows, "shares and loss are")


def _hard_row(ranking: Ranking, words: Words, row: int, softmax: Floats, losses: Floats) -> HardRow:
    others = softmax[row].copy()
    others[row] = -1
    rival = int(others.argmax())
    texts = {
        words.text: short(ranking.anchors[row]),
        words.positive: short(ranking.candidates[row]),
        "Nearest other candidate": short(ranking.candidates[rival]),
        "Which is": _called(ranking, row, rival),
    }
    numbers = {"Share": softmax[row, row], "Share of the other": softmax[row, rival], "Loss": losses[row]}
    return HardRow(row + 1, texts, {name: round(float(value), 4) for name, value in numbers.items()})


def _called(ranking: Ranking, row: int, rival: int) -> str:
    if ranking.right[row, rival]:
        return "a false negative"
    owner = rival % len(ranking.anchors)
    if rival < len(ranking.anchors):
        return f"row {owner + 1}'s own"
    return "its hard negative" if owner == row else f"row {owner + 1}'s hard negative"
