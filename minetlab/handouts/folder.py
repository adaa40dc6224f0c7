"""A student's folder: all that their own computer needs to log in, and nothing that belongs to others."""

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

CONFIG, KNOWN_HOSTS, KEY_FILE, README = "ssh_config", "known_hosts", "id_ed25519", "README.txt"


def home_of(lab: str) -> str:
    """Return the path at which students are told to put the folder on their own computers."""
    return f"~/{lab}"


def login_command(lab: str, machine: str) -> str:
    """Return the command that a student types to log into a machine."""
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
    """Write a student's folder with mode 0700, and its files with mode 0600; existing ones are replaced.

    If the lab made the student's key pair, the private key is in the folder. A student who has brought a
    public key has the private one already.

    :param folder: path of the folder, which is for this student only. Its SSH configuration works there, and
        at the path that :func:`home_of` returns.
    :param lab: name of the lab.
    :param student: the student.
    :param logins: the student's logins, as :func:`~minetlab.handouts.logins.logins_of` returns them.
    :param language: language of the README.
    :param site_url: address of the TP site; None: students cannot reach one.
    :param password: the student's password for the TP site; None: the lab serves none.
    :raises LabError: the folder cannot be written, or ssh cannot use its path.
    """
    _refuse_unusable_path(folder.resolve())
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
            commands=[login_command(lab, login.machine) for login in logins],
            first=logins[0].machine if logins else "",
            site_url=site_url,
            password=password,
        ),
    }
    if student.ssh_key is None:
        files[KEY_FILE] = student_key(lab, student.login).private.read_text(encoding="ascii")
    make_folder(folder, private=True)
    for name, text in files.items():
        write_private(folder / name, text)
    if student.ssh_key is not None:
        # The lab's key may still be there from before the student brought a key.
        (folder / KEY_FILE).unlink(missing_ok=True)


def _refuse_unusable_path(folder: Path) -> None:
    # To pass through a jump host, ssh starts itself in a shell. There, the path of its configuration is not
    # quoted, and a % in it begins a token.
    if shlex.quote(str(folder)) != str(folder) or "%" in str(folder):
        raise LabError(
            f"ssh cannot pass through a jump host with a configuration in {folder}",
            next_step="choose a folder without spaces, quotes and % in its path, with --output",
        )


def _config(folder: Path, lab: str, student: Student, logins: Sequence[Login], jumps: Sequence[Jump]) -> str:
    folders = (home_of(lab), str(folder.resolve()))
    return render(
        "cards/ssh_config.j2",
        lab=lab,
        student=student,
        logins=logins,
        jumps=jumps,
        machines=[login.machine for login in logins]
        + [ssh_config.config_word("Host", jump.alias) for jump in jumps],
        keys=[f"{path}/{KEY_FILE}" for path in folders] if student.ssh_key is None else [],
        known_hosts=[f"{path}/{KNOWN_HOSTS}" for path in folders],
        word=ssh_config.config_word,
    )


def _known_hosts(logins: Sequence[Login], jumps: Sequence[Jump]) -> str:
    lines = [f"{login.machine} {login.host_key}" for login in logins]
    lines += [f"{jump.alias} {key}" for jump in jumps for key in jump.host.host_keys]
    return "".join(f"{line}\n" for line in lines)
