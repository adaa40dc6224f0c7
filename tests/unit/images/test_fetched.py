import hashlib
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pydantic import ValidationError

from minetlab.images import fetch, fetched
from minetlab.lab import UrlImage
from minetlab.util.errors import LabError

CONTENT = b"a disk image"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "debian 13.qcow2"
    path.write_bytes(CONTENT)
    return path


def image(source: Path, algorithm: str = "sha256", content: bytes = CONTENT) -> UrlImage:
    return UrlImage.model_validate(
        {"url": source.as_uri(), algorithm: hashlib.new(algorithm, content).hexdigest()}
    )


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_fetches_once(source: Path, algorithm: str) -> None:
    file = fetch(image(source, algorithm), 8, print)
    assert file.read_bytes() == CONTENT
    assert file.name.startswith("debian 13-")
    assert file.suffix == ".qcow2"
    source.unlink()
    assert fetch(image(source, algorithm), 8, print) == file


def test_a_wrong_image_is_refused_and_not_kept(source: Path) -> None:
    wanted = image(source, content=b"another")
    with pytest.raises(LabError) as caught:
        fetch(wanted, 8, print)
    got = hashlib.sha256(CONTENT).hexdigest()
    assert all(part in caught.value.problem for part in (wanted.url, wanted.checksum, got))
    assert not list((source.parent / "cache/images").glob("debian*"))


def test_a_corrupt_cached_image_is_fetched_again(source: Path) -> None:
    fetch(image(source), 8, print).write_bytes(b"bit rot")
    assert fetch(image(source), 8, print).read_bytes() == CONTENT


def test_an_unreachable_address_is_named(source: Path) -> None:
    source.unlink()
    with pytest.raises(LabError, match=r"cannot be fetched.*No such file"):
        fetch(image(source), 8, print)


class Cut(BaseHTTPRequestHandler):
    """Says in its answer that pieces follow, and ends it in the middle of one."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"ff\r\nhalf")
        self.close_connection = True


def test_an_answer_that_ends_in_the_middle_is_an_error_of_the_address(source: Path) -> None:
    with pytest.raises(LabError, match="cannot be fetched: IncompleteRead"):
        fetch_from(Cut, source)


class Endless(BaseHTTPRequestHandler):
    """Says no length, and sends for as long as somebody reads."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(bytes(2**16))


class Boastful(BaseHTTPRequestHandler):
    """Announces more than anybody has room for, and sends nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(2**50))
        self.end_headers()


@pytest.mark.parametrize("handler", [Endless, Boastful])
def test_no_more_is_fetched_than_a_guest_has_room_for(
    source: Path, handler: type[BaseHTTPRequestHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetched, "GIB", 2**20)
    with pytest.raises(LabError, match="larger than the disk of a guest, 8 GiB"):
        fetch_from(handler, source)
    assert not list((source.parent / "cache/images").glob("disk*"))


class Dripping(BaseHTTPRequestHandler):
    """Sends byte after byte, each long before a reader would give up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while True:
                self.wfile.write(b"0")


def test_who_sends_byte_by_byte_is_given_up(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "STALL_LIMIT", 0.1)
    monkeypatch.setattr(fetched, "MIN_RATE", 2**40)
    with pytest.raises(LabError, match="cannot be fetched: it sends less than"):
        fetch_from(Dripping, source)


class Silent(BaseHTTPRequestHandler):
    """Answers, and then says nothing more until it is left alone."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection.recv(1)


def test_who_sends_nothing_is_given_up(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "STALL_LIMIT", 0.1)
    with pytest.raises(LabError, match="cannot be fetched: timed out"):
        fetch_from(Silent, source)


def fetch_from(handler: type[BaseHTTPRequestHandler], source: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), handler)
    with server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/disk.qcow2"
        fetch(image(source).model_copy(update={"url": address}), 8, print)


def test_a_full_disk_is_no_error_of_the_address(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("wb")  # noqa: SIM115 (fetch closes it, which is where it notices)
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode="r": full if mode == "wb" else opened(path, mode))
    with pytest.raises(LabError, match=r"cannot write .*: No space left on device"):
        fetch(image(source), 8, print)


@pytest.mark.parametrize(
    "data",
    [
        {"url": "https://a/b"},
        {"url": "https://a/b", "sha256": "0" * 64, "sha512": "0" * 128},
        {"url": "https://a/b", "sha256": "0" * 63},
        {"url": "ftp://a/b", "sha256": "0" * 64},
    ],
)
def test_an_image_needs_an_address_and_one_checksum(data: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        UrlImage.model_validate(data)
