"""A student's folder: all that a computer of theirs needs to log in, and nothing that is somebody else's."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from minetlab.handouts.logins import Jump, Login
from minetlab.handouts.words import Language
from minetlab.lab import Student
from minetlab.secrets.keys import student_key
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_private
from minetlab.util.render import render

CONFIG, KNOWN_HOSTS, KEY, README = "ssh_config", "known_hosts", "id_ed25519", "README.txt"


def home_of(lab: str) -> str:
    """Where students put the folder on their own computers."""
    return f"~/{lab}"


def command(lab: str, machine: str) -> str:
    """What a student types to log in."""
    return f"ssh -F {home_of(lab)}/{CONFIG} {machine}"


def write_folder(
    folder: Path,
    lab: str,
    student: Student,
    logins: Sequence[Login],
    language: Language,
    *,
    site_url: str | None = None,
    password: str | None = None,
) -> None:
    """Write a student's folder, mode 0700, its files 0600; what was in them before is replaced.

    The private key is in it where the lab generated the pair; who brought a key keeps theirs to themselves.

    :param folder: of this student alone. Its configuration works where the folder is, and at `home_of`.
    :param site_url: address of the practical work's site, where students can reach one.
    :param password: the student's, for that site; None: the lab serves none.
    :raises LabError: the folder cannot be written, or its name is too much for ssh.
    """
    _refuse_odd(folder.resolve())
    jumps = tuple({login.jump.alias: login.jump for login in logins if login.jump}.values())
    files = {
        CONFIG: _config(folder, lab, student, logins, jumps),
        KNOWN_HOSTS: _known_hosts(logins, jumps),
        README: render(
            f"cards/README.{language}.txt.j2",
            lab=lab,
            home=home_of(lab),
            folder=folder.name,
            student=student,
            commands=[command(lab, login.machine) for login in logins],
            first=logins[0].machine if logins else "",
            site_url=site_url,
            password=password,
        ),
    }
    if student.ssh_key is None:
        files[KEY] = student_key(lab, student.login).private.read_text(encoding="ascii")
    make_folder(folder, private=True)
    for name, text in files.items():
        write_private(folder / name, text)
    if student.ssh_key is not None:
        # Of a run before the student brought a key of their own.
        (folder / KEY).unlink(missing_ok=True)


def _refuse_odd(folder: Path) -> None:
    """To jump, ssh hands its configuration's path to a shell as it is, and takes a % in it for its own."""
    if shlex.quote(str(folder)) != str(folder) or "%" in str(folder):
        raise LabError(
            f"ssh could not jump with a configuration in {folder}",
            next_step="choose a folder without spaces, quotes and % in its path, with --output",
        )


def _config(folder: Path, lab: str, student: Student, logins: Sequence[Login], jumps: Sequence[Jump]) -> str:
    places = (home_of(lab), str(folder.resolve()))
    return render(
        "cards/ssh_config.j2",
        lab=lab,
        student=student,
        logins=logins,
        jumps=jumps,
        machines=[login.machine for login in logins]
        + [ssh_config.word("Host", jump.alias) for jump in jumps],
        keys=[f"{place}/{KEY}" for place in places] if student.ssh_key is None else [],
        known_hosts=[f"{place}/{KNOWN_HOSTS}" for place in places],
        word=ssh_config.word,
    )


def _known_hosts(logins: Sequence[Login], jumps: Sequence[Jump]) -> str:
    lines = [f"{login.machine} {login.host_key}" for login in logins]
    lines += [f"{jump.alias} {key}" for jump in jumps for key in jump.host.host_keys]
    return "".join(f"{line}\n" for line in lines)
