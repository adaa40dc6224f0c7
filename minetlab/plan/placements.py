"""What the allocation file says after a deploy, and after a teardown."""

from operator import attrgetter

from minetlab.lab import Allocation, Lab, Placement
from minetlab.plan.allocation import Plan, is_of
from minetlab.util.errors import LabError


def placements(plan: Plan) -> tuple[Placement, ...]:
    """All that a plan gives."""
    guests = (
        Placement(login=each.student.login, machine=each.name, host=each.host, place=each.address.ip)
        for each in plan.guests
    )
    containers = (
        Placement(login=each.student.login, machine=each.name, host=each.host, place=each.ssh_port)
        for each in plan.containers
    )
    return (*guests, *containers)


def with_plan(allocation: Allocation, lab: Lab, plan: Plan) -> Allocation:
    """The allocation file with all that the plan gives.

    Lines stay of machines that are not in the plan, as these may well stand, and of hosts that are not in
    this inventory, as another one may have them.
    """
    # Sets, as this is asked for each host, with the placements of all: three hundred, or a thousand.
    given = set(placements(plan))
    machines = {each.machine for each in given}
    hosts = {host.name for host in lab.kvm_hosts} | {host.name for host in lab.container_hosts}
    stay = [
        each
        for each in allocation.placements
        if each in given or each.machine not in machines or each.host not in hosts
    ]
    # A plan has a machine once, and sorting is stable: of each machine, what is new comes last.
    both = sorted([*stay, *given.difference(stay)], key=attrgetter("machine"))
    return allocation.model_copy(update={"placements": tuple(both)})


def without_gone(allocation: Allocation, lab: Lab, plan: Plan, host: str) -> Allocation:
    """The allocation file without the lab's machines on a host that the plan does not have there."""
    given = set(placements(plan))
    return allocation.model_copy(
        update={
            "placements": tuple(
                each
                for each in allocation.placements
                if each.host != host or each in given or not is_of(lab.name, each)
            )
        }
    )


def without_student(allocation: Allocation, lab: Lab, login: str) -> Allocation:
    """The allocation file without what a student of this lab has on the hosts of this inventory."""
    hosts = {host.name for host in (*lab.kvm_hosts, *lab.container_hosts)}
    return allocation.model_copy(
        update={
            "placements": tuple(
                each
                for each in allocation.placements
                if each.login != login or each.host not in hosts or not is_of(lab.name, each)
            )
        }
    )


def unchanged(there: Allocation, before: Allocation, after: Allocation) -> Allocation:
    """The allocation file to write, if the one that is there is still the one that was planned with.

    :raises LabError: it is not, as another run has written it meanwhile.
    """
    if there.placements not in (before.placements, after.placements):
        raise LabError(
            f"{there.source} is not what it was when this run read it", next_step="run the command again"
        )
    return after
