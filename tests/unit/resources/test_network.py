"""The order in which reservations of a network change, and what counts as work."""

from minetlab.resources.libvirt import Label, ObservedNetwork, Reservation
from minetlab.resources.network import NetworkChanges, NetworkSpec, ReservationUpdate, compare


def reserved(number: int, name: str = "", address: int | None = None) -> Reservation:
    return Reservation(f"52:54:00:00:00:{number:02x}", name or f"s{number}", f"10.0.0.{address or number}")


def changes(wanted: list[Reservation], there: list[Reservation], *, used: bool = True) -> NetworkChanges:
    spec = NetworkSpec("minet", "<network/>", "digest", frozenset(wanted))
    observed = ObservedNetwork(Label("minet", "digest"), True, True, frozenset(there))
    return compare("minet", spec, observed, used=used)


def test_an_address_is_freed_before_another_guest_gets_it() -> None:
    there = [reserved(each) for each in range(1, 7)]
    wanted = [
        reserved(1),
        reserved(2, "x"),
        reserved(3),
        reserved(4, "y"),
        reserved(8, address=5),
        reserved(7),
    ]
    assert changes(wanted, there) == NetworkChanges(
        updates=(
            ReservationUpdate("delete", there[4]),
            ReservationUpdate("delete", there[5]),
            ReservationUpdate("modify", reserved(2, "x")),
            ReservationUpdate("modify", reserved(4, "y")),
            ReservationUpdate("add", reserved(7)),
            ReservationUpdate("add", reserved(8, address=5)),
        )
    )


def test_equal_reservations_that_were_read_anew_are_no_change() -> None:
    wanted, there = ([reserved(each) for each in range(3)] for _ in range(2))
    assert changes(wanted, there) == NetworkChanges()
    assert changes(wanted, there, used=False) == NetworkChanges()
