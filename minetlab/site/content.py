"""The pages of the site as Markdown.

They have no key or password in them, and nothing that changes from one build to the next, such as a date.
"""

from dataclasses import dataclass

from markupsafe import Markup

from minetlab.lab import Lab, Student
from minetlab.plan import Container, Guest, Plan
from minetlab.report.picture import svg
from minetlab.report.topology import topology
from minetlab.report.words import counted, listed
from minetlab.resources.jump import guests_need_jump, jump_account
from minetlab.site.sheets import Sheet
from minetlab.tp.tp_images import TP_USER
from minetlab.util.render import render

KEY_PATH = "~/.ssh/tp"
"""Where students keep their private key, according to the site."""
SANDBOX_CONNECTOR = "sandbox"
"""The pyinfra connector of sandbox hosts."""
ORPHAN = "---\norphan: true\n---\n\n"
"""What a page begins with that stands in no table of contents."""


@dataclass(frozen=True)
class MachineLogin:
    """A machine of a student, and how to log into it.

    :param name: the name of the machine.
    :param kind: what the machine is, in French.
    :param command: the command that logs in.
    """

    name: str
    kind: str
    command: str


def pages(lab: Lab, plan: Plan, sheets: tuple[Sheet, ...]) -> dict[str, str]:
    """Return the pages of the lab's site: path to Markdown text."""
    shape = topology(lab, plan)
    values = {
        "lab": lab.name,
        "sheets": sheets,
        "guests": plan.guests,
        "containers": plan.containers,
        "user": TP_USER,
        "sandbox": [host.name for host in shape.hosts if host.connector == SANDBOX_CONNECTOR],
        "inner": any(guests_need_jump(lab.kvm_host(guest.host)) for guest in plan.guests),
        "jump": jump_account(lab.name),
    }
    counts = [
        counted(len(shape.hosts), "hôte"),
        *([counted(len(plan.guests), "VM")] if plan.guests else []),
        *([counted(len(plan.containers), "conteneur")] if plan.containers else []),
        counted(len(lab.students), "élève"),
    ]
    picture = Markup(svg(shape))  # noqa: S704 (the template of the picture has escaped it)
    return {
        "index.md": render("site/index.md.j2", **values),
        "connexion.md": render("site/connexion.md.j2", **values),
        "refus.md": render("site/refus.md.j2"),
        "formateur.md": render(
            "site/formateur.md.j2",
            summary=listed(counts),
            picture=picture,
            table=render("site/places.html.j2", topology=shape),
            **values,
        ),
        **{f"tp/{sheet.tp}.md": sheet.text for sheet in sheets},
        **{f"{sheet.answers_page}.md": ORPHAN + sheet.answers for sheet in sheets if sheet.answers},
        # In the same folder as /moi, where the server shows students their page, so that relative links work.
        **{f"moi-{student.login}.md": _machines(lab, plan, student) for student in lab.students},
    }


def _machines(lab: Lab, plan: Plan, student: Student) -> str:
    logins = [
        _container_login(lab, container) for container in plan.containers if container.student == student
    ]
    logins += [_guest_login(lab, guest) for guest in plan.guests if guest.student == student]
    machines = render("site/machines.html.j2", student=student, machines=logins)
    return render("site/moi.md.j2", machines=machines)


def _container_login(lab: Lab, container: Container) -> MachineLogin:
    host = lab.container_host(container.host).address
    command = f"ssh -i {KEY_PATH} -p {container.ssh_port} {TP_USER}@{host}"
    return MachineLogin(container.name, f"conteneur {container.tp_image}", command)


def _guest_login(lab: Lab, guest: Guest) -> MachineLogin:
    host = lab.kvm_host(guest.host)
    # With -J instead, ssh would not use the key of -i for the jump host.
    jump = f'-o "ProxyCommand=ssh -i {KEY_PATH} -W %h:%p {jump_account(lab.name)}@{host.address}" '
    command = (
        f"ssh -i {KEY_PATH} {jump if guests_need_jump(host) else ''}{guest.student.login}@{guest.address.ip}"
    )
    return MachineLogin(guest.name, "machine virtuelle", command)
