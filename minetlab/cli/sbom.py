"""``lab sbom``: write which packages are in the images of a lab."""

from pathlib import Path

import typer

from minetlab.cli.options import lab_command
from minetlab.images.cache import recorded_sha256
from minetlab.inventory.load import load
from minetlab.supply.lab_images import lab_images
from minetlab.supply.sbom import sbom
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_error
from minetlab.util.names import named


def write(inventory_file: Path, folder: Path) -> None:
    """Write the bill of materials of each image that is built for a lab.

    :param inventory_file: the inventory of the lab.
    :param folder: the folder for the files, ``NAME.cdx.json``; those that are there are replaced.
    :raises LabError: the cache lacks an image, or a file cannot be written.
    """
    loaded = load(inventory_file)
    images = lab_images(loaded.lab, loaded.hosts)
    manifests = {image: image.manifest for image in images}
    if missing := [image.name for image, manifest in manifests.items() if manifest is None]:
        raise LabError(
            f"this machine does not have these images: {named(missing)}",
            next_step=f"build them: {lab_command(inventory_file, 'up')} --refresh",
        )
    make_folder(folder)
    for image, manifest in manifests.items():
        if manifest:
            file = folder / f"{image.name}.cdx.json"
            try:
                file.write_text(sbom(manifest, recorded_sha256(image.file), is_disk=image.is_disk))
            except OSError as error:
                raise write_error(file, error) from error
            typer.echo(f"{file}: {len(manifest.packages)} packages of {manifest.edition.title}")
