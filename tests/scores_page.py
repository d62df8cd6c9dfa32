"""A page with the Scores block alone, in a process of its own: `python -m tests.scores_page RUNS DATA RUN PORT`."""

import sys
import types
from pathlib import Path
from typing import Any

import gradio as gr

from ui.evaluate_tab import scores_table
from ui.live import PLOTLY_JS
from ui.scores import build_scores, wire_scores
from ui.studio import Studio, bound, tell_visitors
from ui.theme import CSS, THEME
from ui.visitors import HEAD, build_visitor


def serve(runs_dir: Path, data_dir: Path, name: str, port: int) -> None:
    studio = Studio(runs_dir, data_dir)
    gr.set_static_paths([PLOTLY_JS])
    with gr.Blocks() as blocks:
        visitor = build_visitor(studio)
        run = gr.Dropdown([name], value=name, label="Run")
        block = build_scores(studio)
        page: Any = types.SimpleNamespace(run=run)
        wire_scores(studio, page, block)
        blocks.load(bound(scores_table, studio), run, block.scores)
    tell_visitors(blocks, visitor)
    blocks.launch(server_name="127.0.0.1", server_port=port, quiet=True, theme=THEME, css=CSS, head=HEAD)


def main() -> None:
    serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))


if __name__ == "__main__":
    main()
