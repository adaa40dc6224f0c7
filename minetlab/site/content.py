"""The site's pages as Markdown, by path: no key or password in them, and nothing that varies by itself."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from minetlab.lab import Lab, Student
from minetlab.plan import Container, Guest, Plan
from minetlab.report.picture import svg
from minetlab.report.topology import topology
from minetlab.report.words import counted, listed
from minetlab.resources.jump import jump_account, leads_to_guests
from minetlab.site.sheets import Sheet
from minetlab.tp.tp_images import USER
from minetlab.util.render import render

KEY = "~/.ssh/tp"
SANDBOX = "sandbox"


def project(lab: Lab) -> str:
    """The site's name."""
    return f"TP {lab.name}"


@dataclass(frozen=True)
class MachineLogin:
    """A machine of a student, and how it is logged into.

    :param what: it is, in French."""

    name: str
    what: str
    command: str


def pages(lab: Lab, plan: Plan, sheets: Iterable[Sheet]) -> dict[str, str]:
    """The pages of the lab's site: path to Markdown."""
    sheets = tuple(sheets)
    shape = topology(lab, plan)
    values = {
        "project": project(lab),
        "lab": lab.name,
        "sheets": sheets,
        "guests": plan.guests,
        "containers": plan.containers,
        "user": USER,
        "sandbox": [host.name for host in shape.hosts if host.connector == SANDBOX],
        "inner": any(leads_to_guests(lab.kvm_host(guest.host)) for guest in plan.guests),
        "jump": jump_account(lab.name),
    }
    things = [
        counted(len(shape.hosts), "hôte"),
        *([counted(len(plan.guests), "VM")] if plan.guests else []),
        *([counted(len(plan.containers), "conteneur")] if plan.containers else []),
        counted(len(lab.students), "élève"),
    ]
    picture = Markup(svg(shape))  # noqa: S704 (its own template escapes it)
    return {
        "index.md": render("site/index.md.j2", **values),
        "connexion.md": render("site/connexion.md.j2", **values),
        "refus.md": render("site/refus.md.j2"),
        "formateur.md": render(
            "site/formateur.md.j2",
            summary=listed(things),
            picture=picture,
            table=render("site/places.html.j2", topology=shape),
            **values,
        ),
        **{f"tp/{sheet.tp}.md": sheet.text for sheet in sheets},
        # At the top, as is /moi, where a student sees theirs: links lead to the same places.
        **{f"moi-{each.login}.md": _machines(lab, plan, each) for each in lab.students},
    }


def _machines(lab: Lab, plan: Plan, student: Student) -> str:
    machines = render("site/machines.html.j2", student=student, machines=_logins(lab, plan, student))
    return render("site/moi.md.j2", machines=machines)


def _logins(lab: Lab, plan: Plan, student: Student) -> list[MachineLogin]:
    containers = (_of_container(lab, each) for each in plan.containers if each.student == student)
    return [*containers, *(_of_guest(lab, guest) for guest in plan.guests if guest.student == student)]


def _of_container(lab: Lab, container: Container) -> MachineLogin:
    host = lab.container_host(container.host).address
    command = f"ssh -i {KEY} -p {container.ssh_port} {USER}@{host}"
    return MachineLogin(container.name, f"conteneur {container.tp_image}", command)


def _of_guest(lab: Lab, guest: Guest) -> MachineLogin:
    host = lab.kvm_host(guest.host)
    # Not -J: ssh would not take the key of -i along to the host on the way.
    way = f'-o "ProxyCommand=ssh -i {KEY} -W %h:%p {jump_account(lab.name)}@{host.address}" '
    command = f"ssh -i {KEY} {way if leads_to_guests(host) else ''}{guest.student.login}@{guest.address.ip}"
    return MachineLogin(guest.name, "machine virtuelle", command)
