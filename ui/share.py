"""A part of the Runs tab: a run taken away as one file or to the Hub, its model used elsewhere, a run from elsewhere opened."""

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from core.disk_use import megabytes
from core.errors import RunError, StudioError, one_sentence
from core.model_card import use_lines
from core.replay import open_bundle
from core.runs import RunFolder
from core.sharing import bundle_name, why_no_script, write_bundle
from ui.html import hint
from ui.push import PushBlock, build_push
from ui.studio import Studio

MAKE, OPEN = "Make the file", "Open a run from a file"
NOT_CHOSEN = "Choose a run above to take its model away."
WITHOUT_MODEL = "This run has no model to take away; its curves and scores can be looked at here."
ABOUT = (
    "One zip: the model with its card, settings, curves and scores. It opens on any studio, without a GPU, and names no folder "
    "of this machine."
)
OPENING = (
    "A zip that Take it away made, or a zipped run's folder: it is looked through before anything of it is kept, and never run."
)


@dataclass(frozen=True)
class ShareBlock:
    """The block's components."""

    about: gr.HTML
    film: gr.Checkbox
    script: gr.Checkbox
    make: gr.Button
    download: gr.DownloadButton
    use: gr.Code
    push: PushBlock
    upload: gr.UploadButton

    def shown(self) -> list[Any]:
        """Return what `show_share` writes to."""
        return [self.about, self.film, self.script, self.make, self.download, self.use]


def build_share(studio: Studio) -> ShareBlock:
    """Lay out the block."""
    with gr.Accordion("Take it away", open=True, elem_id="share"):
        about = gr.HTML(hint(NOT_CHOSEN))
        with gr.Row():
            film = gr.Checkbox(
                True, label="With the film", info="It holds texts of the held-out rows", interactive=False, min_width=220
            )
            script = gr.Checkbox(
                True, label="With the script", info="It holds the training examples", interactive=False, min_width=220
            )
            make = gr.Button(MAKE, interactive=False, min_width=150)
            download = gr.DownloadButton("Download", visible=False, variant="primary", min_width=150, elem_id="bundle")
        use = gr.Code(
            label="Use it, where the file was unzipped",
            language="python",
            interactive=False,
            lines=3,
            visible=False,
            elem_id="use-it",
        )
        push = build_push(studio)
    with gr.Row():
        upload = gr.UploadButton(OPEN, file_types=[".zip"], size="md", scale=0, min_width=240, elem_id="open-bundle")
        gr.HTML(hint(OPENING))
    return ShareBlock(about, film, script, make, download, use, push, upload)


def show_share(studio: Studio, name: str) -> tuple[Any, ...]:
    """Return what can be taken away of the chosen run, and the lines that use its model."""
    run = studio.run(name)
    off, hidden = gr.update(interactive=False), gr.update(visible=False)
    if run is None:
        return hint(NOT_CHOSEN), off, off, off, hidden, hidden
    try:
        lines = "\n".join(use_lines(run)) if (run.path / "model").is_dir() else ""
        why_not = why_no_script(run) if lines else ""
    except StudioError as error:
        return hint(one_sentence(error)), off, off, off, hidden, hidden
    if not lines:
        return hint(WITHOUT_MODEL), off, off, off, hidden, hidden
    on = gr.update(interactive=True)
    script = gr.update(value=not why_not, interactive=not why_not)
    about = hint(ABOUT) + (hint(f"Without the script: {why_not}") if why_not else "")
    return about, on, script, on, hidden, gr.update(value=lines, visible=True)


def make_bundle(studio: Studio, name: str, with_film: bool, with_script: bool) -> Any:
    """Write the chosen run's bundle where the page serves files from, and offer it.

    Raises:
        gr.Error: the run is gone or has no model, or there is no room.
    """
    try:
        run = _run(studio, name)
        # Gradio serves what lies there, for a day; nobody can guess the folder. A visitor has one: many would fill the disk.
        hidden = hashlib.sha256(f"bundle of {studio.token}".encode()).hexdigest() if studio.is_hosted else secrets.token_hex(16)
        folder = Path(get_upload_folder()) / hidden / secrets.token_hex(4)
        folder.mkdir(parents=True)
        path = write_bundle(run, folder / bundle_name(run), bool(with_film), bool(with_script))
        for earlier in folder.parent.iterdir():
            # One that another tab is writing is left to it.
            if earlier != folder and not any(earlier.glob("*.part")):
                shutil.rmtree(earlier, ignore_errors=True)
    except (StudioError, OSError) as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    return gr.update(value=str(path), label=f"Download ({megabytes(path.stat().st_size)})", visible=True)


def _run(studio: Studio, name: str) -> RunFolder:
    run = studio.run(name)
    if run is None:
        raise RunError(f"Run {name[:60]} is gone; choose another one.")
    return run


def open_upload(studio: Studio, path: str) -> str:
    """Take in a run from a file and choose it.

    Raises:
        gr.Error: it is none, is damaged, or could do harm.
    """
    uploaded = Path(path)
    try:
        run = open_bundle(uploaded, studio.runs_dir)
    except StudioError as error:
        raise gr.Error(one_sentence(error), print_exception=False) from None
    finally:
        uploaded.unlink(missing_ok=True)
    gr.Info(f"Opened as {run.id}.")
    return run.id
