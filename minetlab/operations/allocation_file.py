"""Operations on the allocation file, which is on this machine, not on the host."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import host

from minetlab.inventory import allocation_file
from minetlab.lab import Allocation, Lab
from minetlab.operations.commands import call, lab_operation
from minetlab.plan import Plan
from minetlab.plan.placements import refuse_if_changed, with_plan, without_gone


@lab_operation
def write(lab: Lab, plan: Plan) -> Iterator[PyinfraCommand]:
    """Record in the allocation file what the plan gives each machine, before any machine is made."""
    wanted = with_plan(lab.allocation, lab, plan)
    yield from _change(lab, partial(refuse_if_changed, before=lab.allocation, after=wanted))


@lab_operation
def prune(lab: Lab, plan: Plan) -> Iterator[PyinfraCommand]:
    """Remove machines of this host from the allocation file that are not planned: they are removed now."""
    yield from _change(lab, partial(without_gone, lab=lab, plan=plan, host=host.name))


def _change(lab: Lab, changed: Callable[[Allocation], Allocation]) -> Iterator[PyinfraCommand]:
    path = Path(lab.allocation.source)
    present = allocation_file.read(path)
    if present == changed(present):
        host.noop(f"{path} is up to date")
    else:
        yield call(_write, path, changed)


def _write(state: State, host: Host, path: Path, changed: Callable[[Allocation], Allocation]) -> bool:
    allocation_file.change(path, changed)
    host.log(f"{path} has changed: commit it with the roster")
    return True
