"""Compute what the allocation file has to hold after a deploy, a teardown or the removal of a student."""

from collections.abc import Iterable
from operator import attrgetter

from minetlab.lab import Allocation, Lab, Placement
from minetlab.plan.allocation import Plan, belongs_to_lab
from minetlab.util.errors import LabError


def placements(plan: Plan) -> tuple[Placement, ...]:
    """Return the placement of every machine of a plan."""
    return tuple(
        Placement(login=machine.student.login, machine=machine.name, host=machine.host, place=machine.place)
        for machine in plan.machines
    )


def with_plan(allocation: Allocation, lab: Lab, plan: Plan) -> Allocation:
    """Return the allocation file with the placements of a plan.

    Lines of machines that are not in the plan stay, as these machines may still exist; so do lines of hosts
    that are not in this inventory, as another inventory may have them.

    :param allocation: the allocation file.
    :param lab: the lab; its hosts are those of the inventory.
    :param plan: the plan of the lab.
    :return: the new allocation file; a machine's newest line comes last.
    """
    # Sets, as this runs for each host, each time with the hundreds of placements of all hosts.
    planned = set(placements(plan))
    machines = {placement.machine for placement in planned}
    hosts = {host.name for host in (*lab.kvm_hosts, *lab.container_hosts)}
    kept = [
        placement
        for placement in allocation.placements
        if placement in planned or placement.machine not in machines or placement.host not in hosts
    ]
    # A plan has each machine once and sorting is stable, so a machine's new line comes after its old ones.
    merged = sorted([*kept, *planned.difference(kept)], key=attrgetter("machine"))
    return _with_placements(allocation, merged)


def without_gone(allocation: Allocation, lab: Lab, plan: Plan, host: str) -> Allocation:
    """Return the allocation file without the lab's machines that the plan no longer has on this host."""
    planned = set(placements(plan))
    kept = (
        placement
        for placement in allocation.placements
        if placement.host != host or placement in planned or not belongs_to_lab(placement, lab.name)
    )
    return _with_placements(allocation, kept)


def without_student(allocation: Allocation, lab: Lab, login: str) -> Allocation:
    """Return the allocation file without this student's machines of the lab on the hosts of the inventory."""
    hosts = {host.name for host in (*lab.kvm_hosts, *lab.container_hosts)}
    kept = (
        placement
        for placement in allocation.placements
        if placement.login != login or placement.host not in hosts or not belongs_to_lab(placement, lab.name)
    )
    return _with_placements(allocation, kept)


def _with_placements(allocation: Allocation, kept: Iterable[Placement]) -> Allocation:
    return allocation.model_copy(update={"placements": tuple(kept)})


def refuse_if_changed(current: Allocation, before: Allocation, after: Allocation) -> Allocation:
    """Return the allocation file to write, unless it was changed since this run read it.

    :param current: what the file holds now.
    :param before: what it held when this run read it.
    :param after: what this run wants it to hold.
    :return: ``after``.
    :raises LabError: the file holds neither ``before`` nor ``after``.
    """
    if current.placements not in (before.placements, after.placements):
        raise LabError(
            f"{current.source} was changed since this run read it",
            next_step="run the command again",
        )
    return after
