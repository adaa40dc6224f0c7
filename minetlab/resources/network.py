"""Compare the desired and the observed network of a lab. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

from minetlab.resources.libvirt import ObservedNetwork, Reservation


@dataclass(frozen=True)
class NetworkSpec:
    """The lab's network as desired.

    :param name: the network's name, which is the lab's.
    :param xml: its XML, with the reservations.
    :param digest: hash of the XML without the reservations, as they can change while the network is up.
    :param reservations: addresses that its DHCP server reserves.
    """

    name: str
    xml: str
    digest: str
    reservations: frozenset[Reservation]


@dataclass(frozen=True)
class ReservationUpdate:
    """One change to the DHCP server of a network that is up, by virsh's ``net-update``.

    :param command: ``add``, ``modify`` or ``delete``.
    :param reservation: the reservation to change.
    """

    command: str
    reservation: Reservation


@dataclass(frozen=True)
class NetworkChanges:
    """What has to be done.

    :param foreign: whether a network outside the lab has the name.
    :param define: whether the network has to be defined.
    :param restart: whether it is up with another definition.
    :param start: whether it has to be started.
    :param autostart: whether its autostart has to be turned on.
    :param updates: reservations to change while it is up.
    """

    foreign: bool = False
    define: bool = False
    restart: bool = False
    start: bool = False
    autostart: bool = False
    updates: tuple[ReservationUpdate, ...] = ()


def compare(lab: str, spec: NetworkSpec, observed: ObservedNetwork | None, *, used: bool) -> NetworkChanges:
    """Compare the desired and the observed network of a lab.

    :param lab: the lab's name.
    :param spec: the network as desired.
    :param observed: the network of that name on the host; None if there is none.
    :param used: whether a running guest would notice if the network went down for a moment. If not, it is
        defined again for changed reservations too: libvirt restarts its DHCP server for each reservation that
        changes while the network is up, which takes a third of a second.
    :return: what has to be done.
    """
    if observed is None:
        return NetworkChanges(define=True, start=True, autostart=True)
    if observed.label.lab != lab:
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
    wanted = {reservation.mac: reservation for reservation in desired}
    present = {reservation.mac: reservation for reservation in observed}
    # Deletions come first: an address has to be free before another guest can get it.
    for mac in sorted(present.keys() - wanted.keys()):
        yield ReservationUpdate("delete", present[mac])
    for mac in sorted(wanted.keys() & present.keys()):
        if wanted[mac] != present[mac]:
            yield ReservationUpdate("modify", wanted[mac])
    for mac in sorted(wanted.keys() - present.keys()):
        yield ReservationUpdate("add", wanted[mac])
