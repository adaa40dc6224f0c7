"""``lab rotate``: a new key pair for a student, in place of the one that the lab has made for them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import typer

from minetlab import access, inventory, keys, rotation
from minetlab.cli import deploy
from minetlab.errors import LabError
from minetlab.inventory import InventoryHost
from minetlab.model import Lab
from minetlab.plan import Plan, allocate


def run(inventory_file: Path, login: str) -> None:
    """Replace a student's key pair everywhere; the old key opens their machines until the new one opens all.

    What is begun is kept beside the keys: running it again goes on where it was, with the same new key.

    :raises LabError: nobody has that login, the key is the student's own, or machines could not be reached.
    """
    at = _Rotation.of(inventory_file, login)
    if keys.revoked_student_key(at.lab.name, login) is None:
        new = keys.next_student_key(at.lab.name, login).public
        at.change_everywhere(f"{login}'s old key is still in use", add=[new])
    keys.replace_student_key(at.lab.name, login)
    new, old = keys.student_key(at.lab.name, login).public, keys.revoked_student_key(at.lab.name, login)
    at.change_everywhere(f"{login}'s old key opens some machines still", add=[new], drop=[old] if old else [])
    keys.forget_revoked_student_key(at.lab.name, login)
    typer.echo(f"{login} has a new key, and the old one opens nothing any more")
    typer.echo(
        f"to hand it over: lab cards --student {login}; a snapshot of before has the old key: take another"
    )


@dataclass(frozen=True)
class _Rotation:
    file: Path
    login: str
    hosts: tuple[InventoryHost, ...]
    lab: Lab
    whole: Plan
    plan: Plan

    @classmethod
    def of(cls, file: Path, login: str) -> "_Rotation":
        hosts = inventory.read(file)
        lab = inventory.load(hosts)
        whole = allocate(lab)
        plan = inventory.of_students(lab, whole, [login])
        (student,) = (each for each in lab.students if each.login == login)
        if student.ssh_key:
            raise LabError(
                f"{login} has a key of their own in the roster: there is none of the lab's to replace",
                next_step="have them make a new pair, write its public key into the roster, and run lab up",
            )
        return cls(file, login, hosts, lab, whole, plan)

    def change_everywhere(self, unfinished: str, add: Collection[str], drop: Collection[str] = ()) -> None:
        """Have every host of the student's machines know their keys of now, and their guests as well."""
        names = {machine.host for machine in self.plan.machines}
        used = [host for host in self.hosts if host.name in names]
        chosen = {inventory.CHOSEN: self.login}
        left = [
            f"{access.alias_of(host.name)} was not changed: see above"
            for host in used
            if not deploy.run(self.file, "deploys/keys.py", chosen, host=host.name)
        ]
        config = access.write_config(self.lab, self.whole, self.hosts)
        kvm = [host for host in used if inventory.KVM_HOSTS in host.groups]
        left += rotation.in_guests(self.lab, self.plan, kvm, config, add=add, drop=drop)
        if left:
            raise LabError(
                f"{unfinished}: {'; '.join(left)}",
                next_step=f"bring them up, then run this again: lab rotate {self.login}",
            )
