"""A tiny reverse proxy, as a web server stands before the app: it serves the app at /studio and nothing else."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/studio"
# Between two neighbours only (RFC 9110, 7.6.1); the answer ends with its connection.
OF_ONE_HOP = ("connection", "transfer-encoding", "keep-alive", "content-length")


class Proxy(ThreadingHTTPServer):
    """Forwards to an app on this machine; `refused` lists what was answered with 400 or more."""

    daemon_threads = True

    def __init__(self, app_port: int) -> None:
        super().__init__(("127.0.0.1", 0), Forward)
        self.app_port = app_port
        self.refused: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}{PREFIX}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: Any) -> None:
        """A browser leaves in the middle of a stream; nobody has to be told."""


class Forward(BaseHTTPRequestHandler):
    """One request, passed on without its prefix."""

    server: Proxy

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            # The browser's own idea, before any page has named another.
            self.send_response(204)
            self.end_headers()
            return
        if not self.path.startswith(f"{PREFIX}/"):
            self.server.refused.append(f"404 {self.path}")
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in OF_ONE_HOP}
        sent |= {"X-Forwarded-Host": self.headers["host"], "X-Forwarded-Proto": "http", "Connection": "close"}
        app = http.client.HTTPConnection("127.0.0.1", self.server.app_port, timeout=60)
        try:
            app.request(self.command, self.path.removeprefix(PREFIX), body or None, sent)
            self._pass_on(app.getresponse())
        finally:
            app.close()

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def _pass_on(self, answer: http.client.HTTPResponse) -> None:
        if answer.status >= 400:
            self.server.refused.append(f"{answer.status} {self.path}")
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in OF_ONE_HOP:
                self.send_header(name, value)
        self.end_headers()
        # As it comes: events of a stream are small and must not wait for each other.
        while piece := answer.read1(1 << 16):
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
