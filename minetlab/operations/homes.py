"""Operations on the file systems of students' containers: home folders, and pseudo-terminals."""

from collections.abc import Iterable, Iterator
from shlex import quote

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand

from minetlab.facts.homes import Homes
from minetlab.lab import ContainerHostSettings
from minetlab.operations import observe
from minetlab.operations.commands import first_pass, lab_operation, warn
from minetlab.operations.shell import RELOAD_UNITS, all_of, install_units, side_by_side
from minetlab.plan import Container
from minetlab.resources.docker import HOME, TERMINALS, homes_folder, terminals
from minetlab.resources.homes import (
    DEVPTS,
    HomesObserved,
    HomeSpec,
    compare,
    home_specs,
    image,
    mount_point,
    unit,
    unit_file,
)
from minetlab.util.names import named
from minetlab.util.render import render

MOUNT = (
    '{ mountpoint --quiet "$place" || {'
    ' mount -t ext4 -o loop,nosuid,nodev,discard "$image" "$place" && {'
    ' losetup --direct-io=on "$(findmnt --noheadings --output SOURCE "$place")" 2>/dev/null || true; }; }; }'
    f' && {{ mountpoint --quiet "$place{TERMINALS}" || {{ mkdir -p "$place{TERMINALS}" &&'
    f' mount -t devpts -o {DEVPTS} devpts "$place{TERMINALS}"; }}; }}'
)
"""Mounts the file system in ``$image`` at ``$place``, and the container's pseudo-terminals beside it.

With direct I/O, what is written counts once as memory of the container. Twice, it can come to the
container's limit faster than the disk takes it, and the kernel ends the container. Not every file system of
a host can do it.
"""


@lab_operation
def mount(
    lab: str, containers: tuple[Container, ...], settings: ContainerHostSettings
) -> Iterator[PyinfraCommand]:
    """Have a file system for the home folder of each container, mounted, now and at boot.

    :param lab: the lab's name.
    :param containers: the containers of the host.
    :param settings: the host's settings: how large each file system is.
    :yields: the commands.
    """
    observed = observe.fact(Homes, lab=lab)
    changes = compare(home_specs(containers, settings), observed)
    if changes.larger and first_pass():
        warn(
            f"larger than container['disk'] says, and left so: the home folders of {named(changes.larger)}\n"
            "  → lab reset makes a student's machines anew"
        )
    commands = _unit(lab, observed)
    if scripts := [
        *(_make(lab, spec) for spec in changes.make),
        *(_mount(lab, container) for container in changes.mount),
    ]:
        folder = QuoteString(homes_folder(lab))
        commands.append(StringCommand("mkdir -p", folder, "&& chmod 0700", folder))
        commands.append(side_by_side(scripts))
    if scripts := [_grow(lab, spec) for spec in changes.grow]:
        commands.append(side_by_side(scripts))
    yield from observe.changing(commands, otherwise="every container has its home folder")


def removal(lab: str, containers: Iterable[str]) -> StringCommand:
    """Return a command that removes the home folders of containers, which are gone."""
    return side_by_side(_remove(lab, container) for container in containers)


def removal_of_all(lab: str, observed: HomesObserved) -> list[StringCommand]:
    """Return the commands that remove all home folders of a lab, and the unit that mounts them."""
    commands = []
    if observed.unit or observed.enabled:
        commands.append(
            all_of(
                StringCommand("systemctl disable --quiet", QuoteString(unit(lab))),
                StringCommand("rm -f", QuoteString(unit_file(lab))),
                RELOAD_UNITS,
            )
        )
    if names := sorted(observed.sizes.keys() | observed.mounted):
        commands.append(removal(lab, names))
    return commands


def _unit(lab: str, observed: HomesObserved) -> list[StringCommand]:
    content = render(
        # A dollar sign is written twice: systemd.service(5), "COMMAND LINES".
        "docker/homes.service.j2",
        lab=lab,
        folder=homes_folder(lab),
        mount=MOUNT.replace("$", "$$"),
    )
    commands = []
    if observed.unit != content:
        commands.append(install_units({unit_file(lab): content}))
    if not observed.enabled:
        commands.append(StringCommand("systemctl enable --quiet", QuoteString(unit(lab))))
    return commands


def _make(lab: str, spec: HomeSpec) -> str:
    """Return a script that makes and mounts a file system; if killed, it leaves one that is made anew."""
    file = image(lab, spec.container)
    new, content = quote(f"{file}.new"), quote(f"{file}.content")
    owned = f"install --directory --mode=0750 --owner={spec.user} --group={spec.user}"
    return (
        f"rm -rf {new} {content} && mkdir {content} && {owned} {content}/{HOME}"
        f" && (umask 077; truncate --size={spec.size} {new})"
        # Blocks for root alone are of no use, as root writes nothing there.
        f" && mke2fs -q -t ext4 -m 0 -d {content} {new} && rm -rf {content} && mv {new} {quote(file)}"
        f" && {_mount(lab, spec.container)}"
    )


def _mount(lab: str, container: str) -> str:
    place, file = quote(mount_point(lab, container)), quote(image(lab, container))
    return f'image={file} && place={place} && mkdir -p "$place" && {MOUNT}'


def _grow(lab: str, spec: HomeSpec) -> str:
    """Return a script that makes a mounted file system larger, under the container that uses it."""
    file = quote(image(lab, spec.container))
    device = f'"$(findmnt --noheadings --output SOURCE {quote(mount_point(lab, spec.container))})"'
    return f"truncate --size={spec.size} {file} && losetup --set-capacity {device} && resize2fs {device} >&2"


def _remove(lab: str, container: str) -> str:
    place = quote(mount_point(lab, container))
    places = f"{place} {quote(terminals(lab, container))}"
    return (
        f"for place in {places}; do if mountpoint --quiet $place; then umount $place || exit 1; fi; done"
        f" && rm -rf {places} {quote(image(lab, container))}"
    )
