"""Collect students' work: the home directories of their machines, in one archive for each student.

On each machine ``tar`` writes to the SSH connection, and leaves nothing behind. Its output is not trusted, as
students are root in their guests: it is not unpacked, but copied to the archive entry by entry (``repack``).
"""

import gzip
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from minetlab.plan import Container
from minetlab.resources.docker import TP_HOME
from minetlab.ssh.run import NoAnswerError, run
from minetlab.ssh.student_machines import StudentMachine
from minetlab.util.files import write_error
from minetlab.util.limits import MIB, Limits
from minetlab.util.process import TooMuchError, capture
from minetlab.util.text import first_line

REPACK_MEMORY = 192 * MIB
"""Bytes of address space in which an archive is repacked; one of a hundred thousand files takes 128 MiB."""
REPACK_SECONDS = 120
"""Seconds of processor time that repacking may take; a hundred thousand files take fifteen."""
END_MARK = bytes(1024)
"""What ends a tar archive: two empty blocks (tar(5))."""


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
    folder = settings.folder
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=f".{login}.") as scratch:
            with (
                tempfile.NamedTemporaryFile(dir=scratch, delete=False) as file,
                gzip.GzipFile("", "wb", fileobj=file) as archive,
            ):
                problems = _fill(archive, machines, settings, Path(scratch))
                empty = archive.tell() == 0
                archive.write(END_MARK)
            if empty:
                return Collected(login, None, 0, problems)
            complete, partial = folder / f"{login}.tar.gz", folder / f"{login}.partial.tar.gz"
            path = Path(file.name).replace(partial if problems else complete)
        if not problems:
            partial.unlink(missing_ok=True)
        return Collected(login, path, path.stat().st_size, problems)
    except OSError as error:
        raise write_error(folder, error) from error


def _fill(
    archive: gzip.GzipFile, machines: Sequence[StudentMachine], settings: CollectSettings, scratch: Path
) -> tuple[str, ...]:
    """Add the files of all machines to an archive; return the problems."""
    problems: list[str] = []
    received, harmless = scratch / "received.tar", scratch / "harmless.tar"
    for machine in machines:
        if problem := settings.out_of_reach.get(machine.name):
            problems.append(f"{machine.name}: {problem}")
            continue
        with received.open("wb") as file:
            problems += _fetch(machine, file, settings)
        if not received.stat().st_size:
            continue
        folder = machine.tp_image if isinstance(machine, Container) else "guest"
        left_out, whole = _repack(received, harmless, folder, settings.limits)
        problems += [f"{machine.name}: {problem}" for problem in left_out]
        if whole:
            with harmless.open("rb") as file:
                shutil.copyfileobj(file, archive, MIB)
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


def _repack(received: Path, harmless: Path, folder: str, limits: Limits) -> tuple[list[str], bool]:
    """Copy the harmless entries of a machine's archive, in a program with limits to its memory and time.

    :param received: the machine's archive.
    :param harmless: the archive to write, without its end mark.
    :param folder: the folder in it for all entries.
    :param limits: how long it may take, and how many bytes the files may hold together.
    :return: what is left out, and why, a line for each; and whether the archive that was written is whole.
    """
    bounds = ("prlimit", f"--as={REPACK_MEMORY}", f"--cpu={REPACK_SECONDS}", "--core=0")
    program = (sys.executable, "-m", "minetlab.machines.repack")
    words = (str(received), str(harmless), folder, str(limits.bytes))
    try:
        ended = capture([*bounds, *program, *words], limits.seconds, env={"TMPDIR": str(harmless.parent)})
    except TimeoutError as error:
        return [f"its archive is left out: {error}"], False
    if ended.status:
        return [
            "its archive is left out: to read it takes more memory or time than one that tar makes"
        ], False
    return [line for line in ended.output.split("\n") if line], True
