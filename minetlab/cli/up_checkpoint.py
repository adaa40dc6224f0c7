"""The checkpoint that ``lab up`` saves when it has made a sandbox lab anew, and restores the next time.

It holds machines that nobody has worked on yet. It is used only as long as everything that the lab is made of
stays the same, and only if none of the lab's hosts exists.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from minetlab.cli.sandbox import checkpoints_of, hosts_of, progress_of
from minetlab.images.editions import known_edition
from minetlab.inventory.load import load
from minetlab.sandbox import checkpoint, list_hosts
from minetlab.sandbox.checkpoint import Checkpoint, UnusableCheckpointError
from minetlab.supply.lab_images import lab_images
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, state_dir

NAME = "lab-up"
CODE = ("deploys", "minetlab", "templates", "tp")
"""Folders of the project that decide what a deploy makes of an inventory."""


def is_absent(inventory_file: Path) -> bool:
    """Return whether all of the lab's hosts are sandbox hosts, and none of them exists."""
    hosts = load(inventory_file).hosts
    sandbox_hosts = hosts_of(inventory_file)
    existing = {host.name for host in list_hosts()}
    return len(hosts) == len(sandbox_hosts) and existing.isdisjoint(sandbox_hosts)


def come_back(inventory_file: Path) -> bool:
    """Restore the checkpoint, if everything that the lab is made of is still the same.

    If that fails, the reason is shown. A checkpoint that cannot be used is removed; after another error, such
    as a full disk, it is kept.

    :param inventory_file: the inventory of the lab.
    :return: whether the hosts were restored.
    """
    saved = Checkpoint(checkpoints_of(inventory_file) / NAME)
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
    """Replace the checkpoint by the lab as it runs now; if that fails, only show why."""
    saved = Checkpoint(checkpoints_of(inventory_file) / NAME)
    try:
        if saved.folder.exists():
            checkpoint.remove(saved)
        checkpoint.save(saved, hosts_of(inventory_file), progress_of, made_of(inventory_file))
    except LabError as error:
        typer.echo(f"no checkpoint was saved, so the next lab up has to boot again: {error}", err=True)


def made_of(inventory_file: Path) -> str:
    """Return a hash of all that a lab is made of: settings, plan, code, templates, TPs, images, secrets."""
    loaded = load(inventory_file)
    digest = hashlib.sha256()
    # Without the allocation file, from which lab down removes former students: the plan has what counts.
    settings = loaded.lab.model_dump_json(exclude={"allocation"})
    hosts = json.dumps([asdict(host) for host in loaded.hosts], sort_keys=True, default=str)
    editions = [known_edition(image.recipe) for image in lab_images(loaded.lab, loaded.hosts)]
    images = repr([known.edition.id for known in editions if known])
    for part in (settings, repr(loaded.plan), hosts, images):
        digest.update(part.encode() + b"\0")
    for file in _files(loaded.lab.name):
        digest.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(lab: str) -> Iterator[Path]:
    state = state_dir() / "labs" / lab
    folders = [*(PROJECT_ROOT / name for name in CODE), state / "keys", state / "passwords"]
    yield PROJECT_ROOT / "requirements.lock"
    for folder in folders:
        yield from sorted(
            file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts
        )
