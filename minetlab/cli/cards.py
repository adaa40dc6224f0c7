"""``lab cards``: what is handed to the students before a session."""

from pathlib import Path

from rich.console import Console

from minetlab import access, inventory
from minetlab.cards import sheet
from minetlab.cards.folder import write_folder
from minetlab.cards.logins import logins_of, reached
from minetlab.cards.words import Language
from minetlab.errors import LabError
from minetlab.model import Lab, Student
from minetlab.plan import Container, Guest, allocate


def run(
    inventory_file: Path, folder: Path, login: str | None, portal: str | None, language: Language
) -> None:
    """Write the cards as HTML and PDF, and a folder a student.

    :param folder: where to; made if it is not there.
    :param login: of the only student whose card is wanted; None: everybody's.
    :param portal: address of the practical work's site, for the QR codes.
    :raises LabError: nobody has that login, or a sandbox host does not run.
    """
    hosts = inventory.read(inventory_file)
    lab = inventory.load(hosts)
    plan = allocate(lab)
    students = _chosen(lab, login)
    machines: list[Guest | Container] = [*plan.guests, *plan.containers]
    used = {machine.host for machine in machines if machine.student in students}
    config = access.write_config(lab, plan, hosts)
    found = reached(config, [host for host in hosts if host.name in used])
    cards = []
    for student in students:
        logins = logins_of(lab, plan, student, found)
        write_folder(folder / student.login, lab.name, student, logins, language)
        cards.append(sheet.Card(lab.name, student, logins, student.login, portal, language))
    page = sheet.html(lab.name, cards, language)
    name = f"cards-{login}" if login else "cards"
    (folder / f"{name}.html").write_text(page, encoding="utf-8")
    (folder / f"{name}.pdf").write_bytes(sheet.pdf(page))
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"to print:     {folder / name}.pdf (or .html): {len(cards)} cards, without secrets")
    console.print(f"to hand over: {folder}/<login>/ to that student alone: most hold a private key")


def _chosen(lab: Lab, login: str | None) -> list[Student]:
    students = sorted(lab.students, key=lambda student: student.login)
    if login is None:
        return students
    chosen = [student for student in students if student.login == login]
    if not chosen:
        raise LabError(
            f"there is no student {login!r} in the roster",
            next_step=f"choose one of: {', '.join(student.login for student in students)}",
        )
    return chosen
