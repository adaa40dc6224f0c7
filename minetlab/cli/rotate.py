"""``lab rotate``: replace the key pair and the password that the lab has made for a student."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import typer

from minetlab.cli import deploy
from minetlab.cli.options import lab_command
from minetlab.inventory.hosts import KVM_HOSTS
from minetlab.inventory.load import CHOSEN_STUDENTS, LoadedLab, load
from minetlab.machines import rotation
from minetlab.plan import Plan, allocation
from minetlab.secrets import keys, passwords
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError


def rotate(inventory_file: Path, login: str) -> None:
    """Replace a student's key pair and password on all hosts and machines.

    The old ones are removed only when the new key opens every machine. After a failure on the way, the next
    call continues with the same new key. If the student brought a key, only the password is replaced.

    :param inventory_file: the inventory of the lab.
    :param login: the student.
    :raises LabError: nobody has that login, the lab has made nothing for the student, or a host or guest
        could not be changed.
    """
    loaded = load(inventory_file)
    plan = allocation.plan_of_students(loaded.lab, loaded.plan, [login])
    target = _Target(inventory_file, login, loaded, plan)
    lab = loaded.lab.name
    (student,) = (student for student in loaded.lab.students if student.login == login)
    cards = lab_command(inventory_file, "cards", "--student", login)
    if student.ssh_key:
        if not target.site_hosts:
            raise LabError(
                f"{login} uses their own SSH key, so the lab has none to replace",
                next_step="have them make a new pair, write its public key into the roster, and run "
                + lab_command(inventory_file, "up"),
            )
        passwords.replace_student(lab, login)
        problems = target.change_hosts(target.site_hosts)
        target.raise_if_unfinished(f"{login}'s old password still opens the TP site", problems)
        typer.echo(f"{login} has a new password for the TP site; their key is their own, and stays")
        typer.echo(f"to hand it over: {cards}")
        return
    if keys.revoked_student_key(lab, login) is None:
        next_key = keys.next_student_key(lab, login).public
        target.change_everywhere(f"{login}'s old key is still in use", add=[next_key])
        passwords.replace_student(lab, login)
    keys.replace_student_key(lab, login)
    new, old = keys.student_key(lab, login).public, keys.revoked_student_key(lab, login)
    problem = f"{login}'s old key still opens some machines"
    target.change_everywhere(problem, add=[new], drop=[old] if old else [])
    keys.forget_revoked_student_key(lab, login)
    also = " and a new password for the TP site" if target.site_hosts else ""
    typer.echo(f"{login} has a new key{also}, and the old one opens nothing any more")
    typer.echo(f"to hand it over: {cards}; earlier snapshots have the old key: take new ones")


@dataclass(frozen=True)
class _Target:
    """A student whose key pair and password are replaced.

    :param file: the inventory of the lab.
    :param login: the student.
    :param loaded: the lab.
    :param plan: the plan of this student.
    """

    file: Path
    login: str
    loaded: LoadedLab
    plan: Plan

    @property
    def site_hosts(self) -> set[str]:
        """The names of the hosts that know the student's password."""
        return {host.name for host in self.loaded.lab.site_hosts}

    def change_everywhere(self, unfinished: str, add: Collection[str], drop: Collection[str] = ()) -> None:
        """Bring the student's present keys and password to every host, and change the keys in their guests.

        :param unfinished: the problem to report if something could not be changed.
        :param add: public keys that are to open the guests.
        :param drop: public keys that are not to open the guests any more.
        :raises LabError: a host or a guest could not be changed.
        """
        used_hosts = {machine.host for machine in self.plan.machines}
        problems = self.change_hosts(used_hosts | self.site_hosts)
        config = ssh_config.write_config(self.loaded)
        kvm_hosts = [
            host for host in self.loaded.hosts if host.name in used_hosts and KVM_HOSTS in host.groups
        ]
        problems += rotation.change_keys(self.loaded.lab, self.plan, kvm_hosts, config, add=add, drop=drop)
        self.raise_if_unfinished(unfinished, problems)

    def change_hosts(self, names: Collection[str]) -> list[str]:
        """Bring the student's present keys and password to these hosts; return a line for each failure."""
        chosen = {CHOSEN_STUDENTS: self.login}
        return [
            f"{ssh_config.alias_of(host.name)} was not changed: see above"
            for host in self.loaded.hosts
            if host.name in names and not deploy.run(self.file, "deploys/keys.py", chosen, host=host.name)
        ]

    def raise_if_unfinished(self, unfinished: str, problems: Collection[str]) -> None:
        """Raise an error if something could not be changed.

        :param unfinished: what this means for the student's key or password.
        :param problems: a line for each host or guest that could not be changed.
        :raises LabError: there are problems.
        """
        if problems:
            again = lab_command(self.file, "rotate", self.login)
            raise LabError(
                f"{unfinished}: {'; '.join(problems)}",
                next_step=f"bring them up, then run this again: {again}",
            )
