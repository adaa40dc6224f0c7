"""A Debian mirror whose state a test sets: the apt-get of this machine is a script that copies its files."""

from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path

import pytest

from minetlab.images.edition import Edition, Release
from tests.support.fake_program import put_first_in_path

FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)
APT_GET = """
echo asked >>{folder}/asked
for option; do
    case $option in --option=Dir::State::Lists=*) lists=${{option##*=}} ;; esac
done
[ -e {folder}/published ] || {{ echo 'E: Temporary failure resolving deb.debian.org' >&2; exit 100; }}
cp {folder}/*_InRelease "$lists"
"""


class Mirror:
    """The mirror.

    :param folder: where its files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def publish(self, date: datetime, packages: str = "", suite: str = "trixie") -> Edition:
        """Have the mirror be of this date, with a list of security fixes that has this content."""
        (self.folder / "published").touch()
        made = edition(date, packages, suite)
        for release in made.releases:
            (self.folder / f"{release.codename}_InRelease").write_text(in_release(release))
        return made

    def fail(self) -> None:
        (self.folder / "published").unlink()

    @property
    def asked(self) -> int:
        """How often somebody asked."""
        file = self.folder / "asked"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """A mirror of the first of November, and a cache and a state of the test's own."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    put_first_in_path(folder, "apt-get", APT_GET.format(folder=folder), monkeypatch)
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    made = Mirror(folder)
    made.publish(FIRST)
    return made


def edition(date: datetime = FIRST, packages: str = "", suite: str = "trixie") -> Edition:
    security = sha256(packages.encode()).hexdigest()
    return Edition(
        releases=(
            Release(codename=suite, suite="stable", version="13.2", date=FIRST, packages=64 * "0"),
            Release(
                codename=f"{suite}-security",
                suite="stable-security",
                version="",
                date=date,
                packages=security,
            ),
        )
    )


def in_release(release: Release) -> str:
    version = f"Version: {release.version}\n" if release.version else ""
    return (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\n"
        f"Suite: {release.suite}\n{version}Codename: {release.codename}\n"
        f"Date: {format_datetime(release.date).replace('+0000', 'UTC')}\n"
        "Description: Debian 13: stable\nMD5Sum:\n"
        f" {32 * 'a'} 56634892 main/binary-amd64/Packages\nSHA256:\n"
        f" {64 * 'b'}       20 main/binary-amd64/Packages.gz\n"
        f" {64 * 'c'}       20 contrib/binary-amd64/Packages\n"
        f" {release.packages} 56634892 main/binary-amd64/Packages\n"
        "-----BEGIN PGP SIGNATURE-----\n\niQIz\n-----END PGP SIGNATURE-----\n"
    )
