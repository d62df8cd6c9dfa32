"""What the catalogue says of a loss."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class LossParameter:
    """One number of a loss, with the range it may take; `whole` numbers are counts."""

    name: str
    default: float
    low: float
    high: float
    meaning: str
    whole: bool = False


@dataclass(frozen=True)
class LossSpec:
    """One loss: `class_name` is its name in sentence_transformers, `shapes` the examples it takes, best first.

    `in_batch_negatives`: the other rows of a batch are negatives, so equal texts must not meet in one. `by_label`: a batch holds
    several texts of each class. `teacher`: what else it learns from, "model" (an embedding model) or "cross-encoder".
    `not_static`: why it cannot train a static model, or nothing. `nests`: it can be asked of the first dimensions alone as
    well (Matryoshka). `cosine_distance`: distances are 1 − cosine, where the library would
    take Euclidean ones.
    """

    id: str
    title: str
    class_name: str
    shapes: tuple[str, ...]
    what_it_does: str
    formula: str
    when: str
    paper: str
    parameters: tuple[LossParameter, ...] = field(default=())
    in_batch_negatives: bool = False
    by_label: bool = False
    teacher: str = ""
    not_static: str = ""
    nests: bool = False
    cosine_distance: bool = False
