"""Signing in to a studio of one's own: accounts from `STUDIO_AUTH_FILE`, asked for by the page, the endpoints and MCP."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from core.passwords import Accounts, read_accounts

ACCOUNTS_FILE = "STUDIO_AUTH_FILE"
MCP_PATH = "/gradio_api/mcp"
ASKS = {"WWW-Authenticate": 'Basic realm="Contrastive Studio", charset="UTF-8"'}


def wanted_accounts() -> Accounts | None:
    """Return who may sign in, or None where nobody has to.

    Raises:
        ConfigError: the file has no accounts.
    """
    named = os.environ.get(ACCOUNTS_FILE, "")
    return read_accounts(Path(named).expanduser()) if named else None


def sign_in(accounts: Accounts) -> Callable[[str, str], Awaitable[bool]]:
    """Return what Gradio awaits to learn whether a name and a password fit."""
    one_at_a_time = cache(lambda: anyio.CapacityLimiter(1))

    async def fits(name: str, password: str) -> bool:
        # The hash takes a tenth of a second, in which the page would stand still. Guesses wait for each other, and not in the
        # threads that the page answers from: many at once take neither these nor the memory nor the cores.
        return await anyio.to_thread.run_sync(accounts.fits, name, password, limiter=one_at_a_time())

    return fits


class SignedIn:
    """Lets to MCP only who sends a name and a password with each request: Gradio asks nobody there."""

    def __init__(self, app: ASGIApp, accounts: Accounts) -> None:
        self.app = app
        self.fits = sign_in(accounts)
        # What has fitted once is known by a keyed hash: a client sends it with every call.
        self.key = secrets.token_bytes(32)
        self.known: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or ask for the password."""
        if scope["type"] != "http" or MCP_PATH not in scope["path"] or await self._may_pass(Headers(scope=scope)):
            await self.app(scope, receive, send)
            return
        await PlainTextResponse("Sign in: send a name and a password.", 401, ASKS)(scope, receive, send)

    async def _may_pass(self, headers: Headers) -> bool:
        sent = headers.get("authorization", "")
        mark = hmac.digest(self.key, sent.encode(), hashlib.sha256)
        if mark in self.known:
            return True
        name, password = told_in(sent)
        if name and await self.fits(name, password):
            self.known.add(mark)
            return True
        return False


def told_in(header: str) -> tuple[str, str]:
    """Return the name and the password of a Basic header (RFC 7617), or two empty texts."""
    scheme, _, coded = header.partition(" ")
    try:
        name, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return "", ""
    return (name, password) if scheme.lower() == "basic" and colon else ("", "")
