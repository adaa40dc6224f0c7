"""From desired and observed guests to what has to be done; what a student has written is never discarded."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from minetlab.resources.layout import guest_of_seed, overlay
from minetlab.resources.libvirt import Domain, LibvirtObserved, Volume

BASE = re.compile(r"base-[0-9a-f]{12}\.qcow2")
OVERHEAD = 128
"""MiB that QEMU takes beside a guest's memory: its own code, video and device buffers, page tables."""
OVERLAY_ROOM = 512
"""MiB a guest writes to its overlay by the time it is first up."""


@dataclass(frozen=True)
class GuestSpec:
    """One guest as desired.

    :param xml: its domain's XML; ``digest`` identifies it.
    :param seed: the volume of its NoCloud seed, named after its content.
    :param base: the volume of its base image; ``disk``: size of its own disk in bytes.
    :param memory: MiB.
    :param to_run: whether it is to be started; else it is only to be there, and left running if it runs.
    """

    name: str
    mac: str
    xml: str
    digest: str
    seed: str
    base: str
    disk: int
    memory: int
    to_run: bool = True


@dataclass(frozen=True)
class GuestChanges:
    """What has to be done, in this order, and what has to be said.

    :param seeds: guests whose seed is not on the host.
    :param shut_down: guests that run by another XML than the desired one.
    :param define: guests with no domain, or with another XML.
    :param overlays: guests without a disk; ``grow``: guests whose disk is smaller than it should be.
    :param autostart: guests that would not come up with the host; ``no_autostart``: that would, and are not
        to; ``start``: guests to start.
    :param discard: volumes that nothing uses: seeds that were replaced, base images without overlays.
    :param foreign: names that a domain of somebody else has.
    :param clashes: guests whose address a guest still has that is not planned any more.
    :param unplanned: the lab's guests that are not planned any more, to be left alone.
    :param outdated: guests whose disk keeps another base image; ``larger``: whose disk exceeds the spec's.
    :param running: guests that run and are not to, to be left running, as they hold work.
    """

    seeds: tuple[GuestSpec, ...] = ()
    shut_down: tuple[GuestSpec, ...] = ()
    define: tuple[GuestSpec, ...] = ()
    overlays: tuple[GuestSpec, ...] = ()
    grow: tuple[GuestSpec, ...] = ()
    autostart: tuple[GuestSpec, ...] = ()
    no_autostart: tuple[GuestSpec, ...] = ()
    start: tuple[GuestSpec, ...] = ()
    discard: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    clashes: tuple[tuple[str, str], ...] = ()
    unplanned: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    larger: tuple[str, ...] = ()
    running: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether everything is as desired."""
        disks = (self.seeds, self.overlays, self.grow, self.discard)
        return not any((*disks, self.define, self.autostart, self.no_autostart, self.start))

    @property
    def memory(self) -> int:
        """MiB of host memory that the guests to start need on top of what is in use."""
        running = set(self.shut_down)
        return sum(spec.memory + OVERHEAD for spec in self.start if spec not in running)

    @property
    def room(self) -> int:
        """MiB of host disk that new overlays need at the very least."""
        return OVERLAY_ROOM * len(self.overlays)


@dataclass(frozen=True)
class _Guest:
    """A guest as desired, beside what its host has of it.

    :param domain: of its name; None: there is none. ``disk``: its own disk, likewise.
    :param has_seed: whether the desired seed is on the host.
    """

    spec: GuestSpec
    domain: Domain | None
    disk: Volume | None
    has_seed: bool

    @property
    def runs(self) -> bool:
        return self.domain is not None and self.domain.active

    @property
    def defined(self) -> bool:
        """Whether its domain has the desired XML."""
        label = self.domain.label if self.domain else None
        return label is not None and label.spec == self.spec.digest

    @property
    def restarts(self) -> bool:
        """Whether it runs by another XML than the desired one."""
        return self.runs and not self.defined

    @property
    def autostarts(self) -> bool:
        return self.domain is not None and self.domain.autostart

    @property
    def grows(self) -> bool:
        """Whether its disk is too small, and it is off or will be."""
        too_small = self.disk is not None and self.disk.capacity < self.spec.disk
        return too_small and (self.restarts or not self.runs)

    @property
    def keeps_another_base(self) -> bool:
        return self.disk is not None and not _path(self.disk).endswith(f"/{self.spec.base}")


def compare(
    lab: str,
    specs: Iterable[GuestSpec],
    observed: LibvirtObserved,
    neighbours: Iterable[str] = (),
    base: str | None = None,
) -> GuestChanges:
    """Compare guests of one host, desired and observed.

    :param neighbours: guests that are planned as well, and none of these.
    :param base: the image of the host's settings: it is kept even while the host has no guests.
    """
    specs = tuple(specs)
    guests = [
        _Guest(
            spec,
            observed.domains.get(spec.name),
            observed.volumes.get(overlay(spec.name)),
            spec.seed in observed.volumes,
        )
        for spec in specs
    ]
    planned = {spec.name for spec in specs}.union(neighbours)
    unplanned = [domain for domain in observed.domains_of(lab) if domain.name not in planned]
    takers = {mac: domain.name for domain in unplanned for mac in domain.macs}

    def those(condition: Callable[[_Guest], bool]) -> tuple[GuestSpec, ...]:
        return tuple(guest.spec for guest in guests if condition(guest))

    def names(condition: Callable[[_Guest], bool]) -> tuple[str, ...]:
        return tuple(spec.name for spec in those(condition))

    return GuestChanges(
        seeds=those(lambda guest: not guest.has_seed),
        shut_down=those(lambda guest: guest.restarts),
        define=those(lambda guest: not guest.defined),
        overlays=those(lambda guest: guest.disk is None),
        grow=those(lambda guest: guest.grows),
        # A domain that is defined anew has lost its autostart.
        autostart=those(lambda guest: guest.spec.to_run and not (guest.defined and guest.autostarts)),
        no_autostart=those(lambda guest: not guest.spec.to_run and guest.autostarts),
        start=those(lambda guest: guest.restarts or (guest.spec.to_run and not guest.runs)),
        discard=tuple(sorted(_unused(specs, observed.volumes, base))),
        foreign=names(lambda guest: guest.domain is not None and not _owned(guest.domain, lab)),
        clashes=tuple((spec.name, takers[spec.mac]) for spec in specs if spec.mac in takers),
        unplanned=tuple(sorted(domain.name for domain in unplanned)),
        outdated=names(lambda guest: guest.keeps_another_base),
        larger=names(lambda guest: guest.disk is not None and guest.disk.capacity > guest.spec.disk),
        running=names(lambda guest: not guest.spec.to_run and guest.runs and not guest.restarts),
    )


def _owned(domain: Domain, lab: str) -> bool:
    return domain.label is not None and domain.label.lab == lab


def _path(volume: Volume) -> str:
    return volume.backing or ""


def _unused(specs: Iterable[GuestSpec], volumes: Mapping[str, Volume], base: str | None) -> Iterable[str]:
    """Seeds of planned guests that are not theirs any more, and base images that nobody refers to.

    :param base: an image that is kept even if no guest has it.
    """
    specs = tuple(specs)
    names = {spec.name for spec in specs}
    used = {base} | {spec.seed for spec in specs} | {spec.base for spec in specs}
    used |= {_path(volume).rpartition("/")[2] for volume in volumes.values()}
    for name in volumes:
        if name not in used and (BASE.fullmatch(name) or guest_of_seed(name) in names):
            yield name
