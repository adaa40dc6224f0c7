"""Unpack an archive as people do, and look at what came out of it."""

import os
import shutil
import stat
import subprocess
import tarfile
from collections import Counter
from pathlib import Path

from minetlab.util.text import printable_name

ROOT = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
USER = ["unshare", "--user"] if os.geteuid() == 0 else []
# Found now: tests put a student's tar first on the path.
TAR, BSDTAR = (shutil.which(name) or name for name in ("tar", "bsdtar"))
PROGRAMS = {
    "GNU tar": [*USER, TAR, "--extract", "--file"],
    "GNU tar as root": [*ROOT, TAR, "--extract", "--file"],
    # Of libarchive, by which GNOME's and KDE's file managers unpack.
    "bsdtar": [*USER, BSDTAR, "-x", "-f"],
    "bsdtar as root": [*ROOT, BSDTAR, "-x", "-f"],
}
# Debian 12's Python has no filters; its default is what is called "fully_trusted" now.
FILTERS = {"Python with the data filter": "data", "Python": "fully_trusted"}
LIMIT = 60


def unpacks(archive: Path, around: Path, how: str) -> None:
    """Unpack an archive into a new folder, without a complaint, and with nothing of it outside.

    :param archive: the archive.
    :param around: the folder in which that folder is made; made if it does not exist.
    :param how: a key of :data:`PROGRAMS` or of :data:`FILTERS`.
    """
    target, neighbour = around / "unpacked", around / "neighbour"
    for folder in (target, neighbour):
        folder.mkdir(parents=True)
    (neighbour / "file").write_text("untouched")
    before = _listed(neighbour)
    if program := PROGRAMS.get(how):
        ended = subprocess.run(
            [*program, archive],
            cwd=target,
            check=False,
            capture_output=True,
            timeout=LIMIT,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b""), how
    else:
        options = {"filter": FILTERS[how]} if hasattr(tarfile, "data_filter") else {}
        with tarfile.open(archive) as opened:
            opened.extractall(target, **options)  # type: ignore[arg-type] # noqa: S202 (that is what is tested)
    assert {path.name for path in around.iterdir()} == {"unpacked", "neighbour"}
    assert _listed(neighbour) == before
    _is_harmless(target)


def _listed(folder: Path) -> list[tuple[object, ...]]:
    statuses = ((path, path.lstat()) for path in sorted(folder.iterdir()))
    return [
        (path.name, path.read_bytes(), status.st_ino, status.st_nlink, status.st_mode, status.st_mtime_ns)
        for path, status in statuses
    ]


def _is_harmless(target: Path) -> None:
    """Files, folders and links that stay inside, owned by who unpacked them, whose rights nobody gets."""
    names: Counter[int] = Counter()
    links: dict[int, int] = {}
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            kind = stat.S_IFMT(status.st_mode)
            assert kind in {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}, path
            assert status.st_uid == os.geteuid(), path
            assert kind == stat.S_IFLNK or not status.st_mode & 0o7022, path
            assert printable_name(name) == name, path
            if kind == stat.S_IFLNK:
                assert path.resolve().is_relative_to(target.resolve()), path
            if kind == stat.S_IFREG:
                names[status.st_ino] += 1
                links[status.st_ino] = status.st_nlink
    assert names == links, "a hard link leads out"
