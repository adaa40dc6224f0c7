"""``lab rotate``: replace the keys and passwords that the lab has made, and end the sessions of old keys."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import typer

from minetlab.cli import deploy
from minetlab.cli.options import lab_command
from minetlab.inventory.hosts import KVM_HOSTS
from minetlab.inventory.load import CHOSEN_STUDENTS, LoadedLab, load
from minetlab.machines import rotation
from minetlab.plan import Plan, allocation
from minetlab.secrets import certificates, keys, passwords
from minetlab.secrets.keys import ReplaceableKey
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError

SNAPSHOTS = "earlier snapshots have the old key: take new ones"


def rotate(inventory_file: Path, login: str | None, *, lab: bool, instructor: bool, site: bool) -> None:
    """Replace what the lab has made for a student, for the instructor, or for itself.

    :param inventory_file: the inventory of the lab.
    :param login: the student; None: nobody's.
    :param lab: replace the lab's own key pair.
    :param instructor: replace the instructor's password.
    :param site: replace the CA by which the TP site is known.
    :raises LabError: not exactly one of them is chosen, or a secret could not be replaced everywhere.
    """
    if [login is not None, lab, instructor, site].count(True) != 1:
        raise LabError(
            "it has to be said what is to be replaced",
            next_step="name one student, or use --lab, --instructor or --site",
        )
    if login:
        rotate_student(inventory_file, login)
    elif lab:
        rotate_lab(inventory_file)
    elif site:
        rotate_site(inventory_file)
    else:
        rotate_instructor(inventory_file)


def rotate_student(inventory_file: Path, login: str) -> None:
    """Replace a student's key pair and password on all hosts and machines, and end their SSH sessions.

    If the student brought a key, only the password is replaced.

    :param inventory_file: the inventory of the lab.
    :param login: the student.
    :raises LabError: nobody has that login, the lab has made nothing for the student, or a host or guest
        could not be changed.
    """
    loaded = load(inventory_file)
    plan = allocation.plan_of_students(loaded.lab, loaded.plan, [login])
    target = _Target(inventory_file, (login,), loaded, plan, (login,))
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
        target.change_site(f"{login}'s old password still opens the TP site", "deploys/passwords.py")
        typer.echo(f"{login} has a new password for the TP site; their key is their own, and stays")
        typer.echo(f"to hand it over: {cards}")
        return
    key = keys.of_student(lab, login)
    _replace(target, key, f"{login}'s old key", lambda: passwords.replace_student(lab, login))
    also = " and a new password for the TP site" if target.site_hosts else ""
    typer.echo(f"{login} has a new key{also}, and the old one opens nothing any more: its sessions ended")
    typer.echo(f"to hand it over: {cards}; {SNAPSHOTS}")


def rotate_lab(inventory_file: Path) -> None:
    """Replace the key pair with which the lab logs into guests and containers.

    All SSH sessions there end: the key opens the students' accounts as well, and whose key has opened a
    session cannot be told afterwards.

    :param inventory_file: the inventory of the lab.
    :raises LabError: a host or guest could not be changed.
    """
    loaded = load(inventory_file)
    logins = tuple(student.login for student in loaded.lab.students)
    target = _Target(inventory_file, ("--lab",), loaded, loaded.plan, logins, of_lab=True)
    _replace(target, keys.of_lab(loaded.lab.name), "the lab's old key", lambda: None)
    typer.echo("the lab has a new key, and the old one opens nothing any more: all sessions have ended")
    typer.echo(SNAPSHOTS)


def rotate_instructor(inventory_file: Path) -> None:
    """Replace the instructor's password on all hosts that serve the TP site.

    :param inventory_file: the inventory of the lab.
    :raises LabError: the lab serves no site, or a host could not be changed.
    """
    loaded = load(inventory_file)
    target = _Target(inventory_file, ("--instructor",), loaded, loaded.plan)
    if not target.site_hosts:
        raise LabError(
            "the lab serves no TP site, so the instructor has no password",
            next_step="set site_port in group_data/container_hosts.py to serve one",
        )
    passwords.replace_instructor(loaded.lab.name)
    target.change_site("the instructor's old password still opens the TP site", "deploys/passwords.py")
    typer.echo("the instructor has a new password for the TP site, and the old one opens nothing any more")
    typer.echo(f"to hand it over: {lab_command(inventory_file, 'cards')}, in formateur.txt")


def rotate_site(inventory_file: Path) -> None:
    """Replace the lab's CA, by which the TP site is known, and the certificates that it has signed.

    :param inventory_file: the inventory of the lab.
    :raises LabError: no site is known by the lab's CA, or a host could not be changed.
    """
    loaded = load(inventory_file)
    target = _Target(inventory_file, ("--site",), loaded, loaded.plan)
    if not any(host.settings.site_certificate is None for host in loaded.lab.site_hosts):
        raise LabError(
            "no TP site is known by the lab's CA, so there is none to replace",
            next_step="a certificate that group data name is replaced where it comes from; then run "
            + lab_command(inventory_file, "up"),
        )
    certificates.forget_authority(loaded.lab.name)
    target.change_site("the old certificate of the TP site is still in use", "deploys/certificates.py")
    typer.echo("the TP site has a new certificate, by a new CA, which browsers have to trust anew")
    typer.echo(f"to hand it over: {lab_command(inventory_file, 'cards')}")


def _replace(target: "_Target", key: ReplaceableKey, old: str, replace_more: Callable[[], None]) -> None:
    """Replace a key pair wherever it opens something.

    The old key is removed only when the new one opens every machine. After a failure on the way, the next
    call continues with the same new key.

    :param target: where.
    :param key: the key pair.
    :param old: what messages call the old one.
    :param replace_more: replaces the secrets of this machine that change together with it.
    :raises LabError: a host or guest could not be changed.
    """
    if key.revoked is None:
        target.change_everywhere(f"{old} is still in use", add=[key.next.public])
        replace_more()
    key.replace()
    # Connections that the old key has opened would hide that the new one does not open a machine.
    ssh_config.end_shared_connections(
        target.loaded.lab.name, [machine.name for machine in target.plan.machines]
    )
    revoked = key.revoked
    target.change_everywhere(
        f"{old} still opens some machines", add=[key.current.public], drop=[revoked] if revoked else []
    )
    key.forget_revoked()


@dataclass(frozen=True)
class _Target:
    """What is changed when a secret is replaced.

    :param file: the inventory of the lab.
    :param words: the words after ``lab rotate`` that do it.
    :param loaded: the lab.
    :param plan: the machines that the secret opens.
    :param logins: their students.
    :param of_lab: whether it is the lab's own key.
    """

    file: Path
    words: tuple[str, ...]
    loaded: LoadedLab
    plan: Plan
    logins: tuple[str, ...] = ()
    of_lab: bool = False

    @property
    def site_hosts(self) -> set[str]:
        """The names of the hosts that know passwords for the TP site."""
        return {host.name for host in self.loaded.lab.site_hosts}

    def change_everywhere(self, unfinished: str, add: Collection[str], drop: Collection[str] = ()) -> None:
        """Bring the present keys and passwords to every host, and change the keys in the guests.

        :param unfinished: the problem to report if something could not be changed.
        :param add: public keys that are to open the guests.
        :param drop: public keys that are not to open the guests any more; sessions end where one is removed.
        :raises LabError: a host or a guest could not be changed.
        """
        used_hosts = {machine.host for machine in self.plan.machines}
        chosen = {CHOSEN_STUDENTS: ",".join(self.logins)}
        problems = self._change_hosts("deploys/keys.py", used_hosts | self.site_hosts, chosen)
        config = ssh_config.write_config(self.loaded)
        kvm_hosts = [
            host for host in self.loaded.hosts if host.name in used_hosts and KVM_HOSTS in host.groups
        ]
        problems += rotation.change_keys(
            self.loaded.lab, self.plan, kvm_hosts, config, add=add, drop=drop, of_lab=self.of_lab
        )
        self._raise_if_unfinished(unfinished, problems)

    def change_site(self, unfinished: str, deploy_file: str) -> None:
        """Bring present secrets to every host that serves the TP site.

        :param unfinished: the problem to report if a host could not be changed.
        :param deploy_file: the deploy that brings them.
        :raises LabError: a host could not be changed.
        """
        self._raise_if_unfinished(unfinished, self._change_hosts(deploy_file, self.site_hosts, {}))

    def _change_hosts(self, deploy_file: str, names: Collection[str], data: dict[str, str]) -> list[str]:
        """Run a deploy on these hosts; return a line for each failure."""
        return [
            f"{ssh_config.alias_of(host.name)} was not changed: see above"
            for host in self.loaded.hosts
            if host.name in names and not deploy.run(self.file, deploy_file, data, host=host.name)
        ]

    def _raise_if_unfinished(self, unfinished: str, problems: Collection[str]) -> None:
        if problems:
            again = lab_command(self.file, "rotate", *self.words)
            raise LabError(
                f"{unfinished}: {'; '.join(problems)}",
                next_step="bring them up, or make guests anew that do not come up (lab reset), then run this "
                f"again: {again}",
            )
