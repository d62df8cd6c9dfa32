"""Everything on the page that a handler reads or changes, and how handlers are called."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui.data_tab import DataTab
from ui.explore_tab import ExploreTab
from ui.loss_tab import LossTab
from ui.model_tab import ModelTab
from ui.run_form import FORM_KEYS
from ui.runs_tab import RunsTab
from ui.train_tab import TrainTab

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# A fault is shown as a message on the page only where the event goes through Gradio's queue.
MAY_FAIL: dict[str, Any] = QUIET | {"queue": True, "concurrency_limit": None}


@dataclass(frozen=True)
class Page:
    """Everything on the page that a handler reads or changes."""

    method: gr.Dropdown
    size: gr.Radio
    recipe: gr.State
    teaches: gr.HTML
    run: gr.Dropdown
    yours: gr.State
    shown: gr.State
    seen: gr.HTML
    look: gr.State
    tabs: gr.Tabs
    model: ModelTab
    data: DataTab
    loss: LossTab
    train: TrainTab
    queue: gr.HTML
    scores: gr.HTML
    explore: ExploreTab
    runs: RunsTab
    first_steps: gr.HTML

    def widgets(self) -> list[Any]:
        """Return the form's widgets in the order of `FORM_KEYS`."""
        named = {
            "base_model": self.model.base_model, "data": self.data.data, "split": self.data.split, "loss": self.loss.loss,
            **self.model.settings, **self.data.settings, **self.loss.settings, **self.train.settings,
        }  # fmt: skip
        return [named[key] for key in FORM_KEYS]

    def form_inputs(self) -> list[Any]:
        """Return what a change of the form reads."""
        return [self.recipe, self.yours, self.shown, *self.widgets()]

    def form_outputs(self) -> list[Any]:
        """Return what a change of the form writes to."""
        texts: list[Any] = [
            self.train.plan,
            self.train.memory,
            self.train.table,
            self.loss.what,
            self.loss.others,
            self.teaches,
            self.data.about,
        ]
        texts += [self.model.about, self.model.get]
        choices = [self.data.row_kind, *self.data.columns, self.data.settings["mining"], self.data.settings["silver"]]
        return [self.yours, self.shown, *texts, *choices, *self.widgets()]

    def look_inputs(self) -> list[Any]:
        """Return what a look at the runs reads."""
        return [self.run, self.explore.texts, self.explore.beside, self.runs.chosen]

    def run_outputs(self) -> list[Any]:
        """Return what a look at the runs writes to."""
        return [
            self.seen, self.run, self.train.stop, self.train.cancel, self.scores, self.runs.table, self.explore.map,
            self.train.stages, self.train.live,
            self.model.base_model, self.queue, self.first_steps, *self.runs.choice_outputs(),
        ]  # fmt: skip
