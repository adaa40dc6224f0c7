"""SSH to everything of a lab: an OpenSSH client configuration with one alias a host, guest and container.

``ssh -F <state>/labs/<lab>/ssh_config minet-alice`` reaches a guest through its host; connections are shared.
Options are those of ssh_config(5), where the first value that is found for an option holds.
"""

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.plan import Container, Guest
from minetlab.secrets.keys import ADMIN, KeyPair, container_host_key, guest_host_key, lab_key
from minetlab.tp.tp_images import USER as TP_USER
from minetlab.util.errors import LabError
from minetlab.util.files import write_private
from minetlab.util.paths import state_dir
from minetlab.util.process import capture

SANDBOX = "@sandbox/"
SSH = "@ssh/"
# sun_path is 108 bytes (unix(7)); ssh adds %C (40 digits) and, for a moment, a suffix of 17 bytes.
MAX_SOCKET_FOLDER = 108 - 1 - len("/") - 40 - 17 - 1
# pyinfra's host data for its SSH connector, and what OpenSSH calls the same.
FROM_HOST_DATA = {
    "ssh_hostname": "HostName",
    "ssh_port": "Port",
    "ssh_user": "User",
    "ssh_key": "IdentityFile",
    "ssh_known_hosts_file": "UserKnownHostsFile",
}
FILES = frozenset({"IdentityFile", "UserKnownHostsFile"})
# A connection that is lost is noticed after a minute: an emulated machine can be silent for half of that.
FOR_ALL = {
    "ConnectTimeout": "60",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "LogLevel": "ERROR",
    "ControlMaster": "auto",
    "ControlPersist": "60",
}
# What is emulated inside an emulated host can be silent for more than a minute, also before its first word.
FOR_SANDBOX = {"ConnectTimeout": "300", "ServerAliveCountMax": "20"}
LOST = "the connection was lost: the machine was silent, or has restarted (ssh ended with 255)"
"""What it means that ssh has failed and says nothing, as it does where ServerAliveCountMax is reached."""


@dataclass(frozen=True)
class Block:
    """One ``Host`` of the configuration.

    :param own_configuration: take what is not set here from the user's and the system's SSH configuration.
    """

    alias: str
    options: Mapping[str, str]
    own_configuration: bool = False


def alias_of(host: str) -> str:
    """What a host is called on the command line: the inventory's name without pyinfra's connector.

    >>> alias_of("@sandbox/hv1")
    'hv1'
    """
    return host.removeprefix(SANDBOX).removeprefix(SSH)


def ssh_command(config: Path, alias: str, line: str) -> list[str]:
    """The ssh that has a shell on a machine run a line, and asks for nothing."""
    return ["ssh", "-F", str(config), "-o", "BatchMode=yes", "--", alias, line]


def config_path(lab: str) -> Path:
    """Where the lab's SSH configuration is."""
    return state_dir() / "labs" / lab / "ssh_config"


def write_config(loaded: LoadedLab) -> Path:
    """Write the SSH configuration of a lab, mode 0600, in one step; returns its path.

    A sandbox host that does not run has no address, so it and its guests are left out.

    :raises LabError: for a host that cannot be reached over SSH.
    """
    lab, plan = loaded.lab, loaded.plan
    path = config_path(lab.name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known_hosts = path.with_name("known_hosts")
    key = lab_key(lab.name).private
    with ThreadPoolExecutor() as workers:  # suspended hosts go on side by side
        blocks = [block for block in workers.map(host_block, loaded.hosts) if block is not None]
    aliases = {block.alias for block in blocks}
    guests = [guest for guest in plan.guests if alias_of(guest.host) in aliases]
    containers = [container for container in plan.containers if alias_of(container.host) in aliases]
    blocks += [inner_block(guest, key, known_hosts) for guest in guests]
    blocks += [inner_block(container, key, known_hosts) for container in containers]
    write_private(
        known_hosts,
        "".join(_known_host(guest.name, guest_host_key(lab.name, guest.name)) for guest in guests)
        + "".join(_known_host(each.name, container_host_key(lab.name, each.name)) for each in containers),
    )
    write_private(path, render(blocks, _socket_folder(path.parent)))
    return path


def end_shared_connections(lab: str, machines: Iterable[str]) -> None:
    """End the shared connections to machines that are not what they were.

    A guest that has gone back to a snapshot knows nothing of them: whoever used one would wait until
    ssh gives it up.

    :param machines: their aliases; one without a shared connection is passed over.
    """
    config = config_path(lab)
    if not config.exists():
        return
    for machine in machines:
        with suppress(TimeoutError):
            capture(["ssh", "-F", str(config), "-O", "exit", "--", machine], limit=60)


def render(blocks: Iterable[Block], sockets: Path) -> str:
    """The configuration's text.

    :param sockets: folder of the shared connections' sockets.
    """
    lines = ["# Written by minet-lab at each use: changes are lost."]
    for block in blocks:
        lines += ["", f"Host {block.alias}"]
        options = {**FOR_ALL, **block.options, "ControlPath": f"{_file(sockets)}/%C"}
        lines += [f"    {option} {word(option, value)}" for option, value in options.items()]
        if block.own_configuration:
            # With -F, ssh reads neither of them by itself.
            lines += ["    Include ~/.ssh/config", "    Include /etc/ssh/ssh_config"]
    return "\n".join(lines) + "\n"


def host_block(host: InventoryHost) -> Block | None:
    """How a host is reached: as pyinfra reaches it; None for a sandbox host that does not run."""
    if host.name.startswith(SANDBOX):
        return _sandbox_block(alias_of(host.name))
    if host.name.startswith("@") and not host.name.startswith(SSH):
        raise LabError(
            f"{host.name}: verification reaches hosts over SSH, and this connector is another",
            next_step="name the host as SSH knows it, in the inventory",
        )
    given = {
        option: _file(host.data[key]) if option in FILES else str(host.data[key])
        for key, option in FROM_HOST_DATA.items()
        if host.data.get(key) is not None
    }
    if "IdentityFile" in given:
        given["IdentitiesOnly"] = "yes"
    # pyinfra's own default: the first deploy has put the host's key where ssh looks for it.
    given["StrictHostKeyChecking"] = str(host.data.get("ssh_strict_host_key_checking") or "accept-new")
    return Block(alias_of(host.name), given, own_configuration=True)


def inner_block(machine: Guest | Container, key: Path, known_hosts: Path) -> Block:
    """How a guest or a container is reached: through its host, with the lab's own key.

    :param key: private key; it opens the lab's account on a guest, and the student's in a container.
    """
    where = (
        {"HostName": str(machine.address.ip), "User": ADMIN}
        if isinstance(machine, Guest)
        else {"HostName": "127.0.0.1", "Port": str(machine.ssh_port), "User": TP_USER}
    )
    options = {
        **where,
        "IdentityFile": _file(key),
        "IdentitiesOnly": "yes",
        "ProxyJump": alias_of(machine.host),
        # Its key is known by its name: its address may have belonged to another one.
        "HostKeyAlias": machine.name,
        "UserKnownHostsFile": _file(known_hosts),
        "StrictHostKeyChecking": "yes",
        **(FOR_SANDBOX if machine.host.startswith(SANDBOX) else {}),
    }
    return Block(machine.name, options)


def _known_host(name: str, host_key: KeyPair) -> str:
    key_type, key = host_key.public.split()[:2]
    return f"{name} {key_type} {key}\n"


def _sandbox_block(name: str) -> Block | None:
    from minetlab import sandbox  # noqa: PLC0415 (real hosts need none of it)

    try:
        reached = sandbox.connection(name)
    except LabError:
        return None
    return Block(
        name,
        {
            "HostName": reached.hostname,
            "Port": str(reached.port),
            "User": reached.user,
            "IdentityFile": _file(reached.key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": _file(reached.known_hosts),
            "StrictHostKeyChecking": "yes",
            **FOR_SANDBOX,
        },
    )


def _file(path: Path | str) -> str:
    """A path with ssh's escape character escaped."""
    return str(path).replace("%", "%%")


def word(option: str, value: str) -> str:
    """A value as one word of the configuration, quoted where it has to be.

    :raises LabError: it cannot be written there, whatever the quotes.
    """
    if '"' in value or "\n" in value:
        raise LabError(
            f"{option} {value!r} cannot be written in an SSH configuration",
            next_step="use a name without quotes and line breaks",
        )
    return f'"{value}"' if " " in value else value


def _socket_folder(lab_folder: Path) -> Path:
    """A folder of this user alone, its path short enough for sockets: in the state folder if it is."""
    preferred = lab_folder / "ssh"
    if len(os.fsencode(preferred)) <= MAX_SOCKET_FOLDER:
        preferred.mkdir(exist_ok=True, mode=0o700)
        return preferred
    short = sha256(os.fsencode(lab_folder)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"minet-lab-{os.getuid()}-{short}"
    folder.mkdir(exist_ok=True, mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise LabError(f"{folder} is not this user's own folder", next_step=f"remove {folder}")
    return folder
