"""Replace the folders of sandbox hosts with saved ones: of all hosts or of none, even if the run is killed.

The replacements are made in one hidden folder beside the hosts' folders. Renaming that folder to its final
name commits them. If the run is killed after that, the next run that needs one of the hosts first moves the
host's new folder into place.
"""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from minetlab.sandbox.machine import SandboxHost, sandbox_dir
from minetlab.util.files import scratch_folder, scratch_of

READY_FOLDER = "replacements"


def all_at_once(machines: Sequence[SandboxHost], make: Callable[[SandboxHost, Path], None]) -> None:
    """Replace the folders of hosts.

    :param machines: the hosts; none of them runs, and the caller has locked them.
    :param make: called with a host and a path; makes the host's new folder at that path.
    """
    with scratch_folder(_replacements(machines[0])) as partial:
        for machine in machines:
            make(machine, partial / machine.name)
        partial.rename(partial.with_name(f".{machines[0].name}.{token_hex(4)}.{READY_FOLDER}"))
    for machine in machines:
        _put_in_place(machine)
    for machine in machines:
        finish(machine)


def pending_hosts() -> set[str]:
    """Return the names of hosts whose new folders a killed run did not put in place."""
    return {folder.name for folder in sandbox_dir().glob(f".*.{READY_FOLDER}/*")}


def finish(machine: SandboxHost) -> None:
    """Put a host's new folder in place if one is ready, and delete what killed runs have left."""
    _put_in_place(machine)
    for leftover in (machine.replaced, scratch_of(_replacements(machine))):
        shutil.rmtree(leftover, ignore_errors=True)


def _put_in_place(machine: SandboxHost) -> None:
    for ready in sandbox_dir().glob(f".*.{READY_FOLDER}"):
        if (replacement := ready / machine.name).exists():
            if machine.folder.exists():
                shutil.rmtree(machine.replaced, ignore_errors=True)
                machine.folder.rename(machine.replaced)
            replacement.rename(machine.folder)
        with suppress(OSError):
            ready.rmdir()  # succeeds once the last host's folder is in place


def _replacements(first: SandboxHost) -> Path:
    # Named after the first host, which this run has locked: no other run uses the same folder.
    return sandbox_dir() / f"{first.name}.{READY_FOLDER}"
