"""What lies in memory while a model is trained, part by part, in bytes.

What each layer keeps for the backward pass was counted with `torch.autograd.graph.saved_tensors_hooks` on BERT's layers, whose
attention on a CPU keeps three matrices of (tokens, tokens) for each head; on a GPU it keeps none.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from core.base_models import STATIC
from core.batch_lengths import ColumnLengths
from core.loss_spec import LossSpec
from core.losses import loss_spec
from core.model_facts import ModelFacts

CPU = "cpu"
FP32_BYTES = 4
# AdamW keeps two moments of each weight.
MOMENTS_BYTES = 2 * FP32_BYTES
# The worker with its libraries before there is a model; 70 MB more where it prepares the examples itself.
LIBRARIES_BYTES = 545_000_000
# A text as pandas and as Arrow hold it, and what a token adds.
TEXT_BYTES, TOKEN_BYTES = 200, 10
# The best step's weights are cloned, and turned into bytes three times on their way to the file. Activations are gone by then,
# but blocks of other sizes do not fit into the room that they leave: so much of the smaller of the two comes on top.
# Where no step is kept, the finished model is still saved.
COPIES, COPIES_AT_THE_END, MISFIT = 4, 1, 0.75
# Kept by a layer for each token and number of its width, and of its inner width; under autocast much of it in 2 bytes.
KEPT_FP32, KEPT_HALF = (42.0, 8.0), (35.4, 4.0)
KEPT_BY_EMBEDDING = 8.0
KEPT_BY_HEAD = 12
KEPT_BY_CROSS_ATTENTION = 20.0
# The backward pass holds a layer's gradients as well, and blocks of other sizes leave gaps: more of them where a batch is read
# in pieces, or LoRA's matrices read copies.
SLACK, LOOSE_SLACK = 1.15, 1.5
# A matrix of similarities, its softmax, and the gradients of both; the same of the words that a decoder may write.
SIMILARITY_COPIES, WORD_COPIES = 4, 3.5
# Each triplet of a batch, as number, mask and sum.
TRIPLET_BYTES = 16
ALL_TRIPLETS = frozenset({"batch-all-triplet", "batch-semi-hard-triplet"})
# STSB's longest sentences; without a backward pass nothing is kept, and the layer at work holds its widths so many times.
EVALUATION_TOKENS, READ_COPIES = 45, 7
WRITES_WORDS = frozenset({"denoising", "masked-language-model"})
DEFAULT_CHUNK = 32


@dataclass(frozen=True)
class Workload:
    """What the footprint depends on: `trainable` weights of the model, `guide_parameters` of a model that is only read.

    `examples` is 0 where they were not counted.
    """

    facts: ModelFacts
    loss: str
    settings: Mapping[str, Any]
    lengths: ColumnLengths
    trainable: int
    examples: int
    classes: int = 0
    guide_parameters: int = 0
    device: str = CPU

    @property
    def spec(self) -> LossSpec:
        """The loss's entry in the catalogue."""
        return loss_spec(self.loss)

    @property
    def is_half(self) -> bool:
        """Whether much is computed in 2 bytes a number."""
        return self.facts.kind != STATIC and self.settings.get("precision") in ("bf16", "fp16")

    @property
    def is_cached(self) -> bool:
        """Whether the loss reads a batch in pieces."""
        return "mini_batch_size" in {parameter.name for parameter in self.spec.parameters}

    @property
    def is_loose(self) -> bool:
        """Whether activations lie less densely than usual."""
        return self.is_cached or bool(self.settings.get("lora_rank"))

    @property
    def trained_layers(self) -> int:
        """The layers that the backward pass goes through."""
        return max(0, self.facts.layers - int(self.settings.get("frozen_layers") or 0))

    def with_loss(self, loss: str) -> "Workload":
        """Return the same work under another loss, with that loss's own defaults."""
        return replace(self, loss=loss, settings=MappingProxyType({**self.settings, "loss_params": {}}))

    def texts_seen(self, batch_size: int) -> int:
        """Return how many different texts of a column training draws in all."""
        steps = self.settings.get("max_steps") or math.inf
        drawn = steps * batch_size * int(self.settings.get("gradient_accumulation") or 1)
        return int(min(drawn, self.examples or batch_size))


def footprint(work: Workload, batch_size: int) -> dict[str, int]:
    """Return the bytes of each part at the peak; their sum is the peak, so that saving counts by what it adds to a step."""
    batch_size = min(batch_size, work.examples or batch_size)
    new, fixed = loss_weights(work)
    trained = work.trainable + new
    step = {
        "gradients": FP32_BYTES * trained,
        "activations": (LOOSE_SLACK if work.is_loose else SLACK) * _activations(work, batch_size),
        "similarities": _similarities(work, batch_size),
        "words": _words(work, batch_size),
    }
    saving = _beyond(sum(step.values()), _copies(work))
    parts = _process(work) | {
        "weights": FP32_BYTES * (work.facts.parameters + new + fixed),
        "moments": MOMENTS_BYTES * trained,
        **step,
        "saving": saving,
        # Scoring finds the room that a step has left.
        "scoring": max(0.0, _evaluation(work) - sum(step.values()) - saving),
    }
    return {name: round(size) for name, size in parts.items() if size >= 1}


def _process(work: Workload) -> dict[str, float]:
    """Return what lies in the machine's own memory also where a GPU does the work."""
    if work.device != CPU:
        return {}
    tokens = sum(sum(length * count for length, count in each.items()) / sum(each.values()) for each in work.lengths.columns)
    rows = work.examples * (TEXT_BYTES * len(work.lengths.columns) + TOKEN_BYTES * tokens)
    return {"libraries": LIBRARIES_BYTES, "rows": rows}


def _copies(work: Workload) -> float:
    """Return what saving weights takes, in the machine's own memory."""
    copies = COPIES_AT_THE_END if work.settings.get("best_by") == "last" else COPIES
    return float(copies * FP32_BYTES * work.facts.parameters) if work.device == CPU else 0.0


def _beyond(step: float, between: float) -> float:
    """Return what is taken beyond a step's own memory by what is done between two steps."""
    return max(step, between) + MISFIT * min(step, between) - step


def loss_weights(work: Workload) -> tuple[int, int]:
    """Return how many weights the loss brings along: those that it trains, and those that are only read."""
    width, layers, words = work.facts.hidden_size, work.facts.layers, work.facts.vocabulary
    match work.loss:
        case "softmax":
            return 3 * work.facts.dimension * work.classes, 0
        case "denoising":
            # Each layer of the decoder looks at the embedding through four matrices; the rest is the encoder's own.
            return layers * (4 * width * width + 6 * width) + width * width + 3 * width + words, 0
        case "masked-language-model":
            return width * width + 3 * width + words, 0
        case "contrastive-tension":
            return work.facts.parameters, 0
        case _:
            return 0, work.guide_parameters


def _activations(work: Workload, batch_size: int) -> float:
    padded = work.lengths.padded(batch_size, work.texts_seen(batch_size))
    if work.facts.kind == STATIC:
        return 2.0 * FP32_BYTES * batch_size * len(padded) * work.facts.dimension
    if work.is_cached:
        # Piece by piece: one piece of one column at a time.
        chunk = int(work.settings.get("loss_params", {}).get("mini_batch_size") or DEFAULT_CHUNK)
        return max(_kept(work, min(chunk, batch_size), tokens) for tokens in padded)
    kept = sum(_kept(work, batch_size, tokens) for tokens in padded)
    if work.loss == "contrastive-tension":
        return 2 * kept
    if work.loss == "denoising":
        kept += batch_size * padded[-1] * work.facts.layers * KEPT_BY_CROSS_ATTENTION * work.facts.hidden_size
    return kept


def _kept(work: Workload, texts: int, tokens: int) -> float:
    """Return what a forward pass of (texts, tokens) keeps for the backward pass."""
    facts = work.facts
    by_width, by_inner = KEPT_HALF if work.is_half else KEPT_FP32
    attention = KEPT_BY_HEAD * facts.heads * tokens if work.device == CPU else 0
    layer = by_width * facts.hidden_size + by_inner * facts.intermediate_size + attention
    return texts * tokens * (work.trained_layers * layer + KEPT_BY_EMBEDDING * facts.hidden_size)


def _similarities(work: Workload, batch_size: int) -> float:
    if work.loss in ALL_TRIPLETS:
        return TRIPLET_BYTES * float(batch_size) ** 3
    if not (work.spec.in_batch_negatives or work.spec.by_label or work.loss in ("cosent", "angle")):
        return 0.0
    candidates = batch_size * max(1, len(work.lengths.columns) - 1)
    sizes = len(work.settings.get("matryoshka") or ()) + 1
    # GIST compares the guide's embeddings in the same way, and each kind of pair with its own matrix.
    matrices = 3 if work.spec.id in ("gist", "cached-gist") else 1
    return float(SIMILARITY_COPIES * FP32_BYTES * batch_size * candidates * sizes * matrices)


def _words(work: Workload, batch_size: int) -> float:
    """Return what the probabilities of all words take, at each place of each text."""
    if work.loss not in WRITES_WORDS:
        return 0.0
    tokens = work.lengths.padded(batch_size, work.texts_seen(batch_size))[-1]
    return WORD_COPIES * FP32_BYTES * batch_size * tokens * work.facts.vocabulary


def _evaluation(work: Workload) -> float:
    if work.facts.kind == STATIC:
        return 0.0
    wide = work.facts.hidden_size + work.facts.intermediate_size
    return float(READ_COPIES * FP32_BYTES * int(work.settings.get("eval_batch_size") or 64) * EVALUATION_TOKENS * wide)
