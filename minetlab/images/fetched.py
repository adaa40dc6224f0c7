"""Images that somebody else made: fetched once, and used only if they are what the inventory says."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.response import addinfourl

from pydantic import BaseModel, ConfigDict, Field, model_validator

from minetlab.images.cache import make_once, require_free_space
from minetlab.util.errors import LabError
from minetlab.util.files import refused
from minetlab.util.paths import cache_dir
from minetlab.util.progress import Heartbeat, Progress

STALL_LIMIT = 60.0
"""Seconds without a byte after which a download is given up."""
CHUNK = 2**20
PROBE_LIMIT = 10.0
"""Seconds for an address to answer."""


class FetchedImage(BaseModel):
    """A disk image at an address, and the checksum that it must have.

    :param url: ``https://``, ``http://`` or ``file://``.
    :param sha256: 64 hexadecimal digits; this or ``sha512`` (128) is required.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^(https?|file)://")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    sha512: str | None = Field(default=None, pattern=r"^[0-9a-f]{128}$")

    @model_validator(mode="after")
    def _one_checksum(self) -> "FetchedImage":
        if (self.sha256 is None) == (self.sha512 is None):
            raise ValueError("give sha256 or sha512, and not both")
        return self

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return "sha256" if self.sha256 else "sha512"

    @property
    def checksum(self) -> str:
        """The one checksum that was given."""
        return self.sha256 or self.sha512 or ""

    @property
    def file_name(self) -> str:
        """The name in the cache: the address's own, made unique by the checksum."""
        name = PurePosixPath(unquote(urlsplit(self.url).path))
        return f"{name.stem or 'image'}-{self.checksum[:12]}{name.suffix}"


def fetch(image: FetchedImage, progress: Progress) -> Path:
    """Return the image's file in the cache, fetched first unless it is there intact.

    :raises LabError: it cannot be fetched, or is not what its checksum says.
    """
    what = f"image {image.url}"

    def make(target: Path, scratch: Path) -> None:
        got = _download(image, target, what, progress)
        if got != image.checksum:
            raise LabError(
                f"{image.url} is not the image that is asked for:\n"
                f"    {image.algorithm} expected {image.checksum}\n    {image.algorithm} got      {got}",
                next_step="correct the checksum if the image was renewed, or do not trust that address",
            )

    return make_once(fetched_file(image), make, what, progress)


def fetched_file(image: FetchedImage) -> Path:
    """Where the cache has the image, once it is fetched."""
    folder = cache_dir() / "images"
    folder.mkdir(exist_ok=True)
    return folder / image.file_name


def probe(image: FetchedImage) -> None:
    """Ask the image's address whether it would be given, and take none of it.

    :raises LabError: it would not.
    """
    _open(image, PROBE_LIMIT).close()


def _open(image: FetchedImage, limit: float) -> addinfourl:
    try:
        response: addinfourl = urllib.request.urlopen(image.url, timeout=limit)  # noqa: S310 (the pattern of url)
    except (OSError, HTTPException) as error:
        raise _unfetched(image, error) from error
    return response


def _chunks(response: addinfourl, image: FetchedImage) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _unfetched(image, error) from error


def _unfetched(image: FetchedImage, error: OSError | HTTPException) -> LabError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return LabError(
        f"{image.url} cannot be fetched: {reason}", next_step="check the address and this machine's network"
    )


def _download(image: FetchedImage, target: Path, what: str, progress: Progress) -> str:
    """Write what the address has to ``target``; return its checksum."""
    digest = hashlib.new(image.algorithm)
    heartbeat = Heartbeat(f"{what}: fetching", progress)
    done = 0
    progress(f"{what}: fetching")
    response = _open(image, STALL_LIMIT)
    total = int(response.headers.get("Content-Length") or 0)
    try:
        with response, target.open("wb") as file:
            require_free_space(target.parent, total / 2**30, what)
            for chunk in _chunks(response, image):
                digest.update(chunk)
                file.write(chunk)
                done += len(chunk)
                heartbeat.beat(f": {done // 2**20} of {total // 2**20 or '?'} MiB")
    except OSError as error:
        raise refused(target, error) from error
    if total and done != total:
        raise LabError(
            f"{image.url} ended after {done} of {total} bytes", next_step="run the same command again"
        )
    return digest.hexdigest()
