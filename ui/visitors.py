"""Who is looking: a visitor's token, which the server makes and the browser keeps, and what a shared studio says of itself."""

import contextlib
import os
import secrets
from pathlib import Path

import gradio as gr

from core.hosting import LIMITS
from core.visitors import NOBODY, new_token, owner_of
from ui.html import hint
from ui.studio import Studio

STORAGE_KEY = "contrastive-studio-visitor"
SECRET = ".page-secret"
# Scripts ask it for the token that server functions want first.
HEAD = "<script>window.studioVisitor = ''; window.visitor = () => window.studioVisitor;</script>"
KEEP = "token => { window.studioVisitor = token; }"


def build_visitor(studio: Studio) -> gr.BrowserState:
    """Make the place in which a browser keeps its token, across reloads and restarts of the app."""
    return gr.BrowserState("", storage_key=STORAGE_KEY, secret=page_secret(studio.runs_dir))


def page_secret(studio_dir: Path) -> str:
    """Return the key by which browsers keep the token, made once and readable by this user alone."""
    path = studio_dir / SECRET
    with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_hex(16))
    return path.read_text()


def know_visitor(token: object) -> str:
    """Return the token that a browser has kept, or a new one where it has none or what it sent is none."""
    return str(token) if owner_of(token) != NOBODY else new_token()


def build_limits(studio: Studio) -> None:
    """Say what a shared studio allows, before anybody meets it."""
    if studio.is_hosted:
        gr.HTML(hint(LIMITS.sentence()))
