"""plotly.js as the page's process hands it out: packed once, and not anew for everybody who opens the page."""

import gzip
from functools import cache
from pathlib import Path

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

# A browser asks again after an hour: another version has the same address.
HEAD = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding", "Cache-Control": "public, max-age=3600"}


class Packed:
    """Answers for one file of a library in place of Gradio, which packs it for each who asks: half a second of a core.

    It asks nobody who they are, so it has no place where people sign in.
    """

    def __init__(self, app: ASGIApp, file: Path) -> None:
        self.app = app
        self.address = f"/gradio_api/file={file}"
        self.packed = cache(lambda: gzip.compress(file.read_bytes(), 6))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand out the file, or pass the request on."""
        is_asked = scope["type"] == "http" and scope["method"] == "GET" and scope["path"].endswith(self.address)
        if not is_asked or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self.app(scope, receive, send)
            return
        content = await anyio.to_thread.run_sync(self.packed)
        await Response(content, headers=HEAD, media_type="text/javascript")(scope, receive, send)
