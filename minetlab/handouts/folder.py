"""A student's folder: all that their own computer needs to log in, and nothing that belongs to others."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from minetlab.handouts.cards import Card
from minetlab.handouts.logins import Jump, Login
from minetlab.plan.student_folder import CONFIG
from minetlab.secrets.keys import student_key
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_private
from minetlab.util.render import render

KNOWN_HOSTS, KEY_FILE, README = "known_hosts", "id_ed25519", "README.txt"


def write_folder(folder: Path, card: Card) -> None:
    """Write a student's folder with mode 0700, and its files with mode 0600; existing ones are replaced.

    If the lab made the student's key pair, the private key is in the folder. A student who has brought a
    public key has the private one already.

    :param folder: path of the folder, which is for this student only. Its SSH configuration works there, and
        at the path that :attr:`Card.home <minetlab.handouts.cards.Card.home>` names.
    :param card: the student's card, whose logins are in the SSH configuration and in the README.
    :raises LabError: the folder cannot be written, or ssh cannot use its path.
    """
    _refuse_unusable_path(folder.resolve())
    student, logins = card.student, card.logins
    jumps = tuple({login.jump.alias: login.jump for login in logins if login.jump}.values())
    files = {
        CONFIG: _config(folder, card, jumps),
        KNOWN_HOSTS: _known_hosts(logins, jumps),
        README: render(
            f"cards/README.{card.language}.txt.j2",
            lab=card.lab,
            home=card.home,
            folder=folder.name,
            student=student,
            commands=[card.command(login) for login in logins],
            first=logins[0].machine if logins else "",
            site_url=card.site_url,
            password=card.password,
            anchor=card.anchor,
            authority=authority_file(card.lab),
        ),
    }
    if card.anchor and card.anchor.by_lab:
        files[authority_file(card.lab)] = card.anchor.pem
    if student.ssh_key is None:
        files[KEY_FILE] = student_key(card.lab, student.login).private.read_text(encoding="ascii")
    make_folder(folder, private=True)
    for name, text in files.items():
        write_private(folder / name, text)
    for name in {KEY_FILE, authority_file(card.lab)} - files.keys():
        # From before the student brought a key, or group data named a certificate.
        (folder / name).unlink(missing_ok=True)


def authority_file(lab: str) -> str:
    """Return the name of the file with the CA that has signed the TP site's certificate."""
    # By this suffix, every desktop knows what to do with it.
    return f"{lab}-ca.crt"


def _refuse_unusable_path(folder: Path) -> None:
    # To pass through a jump host, ssh starts itself in a shell. There, the path of its configuration is not
    # quoted, and a % in it begins a token.
    if shlex.quote(str(folder)) != str(folder) or "%" in str(folder):
        raise LabError(
            f"ssh cannot pass through a jump host with a configuration in {folder}",
            next_step="choose a folder without spaces, quotes and % in its path, with --output",
        )


def _config(folder: Path, card: Card, jumps: Sequence[Jump]) -> str:
    folders = (card.home, str(folder.resolve()))
    return render(
        "cards/ssh_config.j2",
        lab=card.lab,
        student=card.student,
        logins=card.logins,
        jumps=jumps,
        machines=[login.machine for login in card.logins]
        + [ssh_config.config_word("Host", jump.alias) for jump in jumps],
        keys=[f"{path}/{KEY_FILE}" for path in folders] if card.student.ssh_key is None else [],
        known_hosts=[f"{path}/{KNOWN_HOSTS}" for path in folders],
        word=ssh_config.config_word,
    )


def _known_hosts(logins: Sequence[Login], jumps: Sequence[Jump]) -> str:
    lines = [f"{login.machine} {login.host_key}" for login in logins]
    lines += [f"{jump.alias} {key}" for jump in jumps for key in jump.host.host_keys]
    return "".join(f"{line}\n" for line in lines)
