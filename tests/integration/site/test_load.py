"""Who is slow, or asks for too much, shuts nobody out; a class behind one address is not taken for that."""

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPSConnection
from pathlib import Path
from threading import Barrier

import pytest

from minetlab.resources.firewall import MAX_VISITS
from minetlab.resources.site import SITE_MEMORY
from tests.support.served_site import ask, knowing_the_ca, port_of

ATTACKER = "127.0.0.9"
SLOW = 512
CLASS_SIZE, CONNECTIONS_OF_A_BROWSER = 40, 6
REQUEST = b"GET /tp/isa HTTP/1.1\r\nHost: site\r\n\r\n"


def connect(url: str) -> socket.socket:
    """A connection from another address than that of the class."""
    return socket.create_connection(("127.0.0.1", port_of(url)), timeout=60, source_address=(ATTACKER, 0))


def silent(url: str) -> socket.socket:
    return connect(url)


def amid_its_handshake(url: str) -> socket.socket:
    connection = connect(url)
    connection.sendall(b"\x16\x03\x01\x02\x00")
    return connection


def amid_its_header(url: str) -> socket.socket:
    connection = knowing_the_ca().wrap_socket(connect(url), server_hostname="localhost")
    connection.sendall(REQUEST[:-2])
    return connection


@pytest.mark.parametrize("slow", [silent, amid_its_handshake, amid_its_header])
def test_who_keeps_slow_connections_shuts_nobody_out_and_is_ended(
    served: str, slow: Callable[[str], socket.socket]
) -> None:
    """As many as the web server once took; the firewall lets an address have hardly more."""
    assert SLOW < MAX_VISITS
    with ExitStack() as held:
        connections = [held.enter_context(closing(slow(served))) for _ in range(SLOW)]
        with ask(served) as answer:
            assert answer.status == 200
        for connection in connections:
            assert is_ended(connection)


def is_ended(connection: socket.socket) -> bool:
    """Whether the web server gives no page, and ends the connection by itself."""
    try:
        while answer := connection.recv(4096):
            assert b" 200 " not in answer
    except (ConnectionResetError, ssl.SSLError):
        pass
    return True


def test_all_connections_together_fit_into_the_memory_of_the_container(served: str, root: Path) -> None:
    (most,) = re.findall(r"worker_connections (\d+);", (root / "etc/minet-lab/nginx.conf").read_text())
    number = 200
    with ExitStack() as held:
        before = memory(served)
        for _ in range(number):
            held.enter_context(closing(amid_its_header(served)))
        assert before + (memory(served) - before) / number * int(most) < SITE_MEMORY * 1024


def memory(url: str) -> int:
    """KiB of the web server's processes."""
    listening = subprocess.run(
        ["ss", "-Hltnp", f"sport = :{port_of(url)}"], capture_output=True, text=True, check=True
    ).stdout
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in set(re.findall(r"pid=(\d+)", listening))]
    assert len(statuses) == 2
    return sum(int(re.findall(r"RssAnon:\s+(\d+)", status)[0]) for status in statuses)


def test_a_class_behind_one_address_that_opens_the_site_at_once_gets_all_of_it(served: str) -> None:
    """Each browser opens all its connections before any of them asks for something."""
    paths = ("/", "/tp/isa", "/_static/site.css", "/connexion", "/moi", "/tp/processus")
    ready = Barrier(CLASS_SIZE)

    def browse(number: int) -> list[int]:
        with ExitStack() as opened:
            context = knowing_the_ca()
            browser = [
                opened.enter_context(
                    closing(HTTPSConnection("127.0.0.1", port_of(served), timeout=120, context=context))
                )
                for _ in range(CONNECTIONS_OF_A_BROWSER)
            ]
            for connection in browser:
                connection.connect()
            ready.wait(timeout=120)
            for connection, path in zip(browser, paths, strict=True):
                connection.request("GET", path)
            return [connection.getresponse().status for connection in browser]

    with ThreadPoolExecutor(CLASS_SIZE) as students:
        statuses = list(students.map(browse, range(CLASS_SIZE)))
    assert statuses == [[200, 200, 200, 200, 401, 200]] * CLASS_SIZE


def test_who_asks_for_more_than_a_class_could_is_refused_and_the_others_are_not(served: str) -> None:
    asked = 2000
    refused = 0
    for _ in range(asked // 500):
        with knowing_the_ca().wrap_socket(connect(served), server_hostname="localhost") as connection:
            connection.sendall(REQUEST * 499 + REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            refused += sum(line.startswith(b"HTTP/1.1 429") for line in lines_of(connection))
    assert 0 < refused < asked
    with ask(served) as answer:
        assert answer.status == 200


def lines_of(connection: socket.socket) -> Iterator[bytes]:
    with connection.makefile("rb") as answers:
        yield from answers
