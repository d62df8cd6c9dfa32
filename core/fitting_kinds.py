"""Which further measures fit which kind of rows, and what each of their figures says. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from core.examples import LABELLED_ROWS, NLI_ROWS, PAIR_ROWS, SCORED_ROWS, TRIPLET_ROWS
from core.measures import MEASURES, POSITIVE_FROM

MOST_ROWS, MOST_CORPUS, FEWEST_ROWS = 2_000, 5_000, 10
ALIKE_FROM, NEIGHBOURS, RANKED, SEED = 0.6, 5, 10, 42
HIGHER, LOWER, NEITHER = "higher", "lower", ""
BETTER, WORSE, NO_DIFFERENCE = "better", "worse", "no real difference"


class FigureSpec(NamedTuple):
    """A figure's title on the page, one line on how to read it, and which direction is better: higher, lower or neither."""

    title: str
    reading: str
    better: str = HIGHER


@dataclass(frozen=True)
class FittingSpec:
    """One measure: `kinds` maps each kind of rows that it fits to what it looks at there; `figures` by the name they are kept."""

    id: str
    title: str
    kinds: Mapping[str, str]
    figures: Mapping[str, FigureSpec]
    needs_reference: bool = False


FITTING: Mapping[str, FittingSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            FittingSpec(
                "triplets",
                "Triplet accuracy",
                MappingProxyType(
                    {
                        TRIPLET_ROWS: "anchor, positive and negative as they are given",
                        NLI_ROWS: "a premise, what follows from it, and what contradicts it",
                    }
                ),
                MappingProxyType(
                    {
                        "accuracy": FigureSpec(
                            "Triplet accuracy",
                            "How often the positive is nearer to the anchor than the negative: higher is better, 0.5 is a coin.",
                        )
                    }
                ),
            ),
            FittingSpec(
                "binary",
                "Alike or not",
                MappingProxyType(
                    {
                        SCORED_ROWS: f"a pair that scores {ALIKE_FROM} of the scale or more counts as alike",
                        NLI_ROWS: "an entailment counts as alike, a contradiction as not; neutral pairs are left out",
                    }
                ),
                MappingProxyType(
                    {
                        "ap": FigureSpec(
                            "Average precision",
                            "Are the alike pairs those with the largest cosines? Higher is better, 1 is all of them first; "
                            "chance is the share of alike pairs.",
                        ),
                        "f1": FigureSpec(
                            "Best F1",
                            "Precision and recall of “alike” in one, at the best threshold: higher is better.",
                        ),
                        "f1_threshold": FigureSpec(
                            "Threshold of F1",
                            "The cosine from which on a pair is called alike: a setting for your search, not a quality.",
                            NEITHER,
                        ),
                        "accuracy": FigureSpec(
                            "Best accuracy",
                            "The share of pairs called rightly, at the best threshold: higher is better.",
                        ),
                    }
                ),
            ),
            FittingSpec(
                "retrieval",
                "Retrieval",
                MappingProxyType(
                    {
                        PAIR_ROWS: "each anchor looks for its positives among all positives",
                        TRIPLET_ROWS: "each anchor looks for its positives among all positives",
                        NLI_ROWS: "each premise looks for what follows from it among all entailed sentences; "
                        "others that happen to be true count as wrong",
                    }
                ),
                MappingProxyType(
                    {
                        "ndcg_10": FigureSpec(
                            "nDCG@10", "How high the right answers stand among the first ten, all counted: higher is better."
                        ),
                        "mrr_10": FigureSpec(
                            "MRR@10",
                            "1 over the rank of the first right answer, 0 beyond 10: higher is better, to 1.",
                        ),
                        "recall_1": FigureSpec(
                            "Recall@1", "The share of the right answers that stands first: higher is better; of two, ½ at most."
                        ),
                        "recall_10": FigureSpec(
                            "Recall@10", "The share of the right answers among the first ten: higher is better."
                        ),
                    }
                ),
            ),
            FittingSpec(
                "paraphrases",
                "Paraphrase mining",
                MappingProxyType(
                    {SCORED_ROWS: f"all texts in one heap: pairs that score {ALIKE_FROM} or more are to be found again in it"}
                ),
                MappingProxyType(
                    {
                        "ap": FigureSpec(
                            "Average precision",
                            "Do the nearest pairs of the heap come first that people called alike? Higher is better; pairs that "
                            "nobody judged count as wrong, so 1 is out of reach.",
                        ),
                        "f1": FigureSpec(
                            "Best F1", "Precision and recall of the finds, at the best threshold: higher is better."
                        ),
                        "threshold": FigureSpec(
                            "Threshold of F1", "The cosine from which on a found pair is kept; a setting, not a quality.", NEITHER
                        ),
                    }
                ),
            ),
            FittingSpec(
                "space",
                "The space",
                MappingProxyType(
                    {
                        SCORED_ROWS: f"alignment of pairs that score {POSITIVE_FROM} or more, uniformity of the texts",
                        PAIR_ROWS: "alignment of all pairs, uniformity of the texts",
                    }
                ),
                MappingProxyType({name: FigureSpec(*MEASURES[name], better=LOWER) for name in ("alignment", "uniformity")}),
            ),
            FittingSpec(
                "neighbours",
                "Nearest neighbours",
                MappingProxyType({LABELLED_ROWS: f"each text gets the label that most of its {NEIGHBOURS} nearest texts have"}),
                MappingProxyType(
                    {
                        "accuracy": FigureSpec(
                            "kNN accuracy", "The share of texts whose label is found in this way: higher is better, to 1."
                        ),
                        "macro_f1": FigureSpec(
                            "Macro F1", "F1 of each label, rare ones counted as much as frequent ones: higher is better, to 1."
                        ),
                    }
                ),
            ),
            FittingSpec(
                "silhouette",
                "Silhouette",
                MappingProxyType({LABELLED_ROWS: "is each text nearer to its own label's texts than to the next label's"}),
                MappingProxyType(
                    {
                        "silhouette": FigureSpec(
                            "Silhouette",
                            "How well the labels make clusters by cosine distance, −1 to 1: higher is better, 0 is none.",
                        )
                    }
                ),
            ),
            FittingSpec(
                "classes",
                "Logistic regression",
                MappingProxyType(
                    {LABELLED_ROWS: "10 classifiers on 8 texts a label of the train part, as MTEB's classification tasks do"}
                ),
                MappingProxyType(
                    {
                        "accuracy": FigureSpec(
                            "Accuracy of logistic regression",
                            "The share of texts whose label the classifiers find: higher is better. On a sample of the rows; "
                            "the benchmark itself takes all of them.",
                        )
                    }
                ),
                needs_reference=True,
            ),
        )
    }
)


def fitting_specs(kind: str, has_reference: bool) -> tuple[FittingSpec, ...]:
    """Return the measures for rows of a kind; some need a train part of the same labels beside them."""
    return tuple(spec for spec in FITTING.values() if kind in spec.kinds and (has_reference or not spec.needs_reference))


def verdict(better: str, low: float, high: float) -> str:
    """Say what the interval of a difference, after − before, means: better or worse only where it excludes 0."""
    if better == NEITHER or low <= 0 <= high:
        return NO_DIFFERENCE
    return BETTER if (low > 0) == (better == HIGHER) else WORSE
