"""Collect students' work: the home directories of their machines, in one archive for each student.

On each machine ``tar`` writes to the SSH connection, and leaves nothing behind. Its output is not trusted, as
students are root in their guests: it is not unpacked, but checked and copied to the archive entry by entry.
"""

import os
import shlex
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from minetlab.plan import Container
from minetlab.ssh.run import NoAnswerError, run
from minetlab.ssh.student_machines import StudentMachine
from minetlab.tp.tp_images import TP_HOME
from minetlab.util.files import write_error
from minetlab.util.limits import MIB, Limits
from minetlab.util.process import TooMuchError
from minetlab.util.text import first_line, printable

# What tarfile raises for a broken archive; the last two, for impossible positions in its headers.
UNREADABLE = (tarfile.TarError, ValueError, EOFError, OverflowError, OSError)
PERMISSIONS = 0o777
"""The permission bits that are kept; set-user-ID, set-group-ID and the sticky bit are not."""


@dataclass(frozen=True)
class CollectSettings:
    """What is the same for all students of a run of ``lab collect``.

    :param config: the lab's SSH configuration.
    :param out_of_reach: the machines that are not asked, by name, with the reason.
    :param folder: the existing folder in which archives are written.
    :param limits: how long a machine may take, and how much it may send.
    """

    config: Path
    out_of_reach: Mapping[str, str]
    folder: Path
    limits: Limits


@dataclass(frozen=True)
class Collected:
    """The collected work of one student.

    :param login: the login of the student.
    :param path: the archive; None if no machine sent anything, and no archive was written.
    :param size: the size of the archive in bytes.
    :param problems: what is missing in the archive, one line for each problem.
    """

    login: str
    path: Path | None
    size: int
    problems: tuple[str, ...]


def collect(login: str, machines: Sequence[StudentMachine], settings: CollectSettings) -> Collected:
    """Write a student's work to an archive with mode 0600.

    The archive is ``<login>.tar.gz``, or ``<login>.partial.tar.gz`` if a part is missing, so that a partial
    archive never replaces a complete one of an earlier run. It gets its name only when it is finished.

    :param login: the login of the student.
    :param machines: the student's machines; each has a folder in the archive.
    :param settings: what is the same for all students.
    :return: the archive, and what is missing in it.
    :raises LabError: the archive cannot be written.
    """
    folder, unfinished = settings.folder, None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{login}.", delete=False) as file:
            unfinished = Path(file.name)
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                problems = _fill(archive, machines, settings)
                empty = not archive.getmembers()
        if empty:
            return Collected(login, None, 0, problems)
        complete, partial = folder / f"{login}.tar.gz", folder / f"{login}.partial.tar.gz"
        path = unfinished.replace(partial if problems else complete)
        if not problems:
            partial.unlink(missing_ok=True)
        return Collected(login, path, path.stat().st_size, problems)
    except OSError as error:
        raise write_error(folder, error) from error
    finally:
        if unfinished:
            unfinished.unlink(missing_ok=True)


def _fill(
    archive: tarfile.TarFile, machines: Sequence[StudentMachine], settings: CollectSettings
) -> tuple[str, ...]:
    """Add the files of all machines to an archive; return the problems."""
    problems: list[str] = []
    for machine in machines:
        if problem := settings.out_of_reach.get(machine.name):
            problems.append(f"{machine.name}: {problem}")
            continue
        with tempfile.TemporaryFile(dir=settings.folder) as received:
            problems += _fetch(machine, received, settings)
            folder = machine.tp_image if isinstance(machine, Container) else "guest"
            packer = _Packer(archive, folder, settings)
            problems += [f"{machine.name}: {problem}" for problem in packer.add_all(received)]
    return tuple(problems)


def _tar_command(machine: StudentMachine) -> str:
    # tar(1) itself leaves out sockets. The content of other file systems that are mounted there is left out.
    home = TP_HOME if isinstance(machine, Container) else f"/home/{machine.student.login}"
    # Sparse, as a disk image of a student's own virtual machine consists mostly of holes.
    options = ("--create", "--file=-", "--format=gnu", "--sparse", "--one-file-system")
    tar = ["tar", *options, f"--directory={home}", "."]
    return shlex.join(tar if isinstance(machine, Container) else ["sudo", "-n", *tar])


def _fetch(machine: StudentMachine, received: IO[bytes], settings: CollectSettings) -> Iterator[str]:
    """Write what a machine sends to a file, and yield why not all of it came."""
    limits = settings.limits
    try:
        ended = run(
            settings.config,
            machine.name,
            _tar_command(machine),
            limits.seconds,
            output_file=received,
            max_bytes=limits.bytes,
        )
    except TooMuchError:
        yield f"{machine.name}: more than {limits.bytes // MIB} MiB: the rest did not come"
    except NoAnswerError as error:
        rest = ": the rest did not come" if received.seek(0, os.SEEK_END) else ""
        yield f"{machine.name}: no answer: {error}{rest}"
    else:
        if ended.status:
            yield f"{machine.name}: {first_line(ended.errors) or f'tar ended with {ended.status}'}"


class _Packer:
    """Copies the harmless entries of a machine's tar archive to a folder of the student's archive."""

    def __init__(self, archive: tarfile.TarFile, folder: str, settings: CollectSettings) -> None:
        self.archive, self.folder = archive, folder
        self.room, self.temporary_folder = settings.limits.bytes, settings.folder
        self._files: set[PurePosixPath] = set()
        self._links: set[PurePosixPath] = set()

    def add_all(self, received: IO[bytes]) -> Iterator[str]:
        """Add all entries that are complete and harmless; yield which others are left out, and why."""
        received.seek(0)
        try:
            source = tarfile.open(fileobj=received, mode="r:")  # noqa: SIM115 (nothing to close but the file)
        except UNREADABLE:
            return  # The machine sent nothing, and _fetch has reported that.
        for entry in _complete_entries(source):
            path = PurePosixPath(entry.name)
            problem = self._problem(path, entry)
            if not problem:
                try:
                    content = _content(source, entry, self.temporary_folder)
                except UNREADABLE:
                    problem = "it cannot be read"
                else:
                    self._add(path, entry, content)
            if problem:
                yield f"{printable(str(path))} is left out: {problem}"

    def _problem(self, path: PurePosixPath, entry: tarfile.TarInfo) -> str:
        """Return why an entry must not go into the archive, or an empty string if it may."""
        if path.is_absolute() or ".." in path.parts or not self._links.isdisjoint(path.parents):
            return "it is outside of the home directory"
        if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
            return "it is a device or a pipe"
        if entry.islnk() and PurePosixPath(entry.linkname) not in self._files:
            return "it is a hard link to a file that is not in the archive"
        if entry.isreg() and entry.size > self.room:
            return f"its {entry.size // MIB} MiB are too many"
        return ""

    def _add(self, path: PurePosixPath, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        copy = tarfile.TarInfo(str(PurePosixPath(self.folder, path)))
        copy.mtime, copy.mode = entry.mtime, entry.mode & PERMISSIONS
        copy.uid, copy.gid, copy.uname, copy.gname = entry.uid, entry.gid, entry.uname, entry.gname
        if content is not None:
            copy.size = entry.size
            self.room -= entry.size
            self._files.add(path)
        else:
            copy.type, copy.linkname = entry.type, entry.linkname
        if entry.islnk():
            copy.linkname = str(PurePosixPath(self.folder, entry.linkname))
        if entry.issym():
            self._links.add(path)
        self.archive.addfile(copy, content)


def _complete_entries(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """Return the entries of an archive, without the last one if the archive is cut off."""
    entries: list[tarfile.TarInfo] = []
    try:
        while (entry := archive.next()) is not None:
            entries.append(entry)
    except UNREADABLE:
        return entries[:-1]
    return entries


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo, temporary_folder: Path) -> IO[bytes] | None:
    """Open the content of a file in an archive; it has as many bytes as the entry's size says.

    :param archive: the archive.
    :param entry: the entry of the archive.
    :param temporary_folder: the folder for a temporary file.
    :return: the open content; None for an entry that is not a regular file.
    :raises tarfile.TarError: a part of the content is missing; the other errors of :data:`UNREADABLE`, too.
    """
    content = archive.extractfile(entry) if entry.isreg() else None
    if content is None or not entry.issparse():
        return content
    # Only reading a sparse file shows whether all of its data is there.
    filled = tempfile.TemporaryFile(dir=temporary_folder)  # noqa: SIM115 (closed with its last reference)
    while (remaining := entry.size - filled.tell()) > 0:
        if not (block := content.read(min(remaining, MIB))):
            raise tarfile.ReadError("unexpected end of data")
        filled.write(block)
    filled.seek(0)
    return filled
