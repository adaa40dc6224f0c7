"""Operations on the keys that let people into containers."""

from collections.abc import Iterator, Mapping

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.access import AccessFiles
from minetlab.operations import observe, specs
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import with_input
from minetlab.plan import Container
from minetlab.resources.access import AccessFile, archive, outdated, sessions_of
from minetlab.resources.docker import access_folder, container_user
from minetlab.tp.tp_images import TP_USER


@lab_operation
def keys(lab: str, containers: tuple[Container, ...]) -> Iterator[PyinfraCommand]:
    """Have the authorized keys and the host key of each container on the host."""
    # A running container need not restart: its sshd reads authorized keys at the next login.
    changed = outdated(specs.access(lab, containers), observe.fact(AccessFiles, lab=lab))
    commands = write_commands(lab, changed)
    yield from observe.changing(commands, otherwise="every container has its keys")


@lab_operation
def end_sessions(containers: tuple[Container, ...]) -> Iterator[PyinfraCommand]:
    """End the SSH sessions in containers, as whoever has logged in by a key stays when it is removed."""
    if not containers:
        host.noop("no key of these containers was replaced")
        return
    # In each container, another account of the host runs everything, its sshd included: that one stays.
    accounts = ",".join(str(container_user(container.ssh_port)) for container in containers)
    sessions = QuoteString(sessions_of([TP_USER]))
    yield StringCommand("pkill --signal KILL --euid", accounts, "--full", sessions, "|| [ $? -eq 1 ]")


def write_commands(lab: str, files: Mapping[str, AccessFile]) -> list[StringCommand]:
    """Return the commands that write files, if there are any, into the lab's folder of keys.

    :param lab: the lab's name.
    :param files: the files by path below that folder.
    :return: the commands.
    """
    if not files:
        return []
    folder = QuoteString(access_folder(lab))
    return [
        # Only root may enter: the owner's number may belong to another account on the host.
        StringCommand("mkdir -p", folder, "&& chmod 0700", folder),
        with_input(archive(files), "tar --extract --directory", folder),
    ]
