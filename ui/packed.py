"""What is the same for everybody who opens the page, packed once in place of anew for each: plotly.js, and the page itself.

It asks nobody who they are, so it has no place where people sign in.
"""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PACKED = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
# A browser asks again after an hour: another version has the same address.
OF_FILE = PACKED | {"Cache-Control": "public, max-age=3600"}
# Gradio writes half a megabyte for each of these: a tenth of a second of a core, and nobody else is answered.
SAME_FOR_ALL = frozenset({"/", "/config"})
# They hold the address that the page was asked for at, which Gradio reads from these.
TELL_ADDRESS = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")
MOST_KEPT = 32
# An answer with these is for one person, or is packed already.
ONE_PERSON = frozenset({"set-cookie", "content-encoding"})


class Packed:
    """Answers for one file of a library and for the page in place of Gradio."""

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self.app = app
        self.address = f"/gradio_api/file={file}"
        self.packed = cache(lambda: gzip.compress(file.read_bytes(), 6))
        self.kept: dict[tuple[Any, ...], Response] = {}
        self.making: dict[tuple[Any, ...], anyio.Lock] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand out what is packed, or pass the request on."""
        is_get = scope["type"] == "http" and scope["method"] == "GET"
        if not is_get or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self.app(scope, receive, send)
        elif scope["path"].endswith(self.address):
            content = await anyio.to_thread.run_sync(self.packed)
            await Response(content, headers=OF_FILE, media_type="text/javascript")(scope, receive, send)
        elif scope["path"] in SAME_FOR_ALL and not scope["query_string"]:
            await self._hand_out(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _hand_out(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with what was answered before to who asked at the same address."""
        headers = Headers(scope=scope)
        key = (scope["path"], scope.get("scheme"), scope.get("root_path"), *(headers.get(name) for name in TELL_ADDRESS))
        answer = self.kept.get(key)
        if answer is None:
            # Where many come at once, what the first one waits for is everybody's.
            try:
                async with self.making.setdefault(key, anyio.Lock()):
                    answer = self.kept.get(key) or await self._make(key, scope, receive)
            finally:
                self.making.pop(key, None)
        await answer(scope, receive, send)

    async def _make(self, key: tuple[Any, ...], scope: Scope, receive: Receive) -> Response:
        """Return what the app behind answers, packed and kept where it is for everybody."""
        answer = _Answer()
        await self.app(scope, receive, answer.take)
        if answer.status != 200 or not ONE_PERSON.isdisjoint(answer.headers):
            return Response(answer.body, answer.status, answer.headers)
        content = await anyio.to_thread.run_sync(gzip.compress, answer.body, 6)
        if len(self.kept) >= MOST_KEPT:
            # Whoever makes addresses up takes no more room than this.
            self.kept.clear()
        said = {name: value for name, value in answer.headers.items() if name != "content-length"}
        self.kept[key] = Response(content, headers=said | PACKED)
        return self.kept[key]


class _Answer:
    """A whole answer of the app behind, kept in place of sent."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 0, Headers(), b""

    async def take(self, message: Message) -> None:
        """Take a part of it."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], Headers(raw=message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
