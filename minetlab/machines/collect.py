"""Students' work, brought here: the home directories of their machines, an archive a student.

Each machine's ``tar`` writes to its connection, and nothing is left there. What comes is not trusted, as
students are root in their guests: it is unpacked nowhere, and put into the archive entry by entry.
"""

import shlex
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from minetlab.plan import Container
from minetlab.ssh import student_machines
from minetlab.ssh.run import run
from minetlab.ssh.student_machines import StudentMachine
from minetlab.tp.tp_images import HOME
from minetlab.util.files import refused
from minetlab.util.limits import MIB, Limits
from minetlab.util.process import TooMuchError

# What tarfile raises of bytes that are no archive; the last two, of where its headers point.
UNREADABLE = (tarfile.TarError, ValueError, EOFError, OverflowError, OSError)
PERMISSIONS = 0o777
"""Without those that make a program run as its owner."""


@dataclass(frozen=True)
class Errand:
    """What is the same for all students.

    :param config: the lab's SSH configuration.
    :param out_of_reach: machines that are not asked, by name, with why.
    :param folder: where to; it is there.
    """

    config: Path
    out_of_reach: Mapping[str, str]
    folder: Path
    limits: Limits


@dataclass(frozen=True)
class Collected:
    """What came of one student.

    :param path: of the archive; None: nothing came, and none was written.
    :param size: of the archive, in bytes.
    :param problems: what did not come, a line each.
    """

    login: str
    path: Path | None
    size: int
    problems: tuple[str, ...]


def collect(login: str, machines: Sequence[StudentMachine], errand: Errand) -> Collected:
    """Write ``<login>.tar.gz``, mode 0600, in one step; ``<login>.partial.tar.gz`` where not all of it came.

    An archive of an earlier time that is whole is never replaced by one that is not.

    :param machines: of the student; each is a folder of the archive.
    :raises LabError: the archive cannot be written.
    """
    folder, new = errand.folder, None
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=f".{login}.", delete=False) as file:
            new = Path(file.name)
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                problems, entries = _fill(archive, machines, errand)
        if not entries:
            return Collected(login, None, 0, problems)
        whole, partial = folder / f"{login}.tar.gz", folder / f"{login}.partial.tar.gz"
        path = new.replace(partial if problems else whole)
        if not problems:
            partial.unlink(missing_ok=True)
        return Collected(login, path, path.stat().st_size, problems)
    except OSError as error:
        raise refused(folder, error) from error
    finally:
        if new:
            new.unlink(missing_ok=True)


def _fill(
    archive: tarfile.TarFile, machines: Sequence[StudentMachine], errand: Errand
) -> tuple[tuple[str, ...], int]:
    """Put in what the machines send; what did not come, and how many entries did."""
    problems: list[str] = []
    entries = 0
    for machine in machines:
        if problem := errand.out_of_reach.get(machine.name):
            problems.append(f"{machine.name}: {problem}")
            continue
        with tempfile.TemporaryFile(dir=errand.folder) as sent:
            problems += _fetch(machine, sent, errand)
            packing = _Packing(archive, _folder_of(machine), errand)
            problems += [f"{machine.name}: {each}" for each in packing.add_all(sent)]
            entries += packing.entries
    return tuple(problems), entries


def line_of(machine: StudentMachine) -> str:
    """The line by which a machine sends its student's home directory.

    Sockets are left out by tar(1) itself; of other file systems that are mounted there, the content is.
    """
    home = HOME if isinstance(machine, Container) else f"/home/{machine.student.login}"
    # Holes are sent as such: a disk image of a student's own machine is little but holes.
    tar = [
        "tar",
        "--create",
        "--file=-",
        "--format=gnu",
        "--sparse",
        "--one-file-system",
        f"--directory={home}",
        ".",
    ]
    return shlex.join(tar if isinstance(machine, Container) else ["sudo", "-n", *tar])


def _folder_of(machine: StudentMachine) -> str:
    """What a machine's files are below in the archive."""
    return machine.tp_image if isinstance(machine, Container) else "guest"


def _fetch(machine: StudentMachine, sent: IO[bytes], errand: Errand) -> Iterator[str]:
    """Have a machine send; yields why it did not, or not all."""
    limits = errand.limits
    try:
        ended = run(errand.config, machine.name, line_of(machine), limits.seconds, to=sent, most=limits.bytes)
    except TooMuchError:
        yield f"{machine.name}: more than {limits.bytes // MIB} MiB: the rest did not come"
        return
    except TimeoutError:
        yield f"{machine.name}: not done within {limits.seconds:g} s: the rest did not come"
        return
    words = student_machines.printable(ended.errors)
    if ended.status == student_machines.UNREACHABLE:
        yield f"{machine.name}: {student_machines.problem_of(ended.status, words, limits.seconds)}"
    elif ended.status:
        yield f"{machine.name}: {student_machines.first_line(words) or f'tar ended with {ended.status}'}"


class _Packing:
    """Puts what a machine sent into an archive, below a folder of it, as far as it is harmless."""

    def __init__(self, archive: tarfile.TarFile, folder: str, errand: Errand) -> None:
        self.archive, self.folder = archive, folder
        self.room, self.beside = errand.limits.bytes, errand.folder
        self.entries = 0
        self._files: set[PurePosixPath] = set()
        self._links: set[PurePosixPath] = set()

    def add_all(self, sent: IO[bytes]) -> Iterator[str]:
        """Add what came whole; yields what is left out, and why."""
        sent.seek(0)
        try:
            came = tarfile.open(fileobj=sent, mode="r:")  # noqa: SIM115 (nothing to close but the file)
        except UNREADABLE:
            return  # nothing came, which has been said
        for entry in _whole(came):
            path = PurePosixPath(entry.name)
            problem = self._problem(path, entry)
            if not problem:
                try:
                    content = _content(came, entry, self.beside)
                except UNREADABLE:
                    problem = "it cannot be read"
                else:
                    self._add(path, entry, content)
            if problem:
                yield f"{student_machines.printable(str(path))} is left out: {problem}"

    def _problem(self, path: PurePosixPath, entry: tarfile.TarInfo) -> str:
        """Why an entry cannot be in the archive; empty: it can."""
        if path.is_absolute() or ".." in path.parts or not self._links.isdisjoint(path.parents):
            return "it is outside of the home directory"
        if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
            return "it is a device or a pipe"
        if entry.islnk() and PurePosixPath(entry.linkname) not in self._files:
            return "it is another name of a file that is not there"
        if entry.isreg() and entry.size > self.room:
            return f"its {entry.size // MIB} MiB are too many"
        return ""

    def _add(self, path: PurePosixPath, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        new = tarfile.TarInfo(str(PurePosixPath(self.folder, path)))
        new.mtime, new.mode = entry.mtime, entry.mode & PERMISSIONS
        new.uid, new.gid, new.uname, new.gname = entry.uid, entry.gid, entry.uname, entry.gname
        if content is not None:
            new.size = entry.size
            self.room -= entry.size
            self._files.add(path)
        else:
            new.type, new.linkname = entry.type, entry.linkname
        if entry.islnk():
            new.linkname = str(PurePosixPath(self.folder, entry.linkname))
        if entry.issym():
            self._links.add(path)
        self.archive.addfile(new, content)
        self.entries += 1


def _whole(sent: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """The entries of an archive that may have been cut: of the last one, it is not known before its end."""
    entries: list[tarfile.TarInfo] = []
    try:
        while (entry := sent.next()) is not None:
            entries.append(entry)
    except UNREADABLE:
        return entries[:-1]
    return entries


def _content(came: tarfile.TarFile, entry: tarfile.TarInfo, beside: Path) -> IO[bytes] | None:
    """A file's bytes, as many as its size says; None for what has none.

    :param beside: folder of a temporary file.
    :raises tarfile.TarError: they are not there; or another of :data:`UNREADABLE`.
    """
    content = came.extractfile(entry) if entry.isreg() else None
    if content is None or not entry.issparse():
        return content
    # Where the data of a file with holes is, only reading shows.
    filled = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115 (closed with its last reference)
    while (left := entry.size - filled.tell()) > 0:
        if not (block := content.read(min(left, MIB))):
            raise tarfile.ReadError("unexpected end of data")
        filled.write(block)
    filled.seek(0)
    return filled
