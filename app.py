"""Start Contrastive Studio: `python app.py`, then open http://127.0.0.1:7860."""

import argparse
import os
import sys
import threading
from pathlib import Path


def main() -> int:
    """Build the page, serve it until Ctrl-C, and leave running runs alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs-dir", type=Path, help="where runs are kept (STUDIO_RUNS_DIR, else ./runs)")
    parser.add_argument("--data-dir", type=Path, help="your data folder (STUDIO_DATA_DIR)")
    given = parser.parse_args()
    # No request leaves this machine unless a person asked for something from the Hub.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Gradio reckons statistics of all its events anew at each, which nothing here shows: longer than most answers take.
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000000")
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "100")
    from core.errors import StudioError, one_sentence
    from core.zerogpu import is_zerogpu, lent_gpu

    if is_zerogpu():
        # The package that lends the GPU wants to be there before torch, and before gradio.
        lent_gpu()
    try:
        return serve(given.runs_dir, given.data_dir)
    except StudioError as error:
        print(one_sentence(error), file=sys.stderr)
        return 2


def serve(runs_dir: Path | None, data_dir: Path | None) -> int:
    """Serve the page; a fault before it stands is a `StudioError`."""
    from core.hosting import is_hosted
    from core.places import data_dir_from, runs_dir_from
    from core.run_store import ensure_runs_dir, list_runs
    from ui.launch import keep_alive, launch, serves_others
    from ui.studio import Studio

    places = ensure_runs_dir(runs_dir_from(runs_dir)), data_dir_from(data_dir)
    studio = Studio(*places, serves_others=serves_others(), is_hosted=is_hosted())
    closed = threading.Event()
    keep_alive(studio.runs_dir, closed)
    page = launch(studio)
    try:
        page.block_thread()
    finally:
        closed.set()
        going = [run.id for run, status in list_runs(studio.runs_dir) if not status.is_final]
        for name in going:
            print(f"Run {name} goes on without the page; python -m core stop {name} ends it, keeping what it learned.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
