"""Operations on the machines of some students; those of all others are left alone."""

import re
import shlex
import time
from collections.abc import Iterable, Iterator

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.homes import Homes
from minetlab.facts.libvirt import Snapshots
from minetlab.operations import homes, observe
from minetlab.operations.commands import attempt, call, lab_operation
from minetlab.operations.libvirt import remove_domains
from minetlab.operations.shell import virsh
from minetlab.plan import Container, Guest
from minetlab.resources.docker import access_folder
from minetlab.resources.guests import reason_off, start_hint
from minetlab.resources.layout import Layout, is_volume_of
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.util.errors import LabError
from minetlab.util.names import named

SNAPSHOT_NAME = re.compile(r"lab(-\d+)?")
"""Names of our snapshots, which contain the time at which each was taken, in seconds since 1970."""


@lab_operation
def remove_guests(lab: str, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Remove guests, with their disks, seeds and console logs; domains outside the lab stay."""
    observed = observe.libvirt(lab)
    observe.refuse_silence(observed)
    commands = _removal_of_guests(lab, guests, observed)
    yield from observe.changing(commands, otherwise="none of these guests is there")


@lab_operation
def remove_containers(lab: str, containers: tuple[Container, ...]) -> Iterator[PyinfraCommand]:
    """Remove containers, with everything in them and their keys."""
    observed = observe.docker(lab)
    observe.refuse_silence(observed)
    planned = {container.name for container in containers}
    names = sorted(planned.intersection(observed.containers_of(lab)))
    commands = []
    if names:
        commands = [
            StringCommand("docker container rm --force --volumes", *map(QuoteString, names)),
            StringCommand("rm -rf", *(QuoteString(f"{access_folder(lab)}/{name}") for name in names)),
        ]
    # An interrupted run may have removed the containers alone.
    if with_homes := sorted(planned & observe.fact(Homes, lab=lab).sizes.keys()):
        commands.append(homes.removal(lab, with_homes))
    yield from observe.changing(commands, otherwise="none of these containers is there")


@lab_operation
def snapshot(lab: str, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Take a snapshot of each guest, memory and disk, and delete its former ones.

    A former snapshot is deleted after the new one is complete: for a moment, both have to fit on the disk.

    :param lab: the lab's name.
    :param guests: the guests, which have to run.
    :yields: the commands.
    """
    running, snapshots = _running_and_snapshots(lab, guests)
    if missing := [guest for guest in guests if guest.name not in running]:
        raise _not_running(missing)
    for name in sorted(running):
        yield virsh("snapshot-create-as", name, f"lab-{time.time():.0f}")
        for old in snapshots.get(name, ()):
            yield virsh("snapshot-delete", name, old)


@lab_operation
def revert(lab: str, guests: tuple[Guest, ...]) -> Iterator[PyinfraCommand]:
    """Bring guests back to their last snapshots, running; fail if one of them is off and shall not run."""
    names = {guest.name for guest in guests}
    running, snapshots = _running_and_snapshots(lab, guests)
    if kept_off := [guest for guest in guests if not guest.to_run and guest.name not in running]:
        raise _not_running(kept_off)
    if missing := sorted(names - snapshots.keys()):
        raise LabError(
            f"{host.name}: there is no snapshot of {named(missing)}",
            next_step="lab snapshot takes one; lab reset goes back to the guest image",
        )
    for name in sorted(names):
        yield virsh("snapshot-revert", name, snapshots[name][-1], "--running")
        yield call(attempt, _set_clock(name), [])


def _removal_of_guests(
    lab: str, guests: Iterable[Guest], observed: LibvirtObserved
) -> Iterator[PyinfraCommand]:
    layout = Layout(lab)
    ours = {domain.name: domain for domain in observed.domains_of(lab)}
    # If a domain outside the lab has the name, the files are not the lab's either.
    names = [guest.name for guest in guests if guest.name in ours or guest.name not in observed.domains]
    volumes = {name: [volume for volume in observed.volumes if is_volume_of(volume, name)] for name in names}
    existing = [name for name in names if name in ours or volumes[name]]
    if existing:
        domains = [ours[name] for name in existing if name in ours]
        yield from remove_domains(lab, domains, {name: volumes[name] for name in existing})
        files = [
            path
            for name in existing
            for path in (layout.console(name), layout.former_console(name), layout.spec("domain", name))
        ]
        yield StringCommand("rm -f", *map(QuoteString, files))


def _running_and_snapshots(lab: str, guests: Iterable[Guest]) -> tuple[set[str], dict[str, list[str]]]:
    """Return the names of guests that run, and the names of our snapshots by guest, the newest last."""
    guest_names = {guest.name for guest in guests}
    observed = observe.libvirt(lab)
    observe.require_answer(observed)
    domains = [domain for domain in observed.domains_of(lab) if domain.name in guest_names]
    running = {domain.name for domain in domains if domain.active}
    domain_names = tuple(sorted(domain.name for domain in domains))
    all_snapshots = observe.fact(Snapshots, domains=domain_names) if domain_names else {}
    snapshots = {}
    for guest, names in all_snapshots.items():
        ours = sorted(filter(SNAPSHOT_NAME.fullmatch, names), key=_time_taken)
        if ours:
            snapshots[guest] = ours
    return running, snapshots


def _time_taken(snapshot: str) -> int:
    """Return when a snapshot was taken, in seconds since 1970; 0 if its name has no time, as formerly."""
    return int(snapshot.partition("-")[2] or 0)


def _set_clock(guest: str) -> StringCommand:
    """Return a command that sets a guest's clock, which goes on from the time of the snapshot."""
    problem = (
        f"{guest} has the time of its snapshot, as its guest agent does not answer: set its clock with date"
    )
    return StringCommand(
        "for _ in 1 2 3; do timeout 60",
        virsh("domtime", guest, "--now"),
        f">/dev/null 2>&1 && exit; sleep 1; done; echo {shlex.quote(problem)} >&2; exit 1",
    )


def _not_running(guests: list[Guest]) -> LabError:
    """Return the error that guests do not run; either all of them shall run, or none."""
    to_run, names = guests[0].to_run, named(sorted(guest.name for guest in guests))
    return LabError(
        f"{host.name}: not running{'' if to_run else f', as {reason_off(host.name)}'}: {names}",
        next_step="bring them up: lab up; or lab reset" if to_run else start_hint(guests[0].name, host.name),
    )
