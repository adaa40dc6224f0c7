"""Operations on the slices of a lab's containers, and of Docker's daemons."""

from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand

from minetlab.facts.slices import DaemonSlice, SliceLimits
from minetlab.lab import ContainerHostSettings
from minetlab.operations import observe
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import RELOAD_UNITS, all_of, install_units
from minetlab.resources.docker import homes_folder
from minetlab.resources.slices import (
    DAEMON_SLICE,
    DAEMON_WEIGHT,
    daemon_files,
    lab_slice,
    limits,
    limits_file,
    weight_file,
)
from minetlab.util.render import render


@lab_operation
def limit(lab: str, settings: ContainerHostSettings) -> Iterator[PyinfraCommand]:
    """Have the slices of containers limited as the settings say; those that run are limited at once."""
    limits_of_each = limits(settings.container)
    files = {
        weight_file(lab): render("docker/lab-slice.conf.j2", lab=lab, weight=settings.cpu_weight),
        limits_file(lab): render(
            "docker/container-slice.conf.j2", lab=lab, homes=homes_folder(lab), limits=limits_of_each
        ),
    }
    commands = []
    if observe.fact(SliceLimits, lab=lab) != "".join(files.values()):
        commands.append(install_units(files))
    yield from observe.changing(commands, otherwise="the slices of containers have their limits")


def hold_back_daemons() -> Iterator[StringCommand]:
    """Have Docker's daemons, once they are started anew, get less of the processors than containers do."""
    texts = daemon_texts()
    if observe.fact(DaemonSlice) != "".join(texts.values()):
        yield install_units(texts)


def daemon_texts() -> dict[str, str]:
    """Return the content of each file by which Docker's daemons are in their slice, by the file's path."""
    return {
        file: render(template, slice=DAEMON_SLICE, weight=DAEMON_WEIGHT)
        for file, template in daemon_files().items()
    }


def removal(lab: str) -> StringCommand:
    """Return a command that removes the slices of a lab, of which no container is left, and their limits."""
    folders = [QuoteString(file.rpartition("/")[0]) for file in (weight_file(lab), limits_file(lab))]
    return all_of(
        StringCommand("systemctl stop", QuoteString(lab_slice(lab))),
        StringCommand("rm -rf", *folders),
        RELOAD_UNITS,
    )
