"""The runs that recipes are made of: one function a method, which returns its chain at a size."""

from typing import Any

from core.config import PREVIOUS, RunConfig

Chain = tuple[RunConfig, ...]
BOOK_BASE, BOOK_ROWS = "bert-base-uncased", 50_000


def _on_nli(recipe: str, size: str, loss: str, **settings: object) -> RunConfig:
    """Return one run on NLI rows with what its size brings, `settings` laid over it."""
    by_size: dict[str, dict[str, object]] = {
        "instant": {"base_model": "static-minilm", "batch_size": 256, "learning_rate": 5e-3},
        "laptop": {"base_model": "all-minilm-l6-v2", "batch_size": 64, "learning_rate": 2e-5, "max_seq_length": 64},
        "book": {"base_model": BOOK_BASE, "data": "mnli", "max_rows": BOOK_ROWS, "batch_size": 32, "learning_rate": 5e-5},
    }
    values = {"data": "snli+mnli", "epochs": 1.0, "warmup": 0.1, "scheduler": "linear"} | by_size[size] | settings
    return RunConfig.model_validate(values | {"recipe": recipe, "size": size, "loss": loss})


def _fewer_rows(size: str) -> dict[str, Any]:
    """Cut the rows of a size that would take more than a few minutes: every row is an example here, not each third one."""
    return {"max_rows": 4000} if size == "laptop" else {}


def softmax(size: str) -> Chain:
    """Name the relation of two sentences, the first method of the chapter."""
    return (_on_nli("softmax", size, "softmax", examples="class-pairs", **_fewer_rows(size)),)


def cosine_similarity(size: str) -> Chain:
    """Ask for cosines: 1 for what follows, 0 for the rest."""
    return (_on_nli("cosine-similarity", size, "cosine-similarity", examples="scored-pairs", **_fewer_rows(size)),)


def mnr(size: str) -> Chain:
    """Find the own positive among those of the batch."""
    return (_on_nli("mnr", size, "mnr", examples="positive-pairs", negatives="none"),)


def mnr_hard_negatives(size: str) -> Chain:
    """MNR with a contradiction of the same premise beside each positive."""
    # Chosen on STSB's train part among 20 settings; for the word vectors alone, which learn more from a softer softmax.
    tuned: dict[str, Any] = {"epochs": 5.0, "loss_params": {"scale": 10.0}} if size == "instant" else {}
    return (_on_nli("mnr-hard-negatives", size, "mnr", examples="triplets", negatives="hard", **tuned),)


def quick_demo(size: str) -> Chain:
    """MNR on the sample: the whole way in seconds."""
    # Learning rate and length were chosen on STSB's train part; the sample's pairs had no say.
    tuned: dict[str, Any] = {"batch_size": 32, "epochs": 4.0, "learning_rate": 3e-3}
    return (_on_nli("quick-demo", size, "mnr", data="sample", examples="positive-pairs", negatives="none", **tuned),)


def fine_tune(size: str) -> Chain:
    """MNR from a model that is good already."""
    # Chosen on STSB's train part; the README lists what was tried.
    tuned: dict[str, Any] = {"learning_rate": 5e-5} if size == "laptop" else {}
    return (_on_nli("fine-tune", size, "mnr", base_model="all-minilm-l6-v2", examples="triplets", negatives="hard", **tuned),)


# STSB's train part holds pairs that people scored: 1,000 of them teach more of likeness than NLI's labels do.
GOLD: dict[str, Any] = {"data": "stsb", "max_rows": 1_000}


def _cross_encoder(recipe: str, size: str, **rows: object) -> RunConfig:
    """Return the run that teaches a cross-encoder the scores of gold rows."""
    base = BOOK_BASE if size == "book" else "all-minilm-l6-v2"
    tuned: dict[str, Any] = {"batch_size": 32, "learning_rate": 5e-5, "max_seq_length": 48, "best_by": "last", "epochs": 1.5}
    return _on_nli(
        recipe, size, "mnr", **tuned | {"kind": "cross-encoder", "base_model": base, "examples": "scored-pairs"} | rows
    )


def augmented_sbert(size: str) -> Chain:
    """A cross-encoder from gold rows, then a bi-encoder from gold and silver ones."""
    gold, amount = ({"max_rows": 10_000}, 40_000) if size == "book" else (GOLD, 2_000)
    silver = {"judge": PREVIOUS, "pairs": "given", "amount": amount}
    then = _on_nli("augmented-sbert", size, "cosine-similarity", **{"examples": "scored-pairs", "silver": silver} | gold)
    return (_cross_encoder("augmented-sbert", size, **gold), then)


# STSB does not say whether a domain was learned: its texts are of another one.
JUDGED_BY_DOMAIN: dict[str, object] = {"also_score": ("banking77",), "best_by": "last"}


def _fewer_steps(size: str) -> dict[str, Any]:
    """End a size's run after some minutes; the sampler shuffles, and the file is sorted by intent."""
    return {"max_steps": 250} if size == "laptop" else {}


def _on_texts(recipe: str, size: str, loss: str, **settings: object) -> RunConfig:
    """Return one run on Banking77's training texts, labels left out; in the book's size on MNLI's."""
    by_size: dict[str, dict[str, object]] = {
        "laptop": {"base_model": "all-minilm-l6-v2", "data": "banking77", "max_seq_length": 64} | JUDGED_BY_DOMAIN,
        "book": {"base_model": BOOK_BASE, "data": "mnli", "max_rows": BOOK_ROWS // 2},
    }
    shape = "damaged-pairs" if loss == "denoising" else "plain-texts"
    values = {"epochs": 1.0, "warmup": 0.1, "scheduler": "linear", "examples": shape} | by_size[size] | settings
    return RunConfig.model_validate(values | {"recipe": recipe, "size": size, "loss": loss})


def tsdae(size: str) -> Chain:
    """Write texts again from the embedding of what is left of them."""
    return (_on_texts("tsdae", size, "denoising", pooling="cls", batch_size=16, learning_rate=3e-5, **_fewer_steps(size)),)


# At MNR's scale a trained model finds its own text among 128 at once, and learns nothing.
SOFT = {"scale": 5.0}


def simcse(size: str) -> Chain:
    """Find a text again when other neurons are dropped out."""
    return (_on_texts("simcse", size, "simcse", batch_size=128, learning_rate=1e-5, loss_params=SOFT),)


def contrastive_tension(size: str) -> Chain:
    """Find a text in the other copy's batch."""
    brief: dict[str, Any] = {"batch_size": 64, "max_steps": 60} if size == "laptop" else {"batch_size": 128}
    return (_on_texts("contrastive-tension", size, "contrastive-tension", learning_rate=1e-5, **brief),)


def domain_adaptation(size: str) -> Chain:
    """TSDAE on the texts of a domain, then MNR on NLI rows."""
    first = _on_texts(
        "domain-adaptation", size, "denoising", pooling="cls", batch_size=16, learning_rate=3e-5, **_fewer_rows(size)
    )
    judged = JUDGED_BY_DOMAIN | _fewer_rows(size) if size == "laptop" else {}
    then = _on_nli("domain-adaptation", size, "mnr", base_model=PREVIOUS, examples="triplets", negatives="hard", **judged)
    return (first, then)


def margin_mse(size: str) -> Chain:
    """A cross-encoder, then its margins on mined negatives."""
    first = _cross_encoder("margin-mse", size, **GOLD)
    then = _on_nli("margin-mse", size, "margin-mse", examples="triplets", negatives="semi-hard", teacher=PREVIOUS)
    return (first, then)


def label_space(size: str) -> Chain:
    """Arrange the reviews of the sample by sentiment."""
    values = {"base_model": "static-minilm", "data": "sample", "split": "reviews", "loss": "batch-all-triplet"}
    values |= {"examples": "labelled-texts"}
    tuned: dict[str, Any] = {"epochs": 20.0, "batch_size": 60, "learning_rate": 1e-3, "warmup": 0.1, "scheduler": "linear"}
    return (RunConfig.model_validate(values | tuned | {"recipe": "label-space", "size": size}),)
