"""The checkpoint that ``lab up`` leaves of a lab that it has made from nothing, and comes back to.

It holds machines that nobody has worked on yet, and is used while the lab is made of the same. Hosts that are
there, running or not, are never replaced by it.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import typer

from minetlab.cli.sandbox import checkpoints_of, hosts_of, progress_of
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import load
from minetlab.sandbox import checkpoint, list_hosts
from minetlab.sandbox.checkpoint import Checkpoint, UnusableCheckpointError
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, state_dir

NAME = "lab-up"
CODE = ("deploys", "minetlab", "templates", "tp")
"""Folders of the project that decide what a deploy makes of an inventory."""


def is_absent(inventory_file: Path) -> bool:
    """Whether all of the lab's hosts are virtual, and none of them is there."""
    named = [host.name for host in load(inventory_file).hosts]
    virtual = hosts_of(inventory_file)
    return len(named) == len(virtual) and not set(virtual) & {host.name for host in list_hosts()}


def come_back(inventory_file: Path) -> bool:
    """Restore the checkpoint if it is of the lab as it is now; whether it was.

    One that cannot be used is named, and removed. Where anything else fails, such as room, it is kept.
    """
    saved = _checkpoint(inventory_file)
    if (manifest := saved.manifest) is None or manifest.made_of != made_of(inventory_file):
        return False
    try:
        checkpoint.restore(saved, hosts_of(inventory_file), progress_of)
    except LabError as error:
        typer.echo(f"{error.problem}; the hosts are made anew", err=True)
        if isinstance(error, UnusableCheckpointError):
            checkpoint.remove(saved)
        return False
    return True


def keep(inventory_file: Path) -> None:
    """Save the lab, which is up, in place of what was saved before; where that fails, say why and go on."""
    saved = _checkpoint(inventory_file)
    try:
        if saved.folder.exists():
            checkpoint.remove(saved)
        checkpoint.save(saved, hosts_of(inventory_file), progress_of, made_of(inventory_file))
    except LabError as error:
        typer.echo(f"the next lab up has to boot again: {error}", err=True)


def made_of(inventory_file: Path) -> str:
    """A hash of all that the lab is made of: settings, roster, plan, code, templates, TPs and keys."""
    loaded = load(inventory_file)
    digest = hashlib.sha256()
    # Of the allocation file, what counts is in the plan: lab down forgets in it who has left.
    settings = loaded.lab.model_dump_json(exclude={"allocation"})
    for part in (settings, repr(loaded.plan), *map(_data, loaded.hosts)):
        digest.update(part.encode() + b"\0")
    for file in _files(loaded.lab.name):
        digest.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _data(host: InventoryHost) -> str:
    return json.dumps([host.name, host.groups, host.data], sort_keys=True, default=str)


def _files(lab: str) -> Iterator[Path]:
    state = state_dir() / "labs" / lab
    folders = [*(PROJECT_ROOT / name for name in CODE), state / "keys", state / "passwords"]
    yield PROJECT_ROOT / "requirements.lock"
    for folder in folders:
        yield from sorted(
            file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
        )


def _checkpoint(inventory_file: Path) -> Checkpoint:
    return Checkpoint(checkpoints_of(inventory_file) / NAME)
