"""From the desired and the observed network to what has to be done."""

from collections.abc import Iterable
from dataclasses import dataclass

from minetlab.resources.libvirt import ObservedNetwork, Reservation


@dataclass(frozen=True)
class NetworkSpec:
    """The lab's network as desired.

    :param xml: with its reservations; ``digest`` identifies it without them, as they change while it is up.
    """

    name: str
    xml: str
    digest: str
    reservations: frozenset[Reservation]


@dataclass(frozen=True)
class ReservationUpdate:
    """One live update of the DHCP server: virsh's ``net-update``.

    :param command: ``add``, ``modify`` or ``delete``.
    """

    command: str
    reservation: Reservation


@dataclass(frozen=True)
class NetworkChanges:
    """What has to be done.

    :param foreign: a network of that name is there that is not the lab's.
    :param define: it has to be defined; ``restart``: and it is up with another definition.
    :param start: it is not up; ``autostart``: it would not come up with the host.
    :param updates: reservations to change while it is up.
    """

    foreign: bool = False
    define: bool = False
    restart: bool = False
    start: bool = False
    autostart: bool = False
    updates: tuple[ReservationUpdate, ...] = ()

    @property
    def none(self) -> bool:
        """Whether everything is as desired."""
        return self == NetworkChanges()


def compare(lab: str, spec: NetworkSpec, observed: ObservedNetwork | None, *, used: bool) -> NetworkChanges:
    """Compare the lab's network, desired and observed.

    :param used: whether anybody would notice if it went down for a moment. Otherwise it is defined anew for
        reservations as well: libvirt restarts its DHCP server for each that changes while it is up, which
        takes a third of a second.
    """
    if observed is None:
        return NetworkChanges(define=True, start=True, autostart=True)
    if observed.label is None or observed.label.lab != lab:
        return NetworkChanges(foreign=True)
    updates = tuple(_updates(spec.reservations, observed.reservations))
    define = observed.label.spec != spec.digest or bool(updates and not used)
    return NetworkChanges(
        define=define,
        restart=define and observed.active,
        start=define or not observed.active,
        autostart=not observed.autostart,
        updates=() if define else updates,
    )


def _updates(desired: Iterable[Reservation], observed: Iterable[Reservation]) -> Iterable[ReservationUpdate]:
    """Deletions first: an address can only be given to another guest once it is free."""
    wanted = {each.mac: each for each in desired}
    there = {each.mac: each for each in observed}
    for mac in sorted(there.keys() - wanted.keys()):
        yield ReservationUpdate("delete", there[mac])
    for mac in sorted(wanted.keys() & there.keys()):
        if wanted[mac] != there[mac]:
            yield ReservationUpdate("modify", wanted[mac])
    for mac in sorted(wanted.keys() - there.keys()):
        yield ReservationUpdate("add", wanted[mac])
