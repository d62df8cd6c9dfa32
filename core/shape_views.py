"""What losses without a softmax over the batch see: pairs and what is said of them, triplets, classes, texts."""

import numpy as np

from core.batch_view import (
    SHOWN_ROWS,
    Batch,
    BatchView,
    Floats,
    HardRow,
    Mark,
    Matrix,
    Points,
    cells_of,
    hardest_of,
    rounded,
    short,
    shown_note,
)
from core.loss_formulas import batch_all_triplet_loss, cosent_loss

DIAGONAL = ((0.0, 0.0), (1.0, 1.0))
SOFT = "batch-hard-soft-margin-triplet"


def scored_view(batch: Batch, loss: str, scale: float) -> BatchView:
    """Return the cosines of scored pairs against their scores, 0..1."""
    assert batch.values is not None
    scores, cosines = batch.values.astype(float), batch.cosines("sentence1", "sentence2")
    higher = scores[:, None] > scores[None, :]
    ordered = float((cosines[:, None] > cosines[None, :])[higher].mean()) if higher.any() else 1.0
    said = [
        f"Of every two pairs with different scores, the higher score has the higher cosine in {100 * ordered:.0f} % already.",
        f"Cosines are {abs((cosines - scores).mean()):.2f} too {'high' if cosines.mean() > scores.mean() else 'low'} on average.",
    ]
    mean_loss = None
    if loss == "cosine-similarity":
        mean_loss = float(((scores - cosines) ** 2).mean())
        said.append(f"The loss of this batch, the mean squared difference, is {mean_loss:.3f}.")
    if loss == "cosent":
        mean_loss = cosent_loss(batch.vectors["sentence1"], batch.vectors["sentence2"], scores, scale)
        said.append(f"The loss of this batch is {mean_loss:.3f}; only the order of the cosines counts in it.")
    points = Points("Score", "Cosine", rounded(scores), rounded(cosines), _pair_texts(batch), list(DIAGONAL))
    return BatchView(points, said, _hard_pairs(batch, "Score", scores, cosines), mean_loss)


def binary_view(batch: Batch, loss: str, margin: float) -> BatchView:
    """Return the cosines of pairs that are alike, label 1, and of those that are not, label 0."""
    assert batch.values is not None
    alike, cosines = batch.values.astype(float), batch.cosines("sentence1", "sentence2")
    distance, unlike = 1 - cosines, alike == 0
    far = int((distance[unlike] >= margin).sum())
    said = [f"{far:,} of {int(unlike.sum()):,} pairs that are not alike lie beyond the margin already and teach nothing."]
    mean_loss = None
    if loss == "contrastive":
        mean_loss = float((0.5 * (alike * distance**2 + (1 - alike) * np.maximum(0, margin - distance) ** 2)).mean())
        said.append(f"The loss of this batch is {mean_loss:.3f}.")
    names = np.where(unlike, "not alike", "alike").tolist()
    points = Points("Label", "Cosine", names, rounded(cosines), _pair_texts(batch), [])
    return BatchView(points, said, _hard_pairs(batch, "Label", alike, cosines), mean_loss)


def class_pairs_view(batch: Batch, names: list[str]) -> BatchView:
    """Return the cosines of pairs by their class; the classifier that reads them is new, so no row is harder than another."""
    assert batch.values is not None
    cosines = batch.cosines("sentence1", "sentence2")
    called = [names[label] if label < len(names) else str(label) for label in batch.values]
    means = {name: cosines[np.array(called) == name].mean() for name in sorted(set(called))}
    said = [
        "Mean cosine by class: " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items()) + ".",
        "The classifier that reads the pairs is new, so it finds no row harder than another yet.",
    ]
    return BatchView(Points("Class", "Cosine", called, rounded(cosines), _pair_texts(batch), []), said, [])


def _pair_texts(batch: Batch) -> list[str]:
    return [f"{short(one)} | {short(two)}" for one, two in zip(batch.texts["sentence1"], batch.texts["sentence2"], strict=True)]


def _hard_pairs(batch: Batch, name: str, wanted: Floats, cosines: Floats) -> list[HardRow]:
    rows = []
    for row in hardest_of(np.abs(wanted - cosines)):
        texts = {"First": short(batch.texts["sentence1"][row]), "Second": short(batch.texts["sentence2"][row])}
        numbers = {name: wanted[row], "Cosine": cosines[row], "Apart by": abs(wanted[row] - cosines[row])}
        rows.append(HardRow(row + 1, texts, {key: round(float(value), 3) for key, value in numbers.items()}))
    return rows


def triplets_view(batch: Batch, margin: float) -> BatchView:
    """Return each anchor's cosine to its positive against that to its negative; nothing else of the batch is looked at."""
    near, far = batch.cosines("anchor", "positive"), batch.cosines("anchor", "negative")
    losses = np.maximum(0, far - near + margin)
    holds = int((losses == 0).sum())
    said = [
        f"{holds:,} of {len(near):,} triplets hold already, with a margin of {margin:g}, and teach nothing.",
        f"The loss of this batch is {losses.mean():.3f}. Above the line a triplet holds.",
    ]
    points = Points(
        "Cosine to the negative", "Cosine to the positive", rounded(far), rounded(near), _triplet_texts(batch),
        [(-margin, 0.0), (1 - margin, 1.0)],
    )  # fmt: skip
    numbers = {"To positive": near, "To negative": far, "Loss": losses}
    return BatchView(points, said, _hard_triplets(batch, losses, numbers), float(losses.mean()))


def margins_view(batch: Batch) -> BatchView:
    """Return by how much the model prefers each positive, as dot products, against how much the cross-encoder does."""
    assert batch.values is not None
    wanted, anchors = batch.values.astype(float), batch.vectors["anchor"]
    ours = (anchors * (batch.vectors["positive"] - batch.vectors["negative"])).sum(axis=1)
    losses = (ours - wanted) ** 2
    said = [
        f"The cross-encoder prefers the positive by {wanted.mean():.2f} on average, the model by {ours.mean():.2f}.",
        f"{int((wanted <= 0).sum()):,} of {len(wanted):,} negatives fit as well as the positive, says the cross-encoder.",
        f"The loss of this batch is {losses.mean():.3f}. On the line both agree.",
    ]
    ends = [(end, end) for end in (float(wanted.min()), float(wanted.max()))]
    titles = ("Margin of the cross-encoder", "Margin of the model")
    points = Points(*titles, rounded(wanted), rounded(ours), _triplet_texts(batch), ends)
    numbers = {"Wanted margin": wanted, "Model's margin": ours, "Loss": losses}
    return BatchView(points, said, _hard_triplets(batch, losses, numbers), float(losses.mean()))


def _triplet_texts(batch: Batch) -> list[str]:
    columns = (batch.texts[column] for column in ("anchor", "positive", "negative"))
    return [" | ".join(map(short, texts)) for texts in zip(*columns, strict=True)]


def _hard_triplets(batch: Batch, losses: Floats, numbers: dict[str, Floats]) -> list[HardRow]:
    return [
        HardRow(
            row + 1,
            {column.capitalize(): short(batch.texts[column][row]) for column in ("anchor", "positive", "negative")},
            {name: round(float(values[row]), 3) for name, values in numbers.items()},
        )
        for row in hardest_of(losses)
    ]


def classes_view(batch: Batch, loss: str, margin: float, names: list[str]) -> BatchView:
    """Return texts against texts with those of one class marked, and how many triplets of the batch hold already."""
    assert batch.values is not None
    vectors, labels, texts = batch.unit("text"), batch.values, batch.texts["text"]
    cosines, same = vectors @ vectors.T, labels[:, None] == labels[None, :]
    itself = np.eye(len(labels), dtype=bool)
    farthest = np.where(same & ~itself, cosines, np.inf).min(axis=1)
    nearest = np.where(~same, cosines, -np.inf).max(axis=1)
    # A text that is alone of its class, or has nothing but its class around it, is in no triplet.
    gaps = np.where(np.isfinite(farthest) & np.isfinite(nearest), nearest - farthest, -np.inf)
    holding, triplets = count_holding(cosines, same, 0.0 if loss == SOFT else margin)
    mean_loss = _class_loss(batch, loss, margin, gaps)
    said = [f"{holding:,} of {triplets:,} triplets of this batch hold already ({100 * holding / max(1, triplets):.0f} %)."]
    said += [f"The loss of this batch is {mean_loss:.3f}."] if mean_loss is not None else []
    shown = slice(SHOWN_ROWS)
    mark = Mark("positive", "of the same class", cells_of((same & ~itself)[shown, shown]))
    labelled = [f"{_class_name(label, names)}: {short(text)}" for label, text in zip(labels[shown], texts[shown], strict=True)]
    drawn = rounded(np.where(itself, np.nan, cosines)[shown, shown])
    matrix = Matrix("texts", "the same texts", labelled, labelled, drawn, [mark], "of another class, pushed away")
    hardest = [_hard_class_row(batch, row, cosines, same & ~itself, names) for row in hardest_of(gaps) if np.isfinite(gaps[row])]
    return BatchView(matrix, said + shown_note(len(labels), "triplets are counted"), hardest, mean_loss)


def count_holding(cosines: Floats, same: np.ndarray, margin: float) -> tuple[int, int]:
    """Return how many triplets hold, cos(a, p) − cos(a, n) >= margin, and how many there are."""
    holding = triplets = 0
    for row in range(len(cosines)):
        kin = same[row].copy()
        kin[row] = False
        others = np.sort(cosines[row][~same[row]])
        holding += int(np.searchsorted(others, cosines[row][kin] - margin, side="right").sum())
        triplets += len(others) * int(kin.sum())
    return holding, triplets


def _class_loss(batch: Batch, loss: str, margin: float, gaps: Floats) -> float | None:
    known = gaps[np.isfinite(gaps)]
    if loss == "batch-all-triplet":
        return batch_all_triplet_loss(batch.vectors["text"], batch.values, margin)  # type: ignore[arg-type]
    if loss == "batch-hard-triplet" and len(known) == len(gaps):
        return float(np.maximum(0, known + margin).mean())
    return float(np.log1p(np.exp(known)).mean()) if loss == SOFT and len(known) == len(gaps) else None


def _class_name(label: int, names: list[str]) -> str:
    return names[label] if label < len(names) else str(label)


def _hard_class_row(batch: Batch, row: int, cosines: Floats, kin: np.ndarray, names: list[str]) -> HardRow:
    assert batch.values is not None
    texts, other = batch.texts["text"], batch.values != batch.values[row]
    far, near = int(np.where(kin[row], cosines[row], np.inf).argmin()), int(np.where(other, cosines[row], -np.inf).argmax())
    said = {
        "Text": f"{_class_name(batch.values[row], names)}: {short(texts[row])}",
        "Farthest of its class": short(texts[far]),
        "Nearest of another": f"{_class_name(batch.values[near], names)}: {short(texts[near])}",
    }
    numbers = {"To its class": cosines[row, far], "To the other": cosines[row, near]}
    return HardRow(row + 1, said, {name: round(float(value), 3) for name, value in numbers.items()})


def diagonal_view(batch: Batch, columns: tuple[str, str], mark: str, losses: Floats | None) -> BatchView:
    """Return the texts of one column against those of the other, of which each row's own is marked, where `mark` names it."""
    first, second = batch.unit(columns[0]), batch.unit(columns[1])
    cosines = first @ second.T
    shown, own = slice(SHOWN_ROWS), np.diagonal(cosines)
    rows, others = ([short(text) for text in batch.texts[column][shown]] for column in columns)
    marks = [Mark("positive", mark, [(row, row) for row in range(len(rows))])] if mark else []
    titles = [column.capitalize() for column in columns]
    matrix = Matrix(f"{columns[0]} texts", f"{columns[1]} texts", rows, others, rounded(cosines[shown, shown]), marks)
    mean_loss = None if losses is None else float(losses.mean())
    said = [f"Cosine of a text with its own: {own.mean():.2f} on average, {own.min():.2f} at the lowest."] if mark else []
    said += [f"The loss of this batch is {mean_loss:.4f}."] if mean_loss is not None else []
    hard = hardest_of(-own if losses is None else losses) if mark else []
    hardest = [
        HardRow(
            row + 1,
            {title: short(batch.texts[column][row]) for title, column in zip(titles, columns, strict=True)},
            {"Cosine": round(float(own[row]), 3)} | ({} if losses is None else {"Loss": round(float(losses[row]), 5)}),
        )
        for row in hard
    ]
    return BatchView(matrix, said + shown_note(len(own)), hardest, mean_loss)
