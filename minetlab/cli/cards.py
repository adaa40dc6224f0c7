"""``lab cards``: make what students get before a session."""

import re
from pathlib import Path

import typer

from minetlab.handouts import cards
from minetlab.handouts.folder import write_folder
from minetlab.handouts.logins import logins_of, reached_hosts
from minetlab.handouts.words import Language
from minetlab.inventory.load import LoadedLab, load
from minetlab.lab import Lab, Student
from minetlab.resources.site import site_url as url_of
from minetlab.secrets import certificates, passwords
from minetlab.secrets.certificates import Anchor
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError
from minetlab.util.files import write_private
from minetlab.util.names import suggestion
from minetlab.util.render import render

URL = re.compile(r"https?://\S{1,500}")


def write(
    inventory_file: Path, folder: Path, login: str | None, site_url: str | None, language: Language | None
) -> None:
    """Write the cards as HTML and PDF, a folder for each student, and the instructor's password.

    :param inventory_file: the inventory of the lab.
    :param folder: the folder to write to; made if it does not exist.
    :param login: the only student to make a card for; None: all students.
    :param site_url: the TP site's address, for the QR codes; None: that of the lab's own site, if students
        can reach it.
    :param language: the language of all cards; None: each student's own.
    :raises LabError: ``site_url`` is not an address, nobody has that login, students have no machines, a
        sandbox host does not run, or a file cannot be written.
    """
    if site_url and not URL.fullmatch(site_url):
        raise LabError(
            f"{site_url!r} is not the address of a site",
            next_step="give --site one such as https://tp.example.org",
        )
    loaded = load(inventory_file)
    lab = loaded.lab
    anchor = None
    # The site of a sandbox host can be reached only from this machine.
    site_hosts = sorted(lab.site_hosts, key=lambda host: host.in_sandbox)
    if site_hosts and not site_url:
        anchor = certificates.site_certificate(lab, site_hosts[0]).anchor
        if not site_hosts[0].in_sandbox:
            site_url = url_of(site_hosts[0].address, site_hosts[0].settings.site_port or 0)
    student_cards = _make_cards(loaded, _chosen(lab, login), site_url, anchor, language)
    for card in student_cards:
        write_folder(folder / card.student.login, card)
    page = cards.html(lab.name, student_cards, language or "fr")
    name = f"cards-{login}" if login else "cards"
    write_private(folder / f"{name}.html", page)
    write_private(folder / f"{name}.pdf", cards.pdf(page))
    secret = "each has its student's password for the TP site" if lab.site_hosts else "no secret is on a card"
    typer.echo(f"to print: {folder / name}.pdf (or .html); {secret}")
    typer.echo(f"to hand over: {folder}/<login>/, only to that student, as it opens their machines")
    if lab.site_hosts and login is None:
        file = _write_instructor_password(folder, lab.name, site_url, anchor)
        typer.echo(f"to keep: {file}, as it opens the instructor's page of the TP site")


def _make_cards(
    loaded: LoadedLab,
    students: list[Student],
    site_url: str | None,
    anchor: Anchor | None,
    language: Language | None,
) -> list[cards.Card]:
    lab, plan = loaded.lab, loaded.plan
    host_names = {machine.host for machine in plan.machines if machine.student in students}
    if not host_names:
        raise LabError(
            "the lab has no machine for students",
            next_step="name kvm_hosts or container_hosts in the inventory",
        )
    hosts = reached_hosts(write_config(loaded), [host for host in loaded.hosts if host.name in host_names])
    return [
        cards.Card(
            lab=lab.name,
            student=student,
            logins=logins_of(lab, plan, student, hosts),
            site_url=site_url,
            password=passwords.student(lab.name, student.login).password if lab.site_hosts else None,
            anchor=anchor,
            language=language or student.language,
        )
        for student in students
    ]


def _write_instructor_password(folder: Path, lab: str, site_url: str | None, anchor: Anchor | None) -> Path:
    # A login has no dot, so this file cannot have the name of a student's folder.
    file = folder / f"{passwords.INSTRUCTOR_LOGIN}.txt"
    account = passwords.instructor(lab)
    write_private(
        file, render("cards/formateur.txt.j2", lab=lab, site_url=site_url, account=account, anchor=anchor)
    )
    return file


def _chosen(lab: Lab, login: str | None) -> list[Student]:
    if not lab.students:
        raise LabError("the roster has no students", next_step="add them to inventories/students.csv")
    students = sorted(lab.students, key=lambda student: student.login)
    if login is None:
        return students
    chosen = [student for student in students if student.login == login]
    if not chosen:
        raise LabError(
            f"there is no student {login!r} in the roster",
            next_step=suggestion([login], [student.login for student in students]),
        )
    return chosen
