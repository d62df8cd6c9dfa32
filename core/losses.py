"""The losses that can be chosen, as data: what each needs, what it does, where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core.errors import ConfigError
from core.examples import CLASS_PAIRS, POSITIVE_PAIRS, SCORED_PAIRS, TRIPLETS


@dataclass(frozen=True)
class LossParameter:
    """One number of a loss, with the range it may take."""

    name: str
    default: float
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class LossSpec:
    """One loss: `class_name` is its name in sentence_transformers, `shapes` the examples it takes, best first."""

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


LOSSES: Mapping[str, LossSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            LossSpec(
                id="softmax",
                title="Softmax",
                class_name="SoftmaxLoss",
                shapes=(CLASS_PAIRS,),
                what_it_does="A small classifier reads both embeddings and their difference and names the pair's class. "
                "The space is shaped only in passing: nothing in it asks for a large cosine between equal meanings.",
                formula="cross-entropy(W [u; v; |u − v|], class)",
                when="To see where sentence embeddings began; cosine similarity or MNR give better ones from the same rows.",
                paper="Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084, section 3",
            ),
            LossSpec(
                id="cosine-similarity",
                title="Cosine similarity",
                class_name="CosineSimilarityLoss",
                shapes=(SCORED_PAIRS,),
                what_it_does="Moves the cosine of a pair towards its score. "
                "Entailments are pulled to 1, neutral and contradicting pairs are pushed to 0.",
                formula="(score − cos(u, v))²",
                when="When pairs come with a score, such as STSB's ratings, or with labels that can be turned into one.",
                paper="Reimers and Gurevych 2019, Sentence-BERT, arXiv:1908.10084, section 3",
            ),
            LossSpec(
                id="mnr",
                title="Multiple negatives ranking (MNR)",
                class_name="MultipleNegativesRankingLoss",
                shapes=(POSITIVE_PAIRS, TRIPLETS),
                what_it_does="Each anchor has to find its own positive among all the positives of the batch. "
                "With triplets, the hard negatives of the batch stand among the candidates as well.",
                formula="−log( exp(s·cos(a, p)) / Σ exp(s·cos(a, candidate)) ),  s = scale = 1 / temperature",
                when="The first choice when all you have is pairs that belong together; larger batches are harder and better.",
                paper="Henderson et al. 2017, arXiv:1705.00652, section 4; van den Oord et al. 2018, arXiv:1807.03748",
                parameters=(
                    LossParameter(
                        "scale", 20.0, 0.1, 200.0, "1 / temperature: how sharply the best candidate is told from the rest"
                    ),
                ),
                in_batch_negatives=True,
            ),
        )
    }
)


def loss_spec(loss: str) -> LossSpec:
    """Return the catalogue entry of a loss; an unknown name is a `ConfigError` that lists the known ones."""
    if loss not in LOSSES:
        raise ConfigError("loss", f"'{loss[:40]}' is not known; choose one of {', '.join(LOSSES)}.")
    return LOSSES[loss]


def check_loss_params(loss: str, given: Mapping[str, float]) -> None:
    """Refuse a parameter that the loss does not have, or a value outside its range."""
    known = {parameter.name: parameter for parameter in loss_spec(loss).parameters}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise ConfigError("loss_params", f"{loss} has no parameter '{name[:40]}'; it takes: {names}.")
        low, high = known[name].low, known[name].high
        if not low <= value <= high:
            raise ConfigError("loss_params", f"{name} is {value:g}; choose a number from {low:g} to {high:g}.")
