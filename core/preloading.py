"""The libraries that a supervisor loads once, so that each worker and the desk are forks which have them."""

import gc
import importlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

PRELOADED = (
    "torch", "sentence_transformers", "datasets", "accelerate", "pandas", "core.worker", "core.training", "core.cross_training",
)  # fmt: skip


def set_environment() -> None:
    """Set what libraries read while they are loaded."""
    # Threads that spin while they wait for each other take the cores from the page, and from whatever else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Arrow starts a thread for an allocator that is not in use, and no fork has it.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")


class Libraries:
    """Loads libraries in a thread, while its process serves; `broken` is the fault where they cannot be loaded."""

    def __init__(self, names: Sequence[str]) -> None:
        self.broken = ""
        self._names = names
        self._loaded = threading.Event()
        self._thread, self._is_gone = 0, False

    def load_beside(self) -> None:
        """Begin to load."""
        set_environment()
        threading.Thread(target=self.load, name="preload", daemon=True).start()

    def load(self) -> None:
        """Import them, once; imports only, so that a fork finds no thread and no CUDA context."""
        self._thread = threading.get_native_id()
        try:
            for name in self._names:
                importlib.import_module(name)
            if self._names:
                # What is loaded now stays: a worker's garbage collector, which the trainer calls before its first step,
                # then neither walks it (0.3 s) nor copies its pages.
                gc.freeze()
        except Exception as error:
            # A broken library raises whatever it likes; the run has to say so in place of waiting for ever.
            name = getattr(error, "name", None) or type(error).__name__
            self.broken = f"The libraries cannot be loaded ({name}); run pip install -r requirements.txt and start again."
            raise
        finally:
            self._loaded.set()

    def are_ready(self) -> bool:
        """Tell whether they are loaded, or cannot be, and the thread that did it is gone.

        A thread gives its memory back after its last line; what it holds meanwhile would stay held in a fork, for ever.
        """
        if self._loaded.is_set() and not self._is_gone:
            is_mine = threading.get_native_id() == self._thread
            self._is_gone = is_mine or not Path(f"/proc/self/task/{self._thread}").exists()
        return self._is_gone
