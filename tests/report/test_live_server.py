"""The server of a live page: two addresses behind a token, to this machine, and nothing else."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from bpframe.errors import ConfigError
from bpframe.report.live_server import LiveServer


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer("<p>the page</p>") as found:
        yield found


def ask(server: LiveServer, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """(status, headers, contents) of a request."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def token(server: LiveServer) -> str:
    return server.address.rstrip("/").rpartition("/")[2]


def test_the_page_is_at_its_address_and_tells_it_to_nobody(server: LiveServer) -> None:
    status, headers, contents = ask(server, f"/{token(server)}/")
    assert (status, contents) == (200, b"<p>the page</p>")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert len(token(server)) >= 32
    with LiveServer("") as other:
        assert token(other) != token(server)


@pytest.mark.parametrize("path", ["/", "/TOKEN", "/TOKEN/..", "/TOKEN/../../etc/passwd", "/TOKEN/?x", "/%2e%2e/", "/é"])
def test_every_other_address_is_not_found(server: LiveServer, path: str) -> None:
    wanted = path.replace("TOKEN", token(server)).encode().decode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as opened:
        opened.sendall(f"GET {wanted} HTTP/1.0\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode("latin-1"))
        assert b" 404 " in opened.makefile("rb").readline()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_nothing_but_get_is_answered(server: LiveServer, method: str) -> None:
    status, headers, contents = ask(server, f"/{token(server)}/", method)
    assert (status, headers["Allow"], contents) == (405, "GET", b"")


def test_a_name_of_another_site_that_leads_here_is_refused(server: LiveServer) -> None:
    assert ask(server, f"/{token(server)}/", Host="example.org")[0] == 403
    assert ask(server, f"/{token(server)}/", Host=f"localhost:{server.port}")[0] == 200


def test_it_listens_on_this_machine_alone(server: LiveServer) -> None:
    assert server.address.startswith("http://127.0.0.1:")
    assert server._server.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_told(server: LiveServer) -> None:
    with pytest.raises(ConfigError, match=f"--port needs a free port, got {server.port}: .*in use"):
        LiveServer("", server.port)


def test_readers_get_the_latest_data_at_once_then_all_that_follow_and_the_end() -> None:
    lines: list[bytes] = []
    first = threading.Event()

    def read(port: int, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.getheader("Content-Type") == "text/event-stream"
        for line in answer:
            lines.append(line)
            first.set()

    with LiveServer("page") as server:
        server.publish("old")
        server.publish("1")
        reader = threading.Thread(target=read, args=(server.port, f"/{token(server)}/events"))
        reader.start()
        assert first.wait(30)
        server.publish("2")
    reader.join(30)
    told = [line.strip() for line in lines if line.strip()]
    assert told[0] == b"data: 1"
    assert told[-2:] == [b"event: end", b"data:"]
    assert set(told[1:-2]) <= {b"data: 2"}
