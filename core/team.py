"""Several processes that train one run together, one a device: the first leads, the others follow.

The leader alone writes the folder and decides: when to stop, to save, to evaluate. The followers hear each decision after
the step and do the same; while the leader evaluates they read their share of its texts. Without `accelerate launch` there is
one process, it leads, and all of this is nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from accelerate import PartialState
from sentence_transformers import SentenceTransformer

# The others wait as long as the leader prepares, mines or scores.
PATIENCE = timedelta(hours=12)


def team_size() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Tell whether this process leads."""
    return int(os.environ.get("RANK", "0")) == 0


def gather_team(device: str) -> None:
    """Connect the processes, each to a GPU of its own where there are some; what is called "cuda" from then on is this one."""
    if team_size() > 1:
        PartialState(cpu=device == "cpu", timeout=PATIENCE)


@contextmanager
def leader_first() -> Iterator[None]:
    """Let the leader do the block, then the others: they find what it made."""
    if team_size() > 1 and not leads():
        dist.barrier()
    yield
    if team_size() > 1 and leads():
        dist.barrier()


@dataclass(frozen=True)
class Decision:
    """What the leader decided after a step. `steps`: the run's new number of steps, where a budget of time set one."""

    stop: bool
    save: bool
    log: bool
    evaluate: bool
    steps: int | None = None


def agreed(word: Any = None) -> Any:
    """Return the leader's word, which the others wait for."""
    if team_size() == 1:
        return word
    said = [word]
    dist.broadcast_object_list(said, src=0)
    return said[0]


@contextmanager
def helped(model: SentenceTransformer, answer: Callable[[], Any]) -> Iterator[None]:
    """Spread what `model.encode` reads in this block over all processes; at its end the others get the leader's `answer`."""
    if team_size() == 1:
        yield
        return
    alone = model.encode

    def together(texts: list[str], **how: Any) -> np.ndarray:
        autocast = torch.is_autocast_enabled(model.device.type)
        agreed({"texts": texts, "how": how, "autocast": autocast})
        return _joined(_share(alone, texts, how), len(texts))

    # On the object, not its class: only this model's texts are spread.
    model.encode = together
    try:
        yield
    finally:
        del model.encode
        agreed({"answer": answer()})


def help_out(model: SentenceTransformer) -> Any:
    """Read a share of the leader's texts until it has what it wanted; return its answer."""
    model.eval()
    while "answer" not in (asked := agreed()):
        with torch.autocast(model.device.type, torch.bfloat16, enabled=asked["autocast"]):
            _joined(_share(model.encode, asked["texts"], asked["how"]), len(asked["texts"]))
    model.train()
    return asked["answer"]


def _share(encode: Callable[..., Any], texts: list[str], how: dict[str, Any]) -> np.ndarray | None:
    """Return the embeddings of this process' texts: every so many-th one."""
    mine = texts[dist.get_rank() :: team_size()]
    return np.asarray(encode(mine, **how), np.float32) if mine else None


def _joined(mine: np.ndarray | None, texts: int) -> np.ndarray:
    """Put all processes' shares together, (texts, dim), in the texts' order."""
    shares: list[np.ndarray | None] = [None] * team_size()
    dist.all_gather_object(shares, mine)
    first = next(share for share in shares if share is not None)
    joined = np.empty((texts, first.shape[1]), np.float32)
    for rank, share in enumerate(shares):
        if share is not None:
            joined[rank :: team_size()] = share
    return joined


def share_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """Average the gradients of what is not the model's over the processes: the library does so for the model alone."""
    for weights in parameters if team_size() > 1 else ():
        gradient = torch.zeros_like(weights) if weights.grad is None else weights.grad
        dist.all_reduce(gradient)
        weights.grad = gradient / team_size()
