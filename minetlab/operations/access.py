"""Operations on who can log into containers."""

from collections.abc import Mapping

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.docker import AccessFiles
from minetlab.operations import observe, specs
from minetlab.operations.commands import Commands
from minetlab.operations.shell import with_input
from minetlab.plan import Container
from minetlab.resources.access import AccessFile, archive, outdated
from minetlab.resources.docker import access_folder
from minetlab.tp.tp_images import UID


@operation()
def keys(lab: str, containers: tuple[Container, ...]) -> Commands:
    """Have the keys on the host that open these containers, and those by which each proves who it is.

    A container that runs takes a change of them at the next login.
    """
    changed = outdated(specs.access(lab, containers), host.get_fact(AccessFiles, lab=lab))
    if not changed:
        host.noop("every container has its keys")
    yield from write_commands(lab, changed, UID)


def write_commands(lab: str, files: Mapping[str, AccessFile], owner: int) -> Commands:
    """Write these files, if any, into the lab's folder of keys.

    :param owner: their numeric user and group.
    """
    if not files:
        return
    folder = QuoteString(access_folder(lab))
    yield from observe.changing(
        [
            # Nobody but root gets that far: the owner's number may be somebody else's on the host.
            StringCommand("mkdir -p", folder, "&& chmod 0700", folder),
            with_input(archive(files, owner), "tar --extract --directory", folder),
        ]
    )
