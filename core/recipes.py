"""The chapter's methods as recipes: each size is one run, or a chain of runs, that anyone can run again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.config import PREVIOUS, RunConfig
from core.errors import ConfigError

Chain = tuple[RunConfig, ...]
BOOK_BASE, BOOK_ROWS = "bert-base-uncased", 50_000
NEEDS_TRANSFORMER = "a static model averages word vectors and has neither dropout nor a place for a decoder"


def _on_nli(recipe: str, size: str, loss: str, **settings: object) -> RunConfig:
    """Return one run on NLI rows with what its size brings, `settings` laid over it."""
    by_size: dict[str, dict[str, object]] = {
        "instant": {"base_model": "static-minilm", "batch_size": 256, "learning_rate": 5e-3},
        "laptop": {"base_model": "all-minilm-l6-v2", "batch_size": 64, "learning_rate": 2e-5, "max_seq_length": 64},
        "book": {"base_model": BOOK_BASE, "data": "mnli", "max_rows": BOOK_ROWS, "batch_size": 32, "learning_rate": 5e-5},
    }
    values = {"data": "snli+mnli", "epochs": 1.0, "warmup": 0.1, "scheduler": "linear"} | by_size[size] | settings
    return RunConfig.model_validate(values | {"recipe": recipe, "size": size, "loss": loss})


def _softmax(size: str) -> Chain:
    return (_on_nli("softmax", size, "softmax", examples="class-pairs"),)


def _cosine_similarity(size: str) -> Chain:
    return (_on_nli("cosine-similarity", size, "cosine-similarity", examples="scored-pairs"),)


def _mnr(size: str) -> Chain:
    return (_on_nli("mnr", size, "mnr", examples="positive-pairs", negatives="none"),)


def _mnr_hard_negatives(size: str) -> Chain:
    # Chosen on STSB's train part among 20 settings; for the word vectors alone, which learn more from a softer softmax.
    tuned: dict[str, Any] = {"epochs": 5.0, "loss_params": {"scale": 10.0}} if size == "instant" else {}
    return (_on_nli("mnr-hard-negatives", size, "mnr", examples="triplets", negatives="hard", **tuned),)


def _quick_demo(size: str) -> Chain:
    # Learning rate and length were chosen on STSB's train part; the sample's pairs had no say.
    tuned: dict[str, Any] = {"batch_size": 32, "epochs": 4.0, "learning_rate": 3e-3}
    return (_on_nli("quick-demo", size, "mnr", data="sample", examples="positive-pairs", negatives="none", **tuned),)


def _fine_tune(size: str) -> Chain:
    return (_on_nli("fine-tune", size, "mnr", base_model="all-minilm-l6-v2", examples="triplets", negatives="hard"),)


def _cross_encoder(recipe: str, size: str, gold: int) -> RunConfig:
    """Return the run that teaches a cross-encoder the scores of the first `gold` rows of each data set."""
    base = BOOK_BASE if size == "book" else "all-minilm-l6-v2"
    tuned: dict[str, Any] = {"batch_size": 32, "learning_rate": 5e-5, "max_seq_length": 64, "best_by": "last", "epochs": 2.0}
    tuned |= {"kind": "cross-encoder", "base_model": base, "max_rows": gold, "examples": "scored-pairs"}
    return _on_nli(recipe, size, "mnr", **tuned)


def _augmented_sbert(size: str) -> Chain:
    # Of each data set: SNLI and MNLI give 1,000 gold rows together, the book's size 10,000 of MNLI.
    gold, amount = (10_000, 40_000) if size == "book" else (500, 10_000)
    silver = {"judge": PREVIOUS, "pairs": "given", "amount": amount}
    then = _on_nli("augmented-sbert", size, "cosine-similarity", examples="scored-pairs", max_rows=gold, silver=silver)
    return (_cross_encoder("augmented-sbert", size, gold), then)


def _on_texts(recipe: str, size: str, loss: str, **settings: object) -> RunConfig:
    """Return one run on Banking77's training texts, labels left out; in the book's size on MNLI's."""
    by_size: dict[str, dict[str, object]] = {
        "laptop": {"base_model": "all-minilm-l6-v2", "data": "banking77", "max_seq_length": 64, "best_by": "last"},
        "book": {"base_model": BOOK_BASE, "data": "mnli", "max_rows": BOOK_ROWS // 2},
    }
    shape = "damaged-pairs" if loss == "denoising" else "plain-texts"
    values = {"epochs": 1.0, "warmup": 0.1, "scheduler": "linear", "examples": shape} | by_size[size] | settings
    return RunConfig.model_validate(values | {"recipe": recipe, "size": size, "loss": loss})


def _tsdae(size: str) -> Chain:
    return (_on_texts("tsdae", size, "denoising", pooling="cls", batch_size=16, learning_rate=3e-5),)


def _simcse(size: str) -> Chain:
    return (_on_texts("simcse", size, "simcse", batch_size=128, learning_rate=1e-5),)


def _contrastive_tension(size: str) -> Chain:
    return (_on_texts("contrastive-tension", size, "contrastive-tension", batch_size=128, learning_rate=1e-5),)


def _domain_adaptation(size: str) -> Chain:
    first = _on_texts("domain-adaptation", size, "denoising", pooling="cls", batch_size=16, learning_rate=3e-5)
    then = _on_nli("domain-adaptation", size, "mnr", base_model=PREVIOUS, examples="triplets", negatives="hard")
    return (first, then)


def _margin_mse(size: str) -> Chain:
    first = _cross_encoder("margin-mse", size, 1_000)
    then = _on_nli("margin-mse", size, "margin-mse", examples="triplets", negatives="semi-hard", teacher=PREVIOUS)
    return (first, then)


def _label_space(size: str) -> Chain:
    values = {"base_model": "static-minilm", "data": "sample", "split": "reviews", "loss": "batch-all-triplet"}
    values |= {"examples": "labelled-texts"}
    tuned: dict[str, Any] = {"epochs": 20.0, "batch_size": 60, "learning_rate": 1e-3, "warmup": 0.1, "scheduler": "linear"}
    return (RunConfig.model_validate(values | tuned | {"recipe": "label-space", "size": size}),)


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
                _quick_demo,
                ("instant",),
                dict.fromkeys(("laptop", "book"), "it is there to be quick; take mnr for more"),
            ),
            RecipeSpec(
                "softmax",
                "Softmax",
                "The first loss of the chapter. It learns to name the relation of two sentences; "
                "their cosine is not what it trains, and it shows.",
                _softmax,
                EVERY_SIZE,
                book=0.598,
            ),
            RecipeSpec(
                "cosine-similarity",
                "Cosine similarity",
                "The same rows, asked directly for cosines: 1 for what follows, 0 for the rest.",
                _cosine_similarity,
                EVERY_SIZE,
                book=0.722,
            ),
            RecipeSpec(
                "mnr",
                "MNR",
                "Entailments only. Every other positive of the batch is a negative for free, and that beats labels.",
                _mnr,
                EVERY_SIZE,
                book=0.809,
            ),
            RecipeSpec(
                "mnr-hard-negatives",
                "MNR with hard negatives",
                "MNR again, with a contradiction of the same premise beside each positive: close in words, wrong in meaning.",
                _mnr_hard_negatives,
                EVERY_SIZE,
            ),
            RecipeSpec(
                "fine-tune",
                "Fine-tune MiniLM",
                "A model that is good already gets a little better. The book feeds contradictions to MNR as positives, "
                "which loses half of the gain: here an entailment is the positive, a contradiction the hard negative.",
                _fine_tune,
                ("laptop", "book"),
                {"instant": "MiniLM is a transformer, and takes minutes on a CPU"},
                book=0.851,
            ),
            RecipeSpec(
                "augmented-sbert",
                "Augmented SBERT",
                "Few gold rows teach a cross-encoder, which is slow but sees both sentences at once. It scores thousands "
                "of further pairs, silver ones, and a fast bi-encoder learns from gold and silver.",
                _augmented_sbert,
                EVERY_SIZE,
                book=0.710,
            ),
            RecipeSpec(
                "tsdae",
                "TSDAE",
                "Texts alone, no labels: write a text again from the embedding of what is left after most words are deleted. "
                "A model that was trained for similarity forgets some of it here; what it learns is the domain.",
                _tsdae,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
                book=0.699,
            ),
            RecipeSpec(
                "simcse",
                "SimCSE",
                "Texts alone: a text read twice with other neurons dropped out is a positive pair; "
                "the rest of the batch is negatives.",
                _simcse,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
            ),
            RecipeSpec(
                "contrastive-tension",
                "Contrastive tension",
                "Texts alone: two copies of one model drift apart while each has to find a text in the other's batch.",
                _contrastive_tension,
                ("laptop", "book"),
                {"instant": "its texts of a new domain are to be judged with a model that reads them in order"},
            ),
            RecipeSpec(
                "domain-adaptation",
                "Domain adaptation",
                "Two runs: TSDAE learns how a new domain speaks from its texts alone, "
                "then MNR on NLI rows shapes the space again.",
                _domain_adaptation,
                ("laptop", "book"),
                {"instant": NEEDS_TRANSFORMER},
                main=0,
            ),
            RecipeSpec(
                "margin-mse",
                "Margins of a cross-encoder",
                "The end of GPL: a cross-encoder says by how much a positive fits better than a mined negative, "
                "and Margin MSE teaches the embeddings the same margins.",
                _margin_mse,
                ("instant", "laptop"),
                {"book": "the chapter does not train it"},
            ),
            RecipeSpec(
                "label-space",
                "A space by label",
                "The same reviews lie by subject before and by sentiment after: a space shows what it was trained to show.",
                _label_space,
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
