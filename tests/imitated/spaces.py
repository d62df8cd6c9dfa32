"""An imitation of Hugging Face's package `spaces`, as far as a ZeroGPU Space's app meets it. It lends no GPU.

What is like the real one (0.3x to 0.5x, read in its source): it has to be there before torch, and loads it; a decorated generator
is run in a thread of a forked daemonic process, which is kept for the next call; what it yields is pickled; the process is killed
when the seconds are over; to close the generator is to wait until the process has done its work; `duration` may be a function.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from queue import SimpleQueue
from typing import Any

if {"torch", "gradio"} & sys.modules.keys():
    raise RuntimeError("CUDA has been initialized before importing the `spaces` package.")

import torch

FORK = multiprocessing.get_context("fork")
DONE = "done"
# What the platform answers in place of a GPU, while this variable names a file that exists.
REFUSES = "IMITATED_REFUSAL"


class Lent:
    """A forked process with a task."""

    def __init__(self, task: Callable[..., Iterator[Any]]) -> None:
        self.asked, self.told = FORK.SimpleQueue(), FORK.SimpleQueue()
        self.process = FORK.Process(target=self._serve, args=(task,), daemon=True)
        self.process.start()
        threading.Thread(target=self._say_that_it_died, daemon=True).start()

    def _say_that_it_died(self) -> None:
        self.process.join()
        self.told.put(None)

    def _serve(self, task: Callable[..., Iterator[Any]]) -> None:
        while True:
            given = self.asked.get()

            def do(given: tuple[Any, ...] = given) -> None:
                for each in task(*given):
                    self.told.put((each,))

            with ThreadPoolExecutor(1) as pool:
                pool.submit(do)
            self.told.put(DONE)


def GPU(task: Callable[..., Iterator[Any]] | None = None, *, duration: Any = 60) -> Any:  # noqa: N802  its name
    if task is None:
        return partial(GPU, duration=duration)
    assert not torch.cuda.is_initialized()
    kept: list[Lent] = []

    @wraps(task)
    def lent(*given: Any) -> Iterator[Any]:
        if os.path.exists(os.environ.get(REFUSES, "")):  # noqa: PTH110
            raise Refused
        worker = kept.pop() if kept and kept[-1].process.is_alive() else Lent(task)
        worker.asked.put(given)
        killer = threading.Timer(duration(*given) if callable(duration) else duration, worker.process.kill)
        killer.daemon = True
        killer.start()
        here: SimpleQueue[Any] = SimpleQueue()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(hand_over, worker, kept, killer, here)
            while isinstance(said := here.get(), tuple):
                yield said[0]
        if said is None:
            raise Refused("GPU task aborted")

    return lent


def hand_over(worker: Lent, kept: list[Lent], killer: threading.Timer, here: "SimpleQueue[Any]") -> None:
    while isinstance(said := worker.told.get(), tuple):
        here.put(said)
    killer.cancel()
    if said == DONE:
        kept.append(worker)
    here.put(said)


class Refused(Exception):  # noqa: N818
    """As `gr.Error`, whose text is in quotation marks."""

    def __init__(self, message: str = 'Your quota is used up. <a href="https://huggingface.co/join">Join</a>') -> None:
        self.message = message

    def __str__(self) -> str:
        return repr(self.message)


def gradio_auto_wrap(task: Any) -> Any:
    return task
