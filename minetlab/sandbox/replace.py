"""Have sandbox hosts become what is saved of them: all of them or none, whenever the run is killed.

What they are to become is made in one folder beside them, and renaming that folder is the step. After it,
whoever needs one of the hosts puts that one in its place first.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from minetlab.sandbox.machine import SandboxHost, sandbox_dir

PARTIAL, READY = "replacements.partial", "replacements"


def all_at_once(machines: Sequence[SandboxHost], make: Callable[[SandboxHost, Path], None]) -> None:
    """Replace hosts of which none runs, and whose locks the caller holds.

    :param make: makes the folder that is to be the host's.
    """
    partial = _partial(machines[0])
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    try:
        for machine in machines:
            make(machine, partial / machine.name)
        partial.rename(partial.with_name(f".{machines[0].name}.{token_hex(4)}.{READY}"))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    for machine in machines:
        _put_in_place(machine)
    for machine in machines:
        finish(machine)


def awaited() -> set[str]:
    """The names of hosts that a killed run was about to replace."""
    return {folder.name for folder in sandbox_dir().glob(f".*.{READY}/*")}


def finish(machine: SandboxHost) -> None:
    """Put what a host is to become in its place, if that is ready; delete what a killed run has left."""
    _put_in_place(machine)
    for leftover in (machine.replaced, _partial(machine)):
        shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(machine: SandboxHost) -> None:
    for ready in sandbox_dir().glob(f".*.{READY}"):
        if (replacement := ready / machine.name).exists():
            if machine.folder.exists():
                shutil.rmtree(machine.replaced, ignore_errors=True)
                machine.folder.rename(machine.replaced)
            replacement.rename(machine.folder)
        with suppress(OSError):
            ready.rmdir()  # once the last of them is in its place


def _partial(first: SandboxHost) -> Path:
    """Where replacements are made; by its name nobody else uses it, as the first host is locked."""
    return sandbox_dir() / f".{first.name}.{PARTIAL}"
