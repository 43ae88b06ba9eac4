"""A server of one live page on this machine alone: the page, and the data that it draws as they change.

It answers GET at two addresses, both of which begin with a random token, to 127.0.0.1 alone. No part of a request is a
path: what is asked for is compared with the two, and everything else is not found.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, final

from bpframe.errors import ConfigError

HOST = "127.0.0.1"
QUIET_SECONDS = 15.0  # after which a stream says that it is still there
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@final
class LiveServer:
    """Serves a page, and to each of its readers the data that are published, the latest at once.

    A block `with LiveServer(page) as server` is how long it is there.
    """

    def __init__(self, page: str, port: int = 0) -> None:
        self._page, self._token = page.encode(), secrets.token_urlsafe(24)
        self._news = threading.Condition()
        self._number, self._latest, self._ended = 0, b"", False
        handler = type("Handler", (_Handler,), {"live": self})
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except OSError as error:
            raise ConfigError(
                f"--port needs a free port, got {port}: {error.strerror}. Leave it out for any."
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """What to open."""
        return f"http://{HOST}:{self.port}/{self._token}/"

    def publish(self, data: str) -> None:
        """Give data, one line of text, to all readers."""
        with self._news:
            self._number, self._latest = self._number + 1, data.encode()
            self._news.notify_all()

    def __enter__(self) -> LiveServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:
            self._ended = True
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """(type, contents) of an address; of the stream no contents; None where there is nothing."""
        if self._same(path, ""):
            return "text/html; charset=utf-8", self._page
        return ("text/event-stream", b"") if self._same(path, "events") else None

    def after(self, number: int) -> tuple[int, bytes, bool]:
        """(number, data, whether it has ended) once there are others than those of a number, or nothing for long."""
        with self._news:
            self._news.wait_for(lambda: self._number > number or self._ended, QUIET_SECONDS)
            return self._number, self._latest if self._number > number else b"", self._ended

    def _same(self, path: str, name: str) -> bool:
        return hmac.compare_digest(path.encode("utf-8", "replace"), f"/{self._token}/{name}".encode())


class _Handler(BaseHTTPRequestHandler):
    """A request; `live` is the server that answers it."""

    live: LiveServer
    server_version, sys_version = "bpframe", ""
    timeout = 60

    def do_GET(self) -> None:  # the name that the standard library calls
        """The page, the stream, or an error."""
        hosts = {f"{name}:{self.live.port}" for name in (HOST, "localhost")}
        found = self.live.answer(self.path)
        if self.headers.get("Host") not in hosts:  # a page of another site, whose name leads here
            self.send_error(403)
        elif found is None:
            self.send_error(404)
        else:
            self._send(*found)

    def do_HEAD(self) -> None:
        """Not answered, as all but GET."""
        self.send_response(405)
        self.send_header("Allow", "GET")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD  # noqa: N815

    def _send(self, kind: str, contents: bytes) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, **HEADERS}.items():
            self.send_header(name, value)
        if contents:
            self.send_header("Content-Length", str(len(contents)))
        self.end_headers()
        with suppress(OSError):  # the reader has gone
            self.wfile.write(contents) if contents else self._stream()

    def _stream(self) -> None:
        number, ended = 0, False
        while not ended:
            number, data, ended = self.live.after(number)
            self.wfile.write(b"data: " + data + b"\n\n" if data else b": still here\n\n")
        self.wfile.write(b"event: end\ndata:\n\n")

    def log_message(self, *_: Any) -> None:
        """No log: the addresses hold the token."""
