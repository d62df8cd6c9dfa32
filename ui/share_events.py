"""What happens when a run is taken away or pushed to the Hub, or one is opened from a file."""

from typing import Any

import gradio as gr

from ui.page import MAY_FAIL, QUIET
from ui.push import push_run, show_push, with_caller
from ui.share import ShareBlock, make_bundle, open_upload, show_share
from ui.studio import Studio, bound


def wire_share(studio: Studio, block: ShareBlock, chosen: gr.Textbox, look: dict[str, Any]) -> None:
    """Wire the block to the run that is chosen; `look` shows the runs as they are."""
    chosen.change(bound(show_share, studio), chosen, block.shown(), **QUIET)
    # The download shows what the switches said when it was made.
    for switch in (block.film, block.script):
        switch.input(lambda: gr.update(visible=False), None, block.download, **QUIET)
    shown: dict[str, Any] = MAY_FAIL | {"show_progress": "minimal"}
    block.make.click(bound(make_bundle, studio), [chosen, block.film, block.script], block.download, **shown)
    push = block.push
    chosen.change(bound(show_push, studio), chosen, [push.push, push.answer], **QUIET)
    # Each of them reads whole files and waits for the Hub.
    sending = MAY_FAIL | {"concurrency_limit": 2, "concurrency_id": "hub"}
    push.push.click(with_caller(push_run, studio), [chosen, *push.asked()], push.answer, **sending)
    opened = block.upload.upload(bound(open_upload, studio), block.upload, chosen, **shown)
    opened.success(**look)
