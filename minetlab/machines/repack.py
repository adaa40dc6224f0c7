"""Copy the harmless entries of a tar archive that a student's machine sent to an archive of our own.

Students are root in their guests, so the archive may be made to harm who reads it. ``lab collect`` therefore
runs this as a program of its own, with limits to its memory and processor time. What it writes can be
unpacked by GNU tar, by Python with any filter and by file managers: nothing gets out of its folder, and names
are such that they can be shown.

Usage: python -m minetlab.machines.repack RECEIVED WRITTEN FOLDER BYTES

RECEIVED is the machine's archive. WRITTEN becomes a tar archive without its end mark, so that several can be
joined. FOLDER is the folder in it for all entries. BYTES is how much the files may hold together. Prints
what is left out, and why, a line for each.
"""

import io
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from minetlab.util.limits import MIB
from minetlab.util.text import printable_line, printable_name

MAX_ENTRIES = 100_000
"""Entries that are copied."""
MAX_PROBLEMS = 20
"""Entries that are left out and named; of others, their number is said."""
MAX_NAME, MAX_PATH, MAX_DEPTH = 255, 2000, 200
"""Bytes of a file's name, and of a path, and folders in a path.

File systems of Linux take 255 bytes and 4096, of which the folder where it is unpacked needs some; Python's
tarfile and shutil call themselves for each folder, a thousand times at most.
"""
MAX_TIME = 8**11
"""The first time of modification that does not fit in a tar header, in seconds since 1970: the year 2242."""


COLLECTED = PurePosixPath(".")
"""The path of the home directory in the machine's archive."""


class DamagedError(Exception):
    """An archive is cut off or damaged."""


class Repacker:
    """Copies the harmless entries of an archive.

    :param written: the file to write to.
    :param folder: the folder of all entries in it.
    :param room: bytes that the files may hold together.
    """

    def __init__(self, written: IO[bytes], folder: str, room: int) -> None:
        # Not to be closed, which would mark its end. GNU tar has something to say of others' formats.
        self.archive = tarfile.TarFile(fileobj=written, mode="w", format=tarfile.GNU_FORMAT)
        self.folder, self.room = folder, room
        self._folders: set[PurePosixPath] = set()
        self._files: set[PurePosixPath] = set()
        self._links: set[PurePosixPath] = set()

    def add_all(self, received: IO[bytes]) -> Iterator[str]:
        """Add all entries that are complete and harmless; yield which others are left out, and why."""
        last = "the beginning"
        try:
            for count, (source, entry) in enumerate(_complete_entries(received)):
                if count == MAX_ENTRIES:
                    yield f"only the first {MAX_ENTRIES} files are kept"
                    return
                # From here on, names are those that are written: two that become one are one.
                entry.name, entry.linkname = map(printable_name, (entry.name, entry.linkname))
                path = PurePosixPath(entry.name)
                last = printable_line(str(path))
                if problem := self._problem(path, entry) or self._add(path, source, entry):
                    yield f"{last} is left out: {problem}"
        except DamagedError:
            yield f"what comes after {last} cannot be read"

    def _problem(self, path: PurePosixPath, entry: tarfile.TarInfo) -> str:
        """Return why an entry must not go into the archive, or an empty string if it may."""
        if _too_long(path):  # before its parents are looked at, of which there may be a million
            return "its name is too long"
        problems = (
            (path.is_absolute() or ".." in path.parts, "it is outside of the home directory"),
            (path == COLLECTED and not entry.isdir(), "it is in place of the home directory"),
            (not self._links.isdisjoint(path.parents), "it is outside of the home directory"),
            (not self._files.isdisjoint(path.parents), "it is in a file, not in a folder"),
            (
                not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()),
                "it is a device or a pipe",
            ),
            (path in self._folders and not entry.isdir(), "there is another of this name"),
            (path in self._files or path in self._links, "there is another of this name"),
            (
                entry.islnk() and PurePosixPath(entry.linkname) not in self._files,
                "it is a hard link to a file that is not in the archive",
            ),
            (entry.isreg() and entry.size > self.room, f"its {entry.size // MIB} MiB are too many"),
        )
        return next((problem for applies, problem in problems if applies), "")

    def _add(self, path: PurePosixPath, source: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
        """Add an entry; return why it cannot be added, or an empty string."""
        copy = tarfile.TarInfo(str(PurePosixPath(self.folder, path)))
        copy.mtime = int(entry.mtime) if 0 <= entry.mtime < MAX_TIME else 0
        copy.mode = entry.mode & 0o755 | (0o700 if entry.isdir() else 0o600)
        content: IO[bytes] | None = None
        if entry.isreg():
            try:
                content = _content(source, entry)
            except Exception:  # tarfile raises many kinds for what is not as it should be
                return "it cannot be read"
            copy.size = entry.size
        elif entry.issym() and not _can_be_link(path, entry.linkname):
            content, copy.size = _as_file(entry.linkname)
        else:
            copy.type, copy.linkname = entry.type, entry.linkname
        if entry.islnk():
            copy.linkname = str(PurePosixPath(self.folder, entry.linkname))
        self.room -= copy.size
        kinds = {tarfile.DIRTYPE: self._folders, tarfile.SYMTYPE: self._links}
        kinds.get(copy.type, self._files).add(path)
        self._folders |= set(path.parents)
        self.archive.addfile(copy, content)
        return ""


def leads_out(path: PurePosixPath, target: str) -> bool:
    """Return whether a symbolic link may lead out of the folder, given that no other link there does.

    :param path: the link, relative to the folder.
    :param target: what it points to.
    :return: whether it may.

    >>> leads_out(PurePosixPath("a/b/link"), "../../c"), leads_out(PurePosixPath("a/b/link"), "../../../c")
    (False, True)
    >>> leads_out(PurePosixPath("link"), "/etc"), leads_out(PurePosixPath("link"), "a/other-link/../..")
    (True, True)
    """
    parts = PurePosixPath(target).parts
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    # After a name, which may be that of a link, nobody knows where ".." leads to.
    return target.startswith("/") or ups > len(path.parent.parts) or ".." in parts[ups:]


def _can_be_link(path: PurePosixPath, target: str) -> bool:
    return bool(target) and not _too_long(PurePosixPath(target)) and not leads_out(path, target)


def _as_file(target: str) -> tuple[IO[bytes], int]:
    """Return a link's target as the content of a file, as Git does where there are no links."""
    return io.BytesIO(target.encode()), len(target.encode())


def _too_long(path: PurePosixPath) -> bool:
    sizes = [len(part.encode()) for part in path.parts]
    return len(sizes) > MAX_DEPTH or sum(sizes) + len(sizes) > MAX_PATH or max(sizes, default=0) > MAX_NAME


def _complete_entries(received: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Yield an archive and each of its complete entries.

    :param received: the archive.
    :yields: the open archive, and an entry of it.
    :raises DamagedError: the archive is cut off or damaged after these entries.
    """
    previous, position = None, -1
    try:
        source = tarfile.open(fileobj=received, mode="r:")  # noqa: SIM115 (nothing to close but the file)
        while (entry := source.next()) is not None:
            if previous:
                yield source, previous
            # A header with a negative size leads back to itself (CVE-2025-8194).
            if entry.size < 0 or source.offset <= position:
                raise DamagedError
            previous, position = entry, source.offset
            source.members.clear()  # type: ignore[attr-defined]  # of no use here, and not bounded
    except Exception as error:  # tarfile raises many kinds for what is not as it should be
        raise DamagedError from error
    if previous:
        yield source, previous


def _content(source: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    """Open the content of a file in an archive; it has as many bytes as the entry's size says.

    :param source: the archive.
    :param entry: the file's entry.
    :return: the open content.
    :raises tarfile.ReadError: a part of the content is missing; other errors where tarfile stumbles.
    """
    content = source.extractfile(entry)
    if content is None:
        raise tarfile.ReadError("no regular file")
    if not entry.issparse():
        return content
    # Only reading a sparse file shows whether all of its data is there.
    filled = tempfile.TemporaryFile()  # noqa: SIM115 (closed with its last reference)
    while (remaining := entry.size - filled.tell()) > 0:
        if not (block := content.read(min(remaining, MIB))):
            raise tarfile.ReadError("unexpected end of data")
        filled.write(block)
    filled.seek(0)
    return filled


def main(received: Path, written: Path, folder: str, room: int) -> None:
    """Write the archive, and print what is left out of it."""
    with received.open("rb") as source, written.open("wb") as target:
        unnamed = 0
        for number, problem in enumerate(Repacker(target, folder, room).add_all(source)):
            if number < MAX_PROBLEMS:
                print(problem)
            else:
                unnamed += 1
        if unnamed:
            print(f"{unnamed} more are left out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
