"""``lab rotate``: a new key pair and password for a student, in place of those that the lab has made."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import typer

from minetlab.cli import deploy
from minetlab.cli.options import typed
from minetlab.inventory.hosts import KVM_HOSTS
from minetlab.inventory.load import CHOSEN, LoadedLab, load
from minetlab.lab import Lab
from minetlab.machines import rotation
from minetlab.plan import Plan, allocation
from minetlab.secrets import keys, passwords
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError


def rotate(inventory_file: Path, login: str) -> None:
    """Replace a student's key pair and password everywhere; the old ones hold until the new key opens all.

    What is begun is kept beside the keys: running it again goes on where it was, with the same new key. Who
    brought a key has only a password replaced.

    :raises LabError: nobody has that login, the lab has made nothing for them, or hosts could not be reached.
    """
    at = _Rotation.of(inventory_file, login)
    if at.own_key:
        passwords.replace_student(at.lab.name, login)
        at.finish(f"{login}'s old password opens the TP site still", at.change_hosts(at.site_hosts))
        typer.echo(f"{login} has a new password for the TP site; their key is their own, and stays")
        typer.echo(f"to hand it over: {typed(inventory_file, 'cards', '--student', login)}")
        return
    if keys.revoked_student_key(at.lab.name, login) is None:
        new = keys.next_student_key(at.lab.name, login).public
        at.change_everywhere(f"{login}'s old key is still in use", add=[new])
        passwords.replace_student(at.lab.name, login)
    keys.replace_student_key(at.lab.name, login)
    new, old = keys.student_key(at.lab.name, login).public, keys.revoked_student_key(at.lab.name, login)
    at.change_everywhere(f"{login}'s old key opens some machines still", add=[new], drop=[old] if old else [])
    keys.forget_revoked_student_key(at.lab.name, login)
    also = " and a new password for the TP site" if at.lab.site_hosts else ""
    typer.echo(f"{login} has a new key{also}, and the old one opens nothing any more")
    cards = typed(inventory_file, "cards", "--student", login)
    typer.echo(f"to hand it over: {cards}; a snapshot of before has the old key: take another")


@dataclass(frozen=True)
class _Rotation:
    file: Path
    login: str
    loaded: LoadedLab
    plan: Plan
    own_key: bool

    @classmethod
    def of(cls, file: Path, login: str) -> "_Rotation":
        loaded = load(file)
        lab = loaded.lab
        plan = allocation.of_students(lab, loaded.plan, [login])
        (student,) = (each for each in lab.students if each.login == login)
        if student.ssh_key and not lab.site_hosts:
            raise LabError(
                f"{login} uses their own SSH key, so the lab has none to replace",
                next_step="have them make a new pair, write its public key into the roster, and run "
                + typed(file, "up"),
            )
        return cls(file, login, loaded, plan, own_key=bool(student.ssh_key))

    @property
    def lab(self) -> Lab:
        """The lab."""
        return self.loaded.lab

    @property
    def site_hosts(self) -> set[str]:
        """The names of the hosts that know the student's password."""
        return {host.name for host in self.lab.site_hosts}

    def change_everywhere(self, unfinished: str, add: Collection[str], drop: Collection[str] = ()) -> None:
        """Have every host know the student's keys and password of now, and their guests the keys."""
        used = {machine.host for machine in self.plan.machines}
        left = self.change_hosts(used | self.site_hosts)
        config = ssh_config.write_config(self.loaded)
        kvm = [host for host in self.loaded.hosts if host.name in used and KVM_HOSTS in host.groups]
        left += rotation.in_guests(self.lab, self.plan, kvm, config, add=add, drop=drop)
        self.finish(unfinished, left)

    def change_hosts(self, names: Collection[str]) -> list[str]:
        """Have these hosts know them; what is left to do."""
        chosen = {CHOSEN: self.login}
        return [
            f"{ssh_config.alias_of(host.name)} was not changed: see above"
            for host in self.loaded.hosts
            if host.name in names and not deploy.run(self.file, "deploys/keys.py", chosen, host=host.name)
        ]

    def finish(self, unfinished: str, left: Collection[str]) -> None:
        """Say what is left to do, if anything is.

        :raises LabError: with that.
        """
        if left:
            raise LabError(
                f"{unfinished}: {'; '.join(left)}",
                next_step=f"bring them up, then run this again: {typed(self.file, 'rotate', self.login)}",
            )
