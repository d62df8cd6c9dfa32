"""The chapter's methods as recipes: each size is one run, or a chain of runs, that anyone can run again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from core import recipe_runs
from core.config import RunConfig
from core.errors import ConfigError
from core.recipe_runs import Chain

NEEDS_TRANSFORMER = "a static model averages word vectors and has neither dropout nor a place for a decoder"


@dataclass(frozen=True)
class RecipeSpec:
    """One recipe: `sizes` in which it can be had, the first by default; `why_not` says why a size is not offered.

    `book` is the chapter's figure, Pearson of cosines on STSB validation after bert-base-uncased and 50,000 MNLI rows. `main` is
    the run of the chain whose settings the form shows: what a person sets is set there.
    """

    id: str
    title: str
    teaches: str
    build: Callable[[str], Chain]
    sizes: tuple[str, ...]
    why_not: Mapping[str, str] = field(default_factory=dict)
    book: float | None = None
    main: int = -1


EVERY_SIZE = ("instant", "laptop", "book")
RECIPES: Mapping[str, RecipeSpec] = MappingProxyType(
    {
        spec.id: spec
        for spec in (
            RecipeSpec(
                "quick-demo",
                "Quick demo",
                "A few seconds on the sentences that ship with the studio: the whole way from loss curve to map.",
                recipe_runs.quick_demo,
                ("instant",),
                dict.fromkeys(("laptop", "book"), "it is there to be quick; the recipe MNR has more"),
            ),
            RecipeSpec(
                "softmax",
                "Softmax",
                "The first loss of the chapter. It learns to name the relation of two sentences; "
                "their cosine is not what it trains, and it shows.",
                recipe_runs.softmax,
                EVERY_SIZE,
                book=0.598,
            ),
            RecipeSpec(
                "cosine-similarity",
                "Cosine similarity",
                "The same rows, asked directly for cosines: 1 for what follows, 0 for the rest.",
                recipe_runs.cosine_similarity,
                EVERY_SIZE,
                book=0.722,
            ),
            RecipeSpec(
                "mnr",
                "MNR",
                "Entailments only. Every other positive of the batch is a negative for free, and that beats labels.",
                recipe_runs.mnr,
                EVERY_SIZE,
                book=0.809,
            ),
            RecipeSpec(
                "mnr-hard-negatives",
                "MNR with hard negatives",
                "MNR again, with a contradiction of the same premise beside each positive: close in words, wrong in meaning.",
                recipe_runs.mnr_hard_negatives,
                ("instant", "book"),
                {"laptop": "from MiniLM this is the recipe fine-tune"},
            ),
            RecipeSpec(
                "fine-tune",
                "Fine-tune MiniLM",
                "A model that is good already gets a little better. The book feeds contradictions to MNR as positives, "
                "which leaves next to nothing of the gain: here a contradiction is the hard negative of an entailment.",
                recipe_runs.fine_tune,
                ("laptop", "book"),
                {"instant": "MiniLM is a transformer, and takes minutes on a CPU"},
                book=0.851,
            ),
            RecipeSpec(
                "augmented-sbert",
                "Augmented SBERT",
                "Few gold rows teach a cross-encoder, which is slow but sees both sentences at once. It scores thousands "
                "of further pairs, silver ones, and a fast bi-encoder learns from gold and silver.",
                recipe_runs.augmented_sbert,
                ("instant", "book"),
                {"laptop": "MiniLM knows more already than a cross-encoder learns from 1,000 gold rows"},
                book=0.710,
            ),
            RecipeSpec(
                "tsdae",
                "TSDAE",
                "Texts alone, no labels: write a text again from the embedding of what is left after most words are deleted. "
                "MiniLM was trained for similarity, and in some minutes it forgets more of that than it learns of the domain: "
                "both figures fall. What TSDAE helps is a model that has not learned similarity yet, over many more texts.",
                recipe_runs.tsdae,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
                book=0.699,
            ),
            RecipeSpec(
                "simcse",
                "SimCSE",
                "Texts alone: a text read twice with other neurons dropped out is a positive pair; "
                "the rest of the batch is negatives.",
                recipe_runs.simcse,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
            ),
            RecipeSpec(
                "contrastive-tension",
                "Contrastive tension",
                "Texts alone: two copies of one model drift apart while each has to find a text in the other's batch.",
                recipe_runs.contrastive_tension,
                ("laptop", "book"),
                {"instant": "its texts of a new domain are to be judged with a model that reads them in order"},
            ),
            RecipeSpec(
                "domain-adaptation",
                "Domain adaptation",
                "Two runs: TSDAE learns how a new domain speaks from its texts alone, "
                "then MNR on NLI rows shapes the space again.",
                recipe_runs.domain_adaptation,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
                main=0,
            ),
            RecipeSpec(
                "margin-mse",
                "Margins of a cross-encoder",
                "The end of GPL: a cross-encoder says by how much a positive fits better than a mined negative, "
                "and Margin MSE teaches the embeddings the same margins.",
                recipe_runs.margin_mse,
                ("instant",),
                {
                    "laptop": "MiniLM knows more already than a cross-encoder learns from 1,000 gold rows",
                    "book": "the chapter does not train it",
                },
            ),
            RecipeSpec(
                "label-space",
                "A space by label",
                "Reviews that lie mixed before lie by sentiment after: a space shows what it was trained to show. "
                "300 of them are too few for word vectors to do the same with new ones.",
                recipe_runs.label_space,
                ("instant",),
                dict.fromkeys(("laptop", "book"), "300 short reviews need no larger model"),
            ),
        )
    }
)


def recipe_chain(recipe: str, size: str | None = None) -> Chain:
    """Return a recipe's runs at a size, in their order; without a size, at the first that the recipe has.

    Raises:
        ConfigError: the recipe or the size is not known, or is impossible for the method.
    """
    if recipe not in RECIPES:
        raise ConfigError("recipe", f"'{recipe[:60]}' is not known; choose one of {', '.join(RECIPES)}.")
    spec = RECIPES[recipe]
    chosen = size or spec.sizes[0]
    if chosen not in spec.sizes:
        why = f": {spec.why_not[chosen]}" if chosen in spec.why_not else ""
        raise ConfigError("size", f"{recipe} has no size '{chosen[:40]}'{why}; choose {' or '.join(spec.sizes)}.")
    return spec.build(chosen)


def recipe_config(recipe: str, size: str | None = None) -> RunConfig:
    """Return the run of a recipe whose settings the form shows; the only one of most recipes.

    Raises:
        ConfigError: the recipe or the size is not known, or is impossible for the method.
    """
    return recipe_chain(recipe, size)[RECIPES[recipe].main]


def split_size(recipe: str) -> tuple[str, str | None]:
    """Return a recipe's id and size from "mnr@laptop"; without a size None, which takes the recipe's first."""
    name, _, size = recipe.partition("@")
    return name, size or None
