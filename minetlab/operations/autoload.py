"""Operations on the modules that a container host's kernel loads on demand."""

from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, StringCommand

from minetlab.facts.autoload import Autoload
from minetlab.operations import observe
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import RELOAD_UNITS, all_of, install_units
from minetlab.resources.autoload import LOADER, NEEDED, UNIT, UNIT_FILE, AutoloadObserved
from minetlab.util.render import render


@lab_operation
def modules(*, on_demand: bool) -> Iterator[PyinfraCommand]:
    """Have the host's kernel load modules on demand, or only those that a lab needs, now and at boot.

    :param on_demand: whether it loads whatever a program asks for; if not, only what a lab needs.
    :yields: the commands.
    """
    observed = observe.fact(Autoload)
    commands = removal(observed) if on_demand else _setup(observed)
    yield from observe.changing(commands, otherwise="the kernel loads modules as the settings say")


def removal(observed: AutoloadObserved) -> list[StringCommand]:
    """Return the commands after which the kernel loads modules on demand again."""
    if not (observed.unit or observed.enabled):
        return []
    stop = StringCommand(f"systemctl disable --quiet --now {UNIT}")
    return [all_of(stop, StringCommand(f"rm -f {UNIT_FILE}"), RELOAD_UNITS)]


def _setup(observed: AutoloadObserved) -> list[StringCommand]:
    content = render("docker/modules.service.j2", modules=NEEDED, loader=LOADER)
    commands = []
    if observed.unit != content:
        commands.append(install_units({UNIT_FILE: content}))
    if not observed.enabled:
        commands.append(StringCommand(f"systemctl enable --quiet {UNIT}"))
    if commands or observed.loader:
        commands.append(StringCommand(f"systemctl restart {UNIT}"))
    return commands
