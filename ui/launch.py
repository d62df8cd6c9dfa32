"""Serve the page on this machine."""

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from core.errors import MachineError, hide_words
from core.hosting import is_hosted
from ui.layout import build_page
from ui.live import PLOTLY_JS
from ui.packed import Packed
from ui.sessions import with_sessions
from ui.signing_in import ACCOUNTS_FILE, SignedIn, sign_in, wanted_accounts
from ui.studio import Studio
from ui.theme import CSS, THEME
from ui.visitors import HEAD

ALIVE_SECONDS = 10.0
DEFAULT_PORT = 7860
# Pages that are remembered, a tenth of a megabyte each and more; the one that was silent for longest is forgotten first, and an
# open page asks every other second.
MOST_PAGES = 400
# Elsewhere than on Windows Gradio looks a thousand times a second whether an event waits and may begin, which keeps a tenth of a
# core busy while nobody does anything.
LOOK_SECONDS = 0.02
# A handler that reads a file lets the event loop go on and waits this long to go on itself, for each file: at Python's own 5 ms a
# page with some runs is looked through in a second where many look.
SWITCH_SECONDS = 0.0005


def launch(studio: Studio) -> gr.Blocks:
    """Build the page and serve it without waiting.

    Raises:
        MachineError: the address or the path cannot be used.
        ConfigError: the file of accounts has none.
    """
    host, port = server_name(), _port()
    _check_address(host, port)
    accounts = wanted_accounts()
    if studio.is_hosted:
        hide_words()
    gr.set_static_paths([PLOTLY_JS])
    page = build_page(studio)
    sys.setswitchinterval(SWITCH_SECONDS)
    page._queue.sleep_when_free = max(LOOK_SECONDS, page._queue.sleep_when_free)
    page.launch(
        server_name=host, server_port=port, root_path=_root_path(), prevent_thread_lock=True, quiet=False,
        show_error=not studio.is_hosted, theme=THEME, css=CSS, head=HEAD, footer_links=[], run_history=False,
        max_file_size="200mb", mcp_server=True,
        state_session_capacity=MOST_PAGES,
        auth=sign_in(accounts) if accounts else None,  # type: ignore[arg-type]
        app_kwargs={
            "middleware": [Middleware(SignedIn, accounts) if accounts else Middleware(Packed, PLOTLY_JS)],
            "lifespan": with_sessions,
        },
    )  # fmt: skip
    return page


def server_name() -> str:
    """Return the address that the page is served on."""
    return os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")


def serves_others() -> bool:
    """Tell whether the page can be opened from another machine, by itself or through a proxy, or strangers share it."""
    through_proxy = any(os.environ.get(name) for name in ("GRADIO_ROOT_PATH", ACCOUNTS_FILE))
    return is_hosted() or through_proxy or server_name() not in ("127.0.0.1", "localhost", "::1")


def _port() -> int:
    text = os.environ.get("GRADIO_SERVER_PORT", str(DEFAULT_PORT))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise MachineError(f"GRADIO_SERVER_PORT is '{text[:20]}'; set it to a port number, such as {DEFAULT_PORT}.")
    return int(text)


def _root_path() -> str:
    """Return the path that a proxy serves the page at, such as /studio, or the whole address; "" for the top."""
    path = os.environ.get("GRADIO_ROOT_PATH", "").rstrip("/")
    if path and not path.startswith(("/", "http://", "https://")):
        raise MachineError(f"GRADIO_ROOT_PATH is '{path[:60]}'; begin it with a slash, such as /studio.")
    return path


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
