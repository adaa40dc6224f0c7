"""Operations on the machines of some students, which leave those of all others alone."""

import re
import shlex
import time
from collections.abc import Iterable
from functools import partial

from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.libvirt import Snapshots
from minetlab.operations import observe
from minetlab.operations.commands import Commands, attempt, failure
from minetlab.operations.docker import unanswered
from minetlab.operations.libvirt import remove_domains
from minetlab.operations.shell import virsh
from minetlab.plan import Container, Guest
from minetlab.resources.docker import access_folder
from minetlab.resources.guests_run import start, why
from minetlab.resources.layout import Layout, is_volume_of
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.util.errors import LabError
from minetlab.util.names import named

OURS = re.compile(r"lab(-\d+)?")
"""The names of our snapshots, with the time at which each was taken, in seconds since 1970."""


@operation()
def remove_guests(lab: str, guests: tuple[Guest, ...]) -> Commands:
    """Remove these guests, with their disks, seeds and consoles; a domain that is not the lab's stays."""
    observed = observe.libvirt(lab)
    if observed.installed and (problem := observe.silence(observed)):
        yield failure(problem)
        return
    commands = list(_removal_of_guests(lab, guests, observed))
    if not commands:
        host.noop("none of these guests is there")
    yield from observe.changing(commands)


@operation()
def remove_containers(lab: str, containers: tuple[Container, ...]) -> Commands:
    """Remove these containers, with what is in them and the keys that open them."""
    observed = observe.docker(lab)
    if observed.installed and (problem := unanswered(observed)):
        yield failure(problem)
        return
    ours = {each.name for each in containers}.intersection(observed.containers_of(lab))
    if not ours:
        host.noop("none of these containers is there")
        return
    names = sorted(ours)
    yield from observe.changing(
        [
            StringCommand("docker container rm --force --volumes", *map(QuoteString, names)),
            StringCommand("rm -rf", *(QuoteString(f"{access_folder(lab)}/{name}") for name in names)),
        ]
    )


@operation()
def snapshot(lab: str, guests: tuple[Guest, ...]) -> Commands:
    """Take a snapshot of each of these guests, memory and disk, in place of the one it had.

    That one goes once the new one is there: for a moment, there has to be room for both.
    """
    names, had = _running_and_had(lab, guests)
    if missing := [guest for guest in guests if guest.name not in names]:
        yield failure(_not_running(missing))
        return
    for name in sorted(names):
        yield virsh("snapshot-create-as", name, f"lab-{time.time():.0f}")
        for old in had.get(name, ()):
            yield virsh("snapshot-delete", name, old)


@operation()
def revert(lab: str, guests: tuple[Guest, ...]) -> Commands:
    """Bring each of these guests back to its snapshot; one that is off runs then, if it is to run at all."""
    names = {guest.name for guest in guests}
    run, had = _running_and_had(lab, guests)
    if kept_off := [guest for guest in guests if not guest.to_run and guest.name not in run]:
        yield failure(_not_running(kept_off))
        return
    if missing := sorted(names - had.keys()):
        yield failure(
            LabError(
                f"{host.name}: there is no snapshot of {named(missing)}",
                next_step="lab snapshot takes one; lab reset goes back to the guest image",
            )
        )
        return
    for name in sorted(names):
        yield virsh("snapshot-revert", name, had[name][-1], "--running")
        yield FunctionCommand(attempt, (_set_clock(name), []), {})


def _removal_of_guests(lab: str, guests: Iterable[Guest], observed: LibvirtObserved) -> Commands:
    layout = Layout(lab)
    ours = {domain.name: domain for domain in observed.domains_of(lab)}
    # Where the name is somebody else's now, so are the files.
    names = [guest.name for guest in guests if guest.name in ours or guest.name not in observed.domains]
    volumes = {name: [each for each in observed.volumes if is_volume_of(each, name)] for name in names}
    there = [name for name in names if name in ours or volumes[name]]
    if there:
        domains = [ours[name] for name in there if name in ours]
        yield from remove_domains(lab, domains, {name: volumes[name] for name in there})
        kept = (layout.console, layout.former_console, partial(layout.spec, "domain"))
        files = (path(name) for name in there for path in kept)
        yield StringCommand("rm -f", *map(QuoteString, files))


def _running_and_had(lab: str, guests: Iterable[Guest]) -> tuple[set[str], dict[str, list[str]]]:
    """Which of these guests run; and of those that have snapshots of ours, these, the newest last."""
    names = {guest.name for guest in guests}
    there = [domain for domain in observe.libvirt(lab).domains_of(lab) if domain.name in names]
    domains = tuple(sorted(domain.name for domain in there))
    had = host.get_fact(Snapshots, domains=domains) if domains else {}
    ours = {domain: sorted(filter(OURS.fullmatch, names), key=_taken) for domain, names in had.items()}
    running = {domain.name for domain in there if domain.active}
    return running, {domain: names for domain, names in ours.items() if names}


def _taken(snapshot: str) -> int:
    """When one of ours was taken; 0 for that of an older version, which does not say."""
    return int(snapshot.partition("-")[2] or 0)


def _set_clock(guest: str) -> StringCommand:
    """Have a guest take its host's time: its own goes on from when the snapshot was taken."""
    problem = f"{guest} has its snapshot's time, as its guest agent does not answer: set it there, with date"
    return StringCommand(
        "for _ in 1 2 3; do timeout 60",
        virsh("domtime", guest, "--now"),
        f">/dev/null 2>&1 && exit; sleep 1; done; echo {shlex.quote(problem)} >&2; exit 1",
    )


def _not_running(guests: list[Guest]) -> LabError:
    """What to say of guests of one host, which are all to run or are not."""
    to_run, names = guests[0].to_run, named(sorted(guest.name for guest in guests))
    return LabError(
        f"{host.name}: not running{'' if to_run else f', as {why(host.name)}'}: {names}",
        next_step="bring them up: lab up; or lab reset" if to_run else start(guests[0].name, host.name),
    )
