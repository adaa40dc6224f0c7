"""The sheets: each command, typed in a student's environment, prints what the sheet says."""

from typing import Any

import pytest

from minetlab.checks.assertions import require_hardware
from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.checks.sheets import sheet_mismatches
from minetlab.tp import guest_tps

pytestmark = pytest.mark.sheet


@pytest.mark.claim("C19")
def test_container_prints_what_the_sheet_says(container: ContainerMachine, tp: str) -> None:
    as_the_sheet_says(container, tp)


def test_container_shows(container: ContainerMachine, tp: str, claim: str) -> None:
    """What the sheet names as a claim's proof, by itself: this verdict is the claim's."""
    as_the_sheet_says(container, tp, claim)


@pytest.mark.claim("C19")
def test_guest_prints_what_the_sheet_says(guest: GuestMachine, tp: str) -> None:
    require_what_it_needs(guest, tp)
    as_the_sheet_says(guest, tp)


def test_guest_shows(guest: GuestMachine, tp: str, claim: str) -> None:
    """The same in a guest."""
    require_what_it_needs(guest, tp)
    as_the_sheet_says(guest, tp, claim)


def as_the_sheet_says(machine: Any, tp: str, claim: str | None = None) -> None:
    """Fail with every command that does not print what the sheet says."""
    wrong = list(sheet_mismatches(machine, tp, claim))
    assert not wrong, "\n".join(wrong)


def require_what_it_needs(guest: GuestMachine, tp: str) -> None:
    """Without hardware virtualization, some sheets are not demonstrable."""
    (read,) = guest_tps.read([tp])
    if read.kvm:
        require_hardware(guest.host_machine)
