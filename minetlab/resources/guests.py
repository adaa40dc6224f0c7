"""Compare desired and observed guests. What a student has written is never discarded. No I/O."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from minetlab.resources.layout import guest_of_seed, overlay
from minetlab.resources.libvirt import Domain, LibvirtObserved, Volume

BASE_VOLUME = re.compile(r"base-[0-9a-f]{12}\.qcow2")
OVERHEAD = 128
"""MiB that QEMU takes beside a guest's memory: its code, video and device buffers, page tables."""
OVERLAY_ROOM = 512
"""MiB that a guest writes to its overlay until it is up for the first time."""
GUESTS_RUN_OFF = "guests_run is False"
"""The setting of a host whose guests are off on purpose, as messages name it."""


@dataclass(frozen=True)
class GuestSpec:
    """A guest as desired.

    :param name: name of its domain.
    :param mac: MAC address of its interface.
    :param xml: its domain's XML.
    :param digest: the hash of that XML in the domain's label.
    :param seed: the volume of its NoCloud seed, named after its content.
    :param base: the volume of its base image.
    :param disk: size of its own disk, in bytes.
    :param memory: MiB.
    :param to_run: whether it shall be started; if not, it is only defined, and left running if it runs.
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
    """What has to be done, in this order, and then what the administrator has to know.

    :param seeds: guests whose seed is not on the host.
    :param shut_down: guests that run with another XML than the desired one.
    :param define: guests with no domain, or with another XML.
    :param overlays: guests without a disk.
    :param grow: guests whose disk is too small, and that are off or will be shut down.
    :param autostart: guests that shall start with the host, but would not.
    :param no_autostart: guests that would start with the host, but shall not.
    :param start: guests to start.
    :param discard: volumes that nothing uses: seeds that were replaced, base images without overlays.
    :param foreign: desired names that domains outside the lab have.
    :param clashes: pairs of names: a guest, and the guest no longer planned that still has its address.
    :param unplanned: names of the lab's guests that are no longer planned; they are left alone.
    :param outdated: names of guests whose disk is based on another image.
    :param larger: names of guests whose disk is larger than desired.
    :param running: names of guests that run, but need not; they are left running, as they hold work.
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
    def memory(self) -> int:
        """MiB of host memory that the guests to start need, beyond what is in use now."""
        running = set(self.shut_down)
        return sum(spec.memory + OVERHEAD for spec in self.start if spec not in running)

    @property
    def room(self) -> int:
        """MiB of host disk that new overlays need at least."""
        return OVERLAY_ROOM * len(self.overlays)


@dataclass(frozen=True)
class _Guest:
    """A guest as desired, and what its host has of it.

    :param spec: the guest as desired.
    :param domain: the domain of its name; if there is none, one that is off and has no label.
    :param disk: its own disk; None if there is none.
    :param has_seed: whether the desired seed is on the host.
    """

    spec: GuestSpec
    domain: Domain
    disk: Volume | None
    has_seed: bool

    @property
    def defined(self) -> bool:
        """Whether its domain was defined from the desired XML."""
        return self.domain.label.spec == self.spec.digest

    @property
    def restarts(self) -> bool:
        """Whether it runs, and has to be shut down and started with the desired XML."""
        return self.domain.active and not self.defined

    @property
    def grows(self) -> bool:
        """Whether its disk is too small, and it is off or will be shut down."""
        too_small = self.disk is not None and self.disk.capacity < self.spec.disk
        return too_small and (self.restarts or not self.domain.active)

    @property
    def keeps_another_base(self) -> bool:
        return self.disk is not None and not self.disk.backing.endswith(f"/{self.spec.base}")


def compare(
    lab: str,
    specs: Collection[GuestSpec],
    observed: LibvirtObserved,
    neighbours: Iterable[str] = (),
    base: str | None = None,
) -> GuestChanges:
    """Compare the desired guests of a host with what its libvirt has.

    :param lab: the lab's name.
    :param specs: the guests as desired.
    :param observed: what the host's libvirt has.
    :param neighbours: names of guests that are planned too, but not to be changed.
    :param base: volume of the base image in the host's settings, which is kept even if no guest uses it; None
        if there is no such volume to keep.
    :return: the differences.
    """
    guests = [
        _Guest(
            spec,
            observed.domains.get(spec.name, Domain(spec.name, uuid="")),
            observed.volumes.get(overlay(spec.name)),
            spec.seed in observed.volumes,
        )
        for spec in specs
    ]
    planned = {spec.name for spec in specs}.union(neighbours)
    unplanned = [domain for domain in observed.domains_of(lab) if domain.name not in planned]
    unplanned_by_mac = {mac: domain.name for domain in unplanned for mac in domain.macs}

    def specs_where(condition: Callable[[_Guest], bool]) -> tuple[GuestSpec, ...]:
        return tuple(guest.spec for guest in guests if condition(guest))

    def names_where(condition: Callable[[_Guest], bool]) -> tuple[str, ...]:
        return tuple(spec.name for spec in specs_where(condition))

    return GuestChanges(
        seeds=specs_where(lambda guest: not guest.has_seed),
        shut_down=specs_where(lambda guest: guest.restarts),
        define=specs_where(lambda guest: not guest.defined),
        overlays=specs_where(lambda guest: guest.disk is None),
        grow=specs_where(lambda guest: guest.grows),
        # A domain that is defined again has lost its autostart.
        autostart=specs_where(
            lambda guest: guest.spec.to_run and not (guest.defined and guest.domain.autostart)
        ),
        no_autostart=specs_where(lambda guest: not guest.spec.to_run and guest.domain.autostart),
        start=specs_where(lambda guest: guest.restarts or (guest.spec.to_run and not guest.domain.active)),
        discard=tuple(sorted(_unused(specs, observed.volumes, base))),
        foreign=names_where(
            lambda guest: guest.spec.name in observed.domains and guest.domain.label.lab != lab
        ),
        clashes=tuple(
            (spec.name, unplanned_by_mac[spec.mac]) for spec in specs if spec.mac in unplanned_by_mac
        ),
        unplanned=tuple(sorted(domain.name for domain in unplanned)),
        outdated=names_where(lambda guest: guest.keeps_another_base),
        larger=names_where(lambda guest: guest.disk is not None and guest.disk.capacity > guest.spec.disk),
        running=names_where(
            lambda guest: not guest.spec.to_run and guest.domain.active and not guest.restarts
        ),
    )


def _unused(specs: Collection[GuestSpec], volumes: Mapping[str, Volume], base: str | None) -> Iterable[str]:
    """Return replaced seeds of planned guests, and base images that no guest uses; ``base`` is kept."""
    names = {spec.name for spec in specs}
    used = {base} | {spec.seed for spec in specs} | {spec.base for spec in specs}
    used |= {volume.backing.rpartition("/")[2] for volume in volumes.values()}
    for name in volumes:
        if name not in used and (BASE_VOLUME.fullmatch(name) or guest_of_seed(name) in names):
            yield name


def reason_off(host: str) -> str:
    """Return why guests of a host are off.

    >>> reason_off("hv2")
    'guests_run is False on hv2'
    """
    return f"{GUESTS_RUN_OFF} on {host}"


def start_hint(guest: str, host: str) -> str:
    """Return how the administrator can start such a guest.

    >>> start_hint("minet-alice", "hv2")
    'on hv2: virsh start minet-alice; or set guests_run = True for hv2, then lab up'
    """
    return f"on {host}: virsh start {guest}; or set guests_run = True for {host}, then lab up"
