"""``lab cards``: what is handed to the students before a session."""

import re
from collections.abc import Iterator
from pathlib import Path

import typer

from minetlab.handouts import cards
from minetlab.handouts.folder import write_folder
from minetlab.handouts.logins import logins_of, reached
from minetlab.handouts.words import Language
from minetlab.inventory.load import load
from minetlab.lab import Lab, Student
from minetlab.secrets import passwords
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError
from minetlab.util.files import write_private
from minetlab.util.names import suggestion
from minetlab.util.render import render

URL = re.compile(r"https?://\S{1,500}")


def write(
    inventory_file: Path, folder: Path, login: str | None, site_url: str | None, language: Language | None
) -> None:
    """Write the cards as HTML and PDF, a folder a student, and what lets the instructor into the site.

    :param folder: where to; made if it is not there.
    :param login: of the only student whose card is wanted; None: everybody's.
    :param site_url: address of the practical work's site, for the QR codes; None: the lab's own, if students
        can reach it.
    :param language: of everybody's card; None: each student's own.
    :raises LabError: nobody has that login, a sandbox host does not run, or the files cannot be written.
    """
    if site_url and not URL.fullmatch(site_url):
        raise LabError(
            f"{site_url!r} is no address of a site",
            next_step="give --site one such as https://tp.example.org",
        )
    loaded = load(inventory_file)
    lab, plan = loaded.lab, loaded.plan
    site_url = site_url or next(iter(_sites(lab)), None)
    students = _chosen(lab, login)
    used = {machine.host for machine in plan.machines if machine.student in students}
    if not used:
        raise LabError(
            "the lab gives students no machine",
            next_step="name kvm_hosts or container_hosts in the inventory",
        )
    found = reached(write_config(loaded), [host for host in loaded.hosts if host.name in used])
    of_students = []
    for student in students:
        logins = logins_of(lab, plan, student, found)
        read = language or student.language
        password = passwords.student(lab.name, student.login).password if lab.site_hosts else None
        own = folder / student.login
        write_folder(own, lab.name, student, logins, read, site_url=site_url, password=password)
        of_students.append(cards.Card(lab.name, student, logins, own.name, site_url, password, read))
    page = cards.html(lab.name, of_students, language or "fr")
    name = f"cards-{login}" if login else "cards"
    write_private(folder / f"{name}.html", page)
    write_private(folder / f"{name}.pdf", cards.pdf(page))
    secret = "each has its student's password for the TP site" if lab.site_hosts else "no secret is on a card"
    typer.echo(f"to print: {folder / name}.pdf (or .html); {secret}")
    typer.echo(f"to hand over: {folder}/<login>/, to that student alone, as it opens their machines")
    if lab.site_hosts and login is None:
        file = _instructors(folder, lab.name, site_url)
        typer.echo(f"to keep: {file}, as it opens the instructor's page of the TP site")


def _instructors(folder: Path, lab: str, site_url: str | None) -> Path:
    """Write what lets the instructor into the site; no login has a dot, so it is no student's folder."""
    file = folder / f"{passwords.INSTRUCTOR}.txt"
    account = passwords.instructor(lab)
    write_private(file, render("cards/formateur.txt.j2", lab=lab, site_url=site_url, account=account))
    return file


def _sites(lab: Lab) -> Iterator[str]:
    """Where the lab's container hosts serve the site; of those in the sandbox only this machine has a way."""
    for host in lab.site_hosts:
        if not host.in_sandbox:
            yield f"http://{host.address}:{host.settings.site_port}/"


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
