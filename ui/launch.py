"""Serve the page on this machine."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import gradio as gr

from core.errors import MachineError
from core.hosting import is_hosted
from ui.layout import build_page
from ui.live import PLOTLY_JS
from ui.studio import Studio
from ui.theme import CSS, THEME
from ui.visitors import HEAD

ALIVE_SECONDS = 10.0
DEFAULT_PORT = 7860


def launch(studio: Studio) -> gr.Blocks:
    """Build the page and serve it without waiting.

    Raises:
        MachineError: the address cannot be used.
    """
    host, port = server_name(), _port()
    _check_address(host, port)
    gr.set_static_paths([PLOTLY_JS])
    page = build_page(studio)
    page.launch(
        server_name=host, server_port=port, prevent_thread_lock=True, quiet=False, show_error=True, theme=THEME, css=CSS,
        head=HEAD, footer_links=[], run_history=False, max_file_size="200mb",
    )  # fmt: skip
    return page


def server_name() -> str:
    """Return the address that the page is served on."""
    return os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")


def serves_others() -> bool:
    """Tell whether the page can be opened from another machine, or strangers share it."""
    return is_hosted() or server_name() not in ("127.0.0.1", "localhost", "::1")


def _port() -> int:
    text = os.environ.get("GRADIO_SERVER_PORT", str(DEFAULT_PORT))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise MachineError(f"GRADIO_SERVER_PORT is '{text[:20]}'; set it to a port number, such as {DEFAULT_PORT}.")
    return int(text)


def _check_address(host: str, port: int) -> None:
    """Try the address first: the server's own message would name neither the cause nor the way out."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        reason = error.strerror or "it cannot be used"
        raise MachineError(
            f"http://{host}:{port} cannot be served ({reason}); set GRADIO_SERVER_PORT to a free port and start again."
        ) from None


def keep_alive(runs_dir: Path, closed: threading.Event) -> None:
    """Touch `.alive` while the app runs, so that the supervisor stays ready."""

    def touch() -> None:
        while True:
            # A full disk or a folder that is gone is told where it matters: at the next start of a run.
            with contextlib.suppress(OSError):
                (runs_dir / ".alive").touch()
            if closed.wait(ALIVE_SECONDS):
                return

    threading.Thread(target=touch, name="alive", daemon=True).start()
