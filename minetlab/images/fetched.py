"""Images that others have made: fetched once, and used only if they have the checksum of the inventory."""

import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.response import addinfourl

from minetlab.images.cache import images_folder, make_once, require_free_space
from minetlab.lab import UrlImage
from minetlab.util.errors import LabError
from minetlab.util.files import write_error
from minetlab.util.progress import Heartbeat, Progress

STALL_LIMIT = 60.0
"""Seconds without a byte after which a download is given up."""
MIN_RATE = 2**14
"""Bytes a second that a download has to bring on the whole, after the first :data:`STALL_LIMIT` seconds."""
GIB = 2**30
CHUNK = 2**20
"""Bytes to read from the server at once."""
PROBE_LIMIT = 10.0
"""Seconds for the server to answer."""


def fetch(image: UrlImage, max_gib: int, progress: Progress) -> Path:
    """Return an image's file in the cache; it is fetched first unless the cache has it intact.

    :param image: the URL and the checksum.
    :param max_gib: how large the file may be, in GiB.
    :param progress: told the state of the download every ten seconds.
    :return: the file in the cache.
    :raises LabError: the image cannot be fetched, is too large, or has another checksum.
    """
    label = f"image {image.url}"

    def make(target: Path, scratch: Path) -> None:
        _download(image, target, label, max_gib * GIB, progress)

    return make_once(fetched_file(image), make, label, progress)


def fetched_file(image: UrlImage) -> Path:
    """Return the file in the cache that has the image once it is fetched.

    Its name is that of the URL, made unique by the checksum.
    """
    name = PurePosixPath(unquote(urlsplit(image.url).path))
    return images_folder() / f"{name.stem or 'image'}-{image.checksum[:12]}{name.suffix}"


def probe(image: UrlImage) -> None:
    """Check that the server has the image, without fetching it.

    :param image: the image to ask for.
    :raises LabError: the server does not answer, or does not have it.
    """
    _open(image, PROBE_LIMIT).close()


def _open(image: UrlImage, limit: float) -> addinfourl:
    try:
        response: addinfourl = urllib.request.urlopen(image.url, timeout=limit)  # noqa: S310 (the pattern of url)
    except (OSError, HTTPException) as error:
        raise _fetch_error(image, error) from error
    return response


def _chunks(response: addinfourl, image: UrlImage) -> Iterator[bytes]:
    deadline = time.monotonic() + STALL_LIMIT
    try:
        # read1() returns what has come: read() waits for a whole chunk, and each byte starts its limit anew.
        while chunk := response.read1(CHUNK):
            yield chunk
            deadline += len(chunk) / MIN_RATE
            if time.monotonic() > deadline:
                raise TimeoutError(f"it sends less than {MIN_RATE // 2**10} KiB a second")
    except (OSError, HTTPException) as error:
        raise _fetch_error(image, error) from error


def _fetch_error(image: UrlImage, error: OSError | HTTPException) -> LabError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return LabError(
        f"{image.url} cannot be fetched: {reason}", next_step="check the address and this machine's network"
    )


def _download(image: UrlImage, target: Path, label: str, max_bytes: int, progress: Progress) -> None:
    """Download the image to ``target``, no more than ``max_bytes`` of it, and verify its checksum."""
    digest = hashlib.new(image.algorithm)
    heartbeat = Heartbeat(f"{label}: fetching", progress)
    received = 0
    progress(f"{label}: fetching")
    response = _open(image, STALL_LIMIT)
    total = int(response.headers.get("Content-Length") or 0)
    try:
        with response, target.open("wb") as file:
            _require_small(total, max_bytes, image)
            require_free_space(target.parent, total / GIB, label)
            for chunk in _chunks(response, image):
                received += len(chunk)
                _require_small(received, max_bytes, image)
                digest.update(chunk)
                file.write(chunk)
                heartbeat.beat(f": {received // 2**20} of {total // 2**20 or '?'} MiB")
    except OSError as error:
        raise write_error(target, error) from error
    if total and received != total:
        raise LabError(
            f"the download of {image.url} ended after {received} of {total} bytes",
            next_step="run the same command again",
        )
    if (checksum := digest.hexdigest()) != image.checksum:
        raise LabError(
            f"{image.url} does not have the expected checksum:\n"
            f"    {image.algorithm} expected {image.checksum}\n    {image.algorithm} got      {checksum}",
            next_step="correct the checksum if the image was renewed, or do not trust that address",
        )


def _require_small(size: int, max_bytes: int, image: UrlImage) -> None:
    if size > max_bytes:
        raise LabError(
            f"{image.url} is larger than the disk of a guest, {max_bytes // GIB} GiB",
            next_step="see whether the address is right; if so, raise guest.disk in "
            "inventories/group_data/kvm_hosts.py",
        )
