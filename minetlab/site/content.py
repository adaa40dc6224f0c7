"""The pages of the site as Markdown.

They have no private key or password in them, and nothing that changes between builds, such as a date.
"""

from dataclasses import dataclass

from markupsafe import Markup

from minetlab.lab import Lab, Student
from minetlab.plan import Container, Guest, Plan
from minetlab.plan.student_folder import folder_home, login_command
from minetlab.report.picture import svg
from minetlab.report.topology import topology
from minetlab.report.words import counted, listed
from minetlab.resources.jump import containers_need_jump, guests_need_jump, jump_account
from minetlab.secrets.keys import KeyPair, container_host_key, guest_host_key
from minetlab.site.sheets import Sheet
from minetlab.tp.tp_images import TP_USER
from minetlab.util.render import render

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
    :param where: account and address of the machine; as seen from its host, if that leads to it.
    :param known_host: the machine's line for a ``known_hosts`` file: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
    """

    name: str
    kind: str
    command: str
    where: str
    known_host: str


def pages(lab: Lab, plan: Plan, sheets: tuple[Sheet, ...]) -> dict[str, str]:
    """Return the pages of the lab's site: path to Markdown text."""
    shape = topology(lab, plan)
    values = {
        "lab": lab.name,
        "sheets": sheets,
        "guests": plan.guests,
        "containers": plan.containers,
        "user": TP_USER,
        "home": folder_home(lab.name),
        "command": login_command(lab.name, "MACHINE"),
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
    host, port = lab.container_host(container.host), container.ssh_port
    return _login(
        lab,
        container,
        kind=f"conteneur {container.tp_image}",
        where=f"{TP_USER}@{host.address}:{port}",
        name="" if containers_need_jump(host) else f"[{host.address}]:{port}",
        key=container_host_key(lab.name, container.name),
    )


def _guest_login(lab: Lab, guest: Guest) -> MachineLogin:
    address = str(guest.address.ip)
    return _login(
        lab,
        guest,
        kind="machine virtuelle",
        where=f"{guest.student.login}@{address}",
        name="" if guests_need_jump(lab.kvm_host(guest.host)) else address,
        key=guest_host_key(lab.name, guest.name),
    )


def _login(
    lab: Lab, machine: Guest | Container, *, kind: str, where: str, name: str, key: KeyPair
) -> MachineLogin:
    """Return the login of a machine, whose key is known by the machine's name and by this one."""
    names = ",".join(filter(None, (machine.name, name)))
    key_type, encoded, *_ = key.public.split()
    command = login_command(lab.name, machine.name)
    return MachineLogin(machine.name, kind, command, where, f"{names} {key_type} {encoded}")
