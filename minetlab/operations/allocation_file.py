"""Operations on the allocation file, which is on this machine and not on the host."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.context import host

from minetlab.inventory import allocation_file
from minetlab.lab import Allocation, Lab
from minetlab.operations.commands import Commands, fail, failure
from minetlab.plan import Plan
from minetlab.plan.placements import unchanged, with_plan, without_gone
from minetlab.util.errors import LabError


@operation()
def write(lab: Lab, plan: Plan) -> Commands:
    """Have in the allocation file what the plan gives, before anything of it is made."""
    wanted = with_plan(lab.allocation, lab, plan)
    yield from _change(lab, partial(unchanged, before=lab.allocation, after=wanted))


@operation()
def prune(lab: Lab, plan: Plan) -> Commands:
    """Let go of what the lab's machines had on this host that are not planned: they are removed now."""
    yield from _change(lab, partial(without_gone, lab=lab, plan=plan, host=host.name))


def _change(lab: Lab, changed: Callable[[Allocation], Allocation]) -> Commands:
    path = Path(lab.allocation.source)
    try:
        there = allocation_file.read(path)
        wanted = changed(there)
    except LabError as error:
        yield failure(error)
        return
    if there == wanted:
        host.noop(f"{path} says who has what")
    else:
        yield FunctionCommand(_write, (path, changed), {})


def _write(state: State, host: Host, path: Path, changed: Callable[[Allocation], Allocation]) -> bool:
    try:
        allocation_file.change(path, changed)
    except LabError as error:
        return fail(state, host, error)
    host.log(f"{path} has changed: commit it with the roster")
    return True
