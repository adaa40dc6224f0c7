"""An edition: the state of the Debian mirror that an image was built from. No I/O."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from pydantic import BaseModel

PACKAGES_INDEX = " main/binary-amd64/Packages"
"""The end of the line of an InRelease file with the checksum of all packages of a suite."""
SHA256_DIGITS = 64


class Release(BaseModel, frozen=True):
    """What the InRelease file of one suite says of it.

    :param codename: such as ``trixie-security``.
    :param suite: such as ``stable-security``.
    :param version: such as ``13.2``; empty if the file names none.
    :param date: when the mirror made it.
    :param packages: the SHA-256 of the list of its packages.
    """

    codename: str
    suite: str
    version: str
    date: datetime
    packages: str

    @property
    def title(self) -> str:
        """The release in a few words, such as ``trixie 13.2 of 2026-11-21``."""
        version = f" {self.version}" if self.version else ""
        return f"{self.codename}{version} of {self.date:%Y-%m-%d}"


class Edition(BaseModel, frozen=True):
    """The state of the Debian mirror that an image was built from: equal recipes make the same image of it.

    :param releases: all suites that packages come from, updates and security included, by codename.
    """

    releases: tuple[Release, ...]

    @property
    def date(self) -> datetime:
        """The date of the suite that changed last; everything in an image that has a time has none later."""
        return max(release.date for release in self.releases)

    @property
    def epoch(self) -> int:
        """The date in seconds since 1970, for programs that make files of that time."""
        return int(self.date.timestamp())

    @property
    def id(self) -> str:
        """A name of 17 characters for it, which begins with its date."""
        digest = hashlib.sha256(self.model_dump_json().encode()).hexdigest()
        return f"{self.date:%Y%m%d}-{digest[:8]}"

    @property
    def title(self) -> str:
        """All its suites in a few words each."""
        return ", ".join(release.title for release in self.releases)

    def has_the_packages_of(self, other: "Edition") -> bool:
        """Return whether the mirror has the same packages in ``other``."""
        return [release.packages for release in self.releases] == [
            release.packages for release in other.releases
        ]


def read_edition(in_releases: Iterable[str]) -> Edition:
    """Read an edition from the InRelease files of its suites.

    :param in_releases: the files' content, in any order.
    :return: the edition.
    :raises ValueError: a file lacks a field or the list of packages.
    """
    releases = [_read_release(text) for text in in_releases]
    return Edition(releases=tuple(sorted(releases, key=lambda release: release.codename)))


def _read_release(text: str) -> Release:
    lines = text.splitlines()
    fields = dict(line.split(": ", 1) for line in lines if ": " in line and not line.startswith(" "))
    checksums = [line.split()[0] for line in lines if line.endswith(PACKAGES_INDEX)]
    packages = [checksum for checksum in checksums if len(checksum) == SHA256_DIGITS]
    if not packages or not {"Codename", "Suite", "Date"} <= fields.keys():
        raise ValueError("the InRelease file of a suite lacks its name, its date or its packages")
    return Release(
        codename=fields["Codename"],
        suite=fields["Suite"],
        version=fields.get("Version", ""),
        date=parsedate_to_datetime(fields["Date"].replace("UTC", "+0000")).astimezone(UTC),
        packages=packages[0],
    )
