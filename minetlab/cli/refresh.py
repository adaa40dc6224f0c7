"""``lab up --refresh``: build the lab's images of the mirror's present packages, and say what has changed."""

from pathlib import Path

import typer

from minetlab.inventory.load import load
from minetlab.supply import refresh
from minetlab.supply.lab_images import lab_images


def refresh_images(inventory_file: Path) -> None:
    """Build those images of a lab anew for which Debian's mirror has newer packages.

    :param inventory_file: the inventory of the lab.
    :raises LabError: the mirror does not answer, or an image cannot be built; those before it are refreshed.
    """
    loaded = load(inventory_file)
    for refreshed in refresh.refresh(lab_images(loaded.lab, loaded.hosts), typer.echo):
        name, edition = refreshed.image.name, refreshed.edition
        if edition is None:
            typer.echo(f"{name}: not built yet")
        elif not refreshed.is_new:
            typer.echo(f"{name}: nothing is newer than {edition.title}")
        else:
            typer.echo(f"{name}: built anew of {edition.title}")
            for change in refreshed.changes or ("what it had before is not known here any more",):
                typer.echo(f"    {change}")
