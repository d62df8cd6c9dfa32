"""The Evaluate tab: its parts as tabs of their own, each with what it measures."""

from dataclasses import dataclass

import gradio as gr

from ui.ask import AskBlock, build_ask, wire_ask
from ui.benchmark import BenchmarkBlock, build_benchmark, wire_benchmark
from ui.compare import CompareBlock, build_compare, wire_compare
from ui.fitting import FittingBlock, build_fitting, wire_fitting
from ui.html import hint
from ui.page import Page
from ui.race import RaceBlock, build_race, wire_race
from ui.scores import ScoresBlock, build_scores, wire_scores
from ui.speed import SpeedBlock, build_speed, wire_speed
from ui.studio import Studio


@dataclass(frozen=True)
class EvaluateTab:
    """The tab's blocks."""

    scores: ScoresBlock
    fitting: FittingBlock
    benchmark: BenchmarkBlock
    ask: AskBlock
    speed: SpeedBlock
    compare: CompareBlock
    race: RaceBlock


def build_evaluate_tab(studio: Studio) -> EvaluateTab:
    """Lay out the tab."""
    with gr.Tabs(overflow_behavior="wrap", elem_id="evaluate-parts"):
        with gr.Tab("Is it better?"):
            gr.HTML(hint("Does the cosine of two sentences agree with what people say of it? 1 is perfect, 0 is chance."))
            scores = build_scores(studio)
        with gr.Tab("More measures"):
            fitting = build_fitting(studio)
        with gr.Tab("MTEB"):
            benchmark = build_benchmark(studio)
        with gr.Tab("Ask it"):
            ask = build_ask(studio)
        with gr.Tab("Speed and size"):
            speed = build_speed(studio)
        with gr.Tab("Compare"):
            compare = build_compare(studio)
        with gr.Tab("Cross-encoder"):
            race = build_race(studio)
    return EvaluateTab(scores, fitting, benchmark, ask, speed, compare, race)


def wire_evaluate(studio: Studio, page: Page, tab: EvaluateTab) -> None:
    """Wire every block."""
    wire_scores(studio, page, tab.scores)
    wire_fitting(studio, page, tab.fitting)
    wire_benchmark(studio, page, tab.benchmark)
    wire_ask(studio, page, tab.ask)
    wire_speed(studio, page, tab.speed)
    wire_compare(studio, page, tab.compare)
    wire_race(studio, page, tab.race)
