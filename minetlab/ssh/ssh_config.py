"""Write a lab's SSH configuration, with an alias for each host, guest and container.

``ssh -F <state>/labs/<lab>/ssh_config minet-alice`` reaches a guest through its host; connections are shared.
Options are those of ssh_config(5): of several values for an option, the first one holds.
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

from minetlab.inventory.hosts import SANDBOX_PREFIX, SSH, InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.plan import Container, Guest
from minetlab.secrets.keys import ADMIN, container_host_key, guest_host_key, lab_key
from minetlab.ssh import host_keys
from minetlab.ssh.host_keys import Endpoint
from minetlab.tp.tp_images import TP_USER
from minetlab.util.errors import LabError
from minetlab.util.files import write_private
from minetlab.util.paths import state_dir
from minetlab.util.process import capture

# A socket's path has at most 108 bytes, with a null byte at the end (unix(7)). To the folder, ssh adds a
# slash, %C (40 digits) and, for a moment, a suffix of 17 bytes.
MAX_SOCKET_FOLDER = 108 - 1 - len("/") - 40 - 17 - 1
# Host data of pyinfra's SSH connector, and OpenSSH's options for the same.
OPTION_OF_HOST_DATA = {
    "ssh_hostname": "HostName",
    "ssh_port": "Port",
    "ssh_user": "User",
    "ssh_key": "IdentityFile",
}
# A lost connection is noticed after a minute, as an emulated machine can be silent for half a minute.
COMMON_OPTIONS = {
    "ConnectTimeout": "60",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "LogLevel": "ERROR",
    "ControlMaster": "auto",
    "ControlPersist": "60",
}
# A machine that is emulated inside an emulated host can be silent for more than a minute, also at first.
SANDBOX_OPTIONS = {"ConnectTimeout": "300", "ServerAliveCountMax": "20"}
CONNECTION_LOST = (
    "the connection was lost: the machine was too slow or silent, or has restarted (ssh ended with 255)"
)
"""The reason to show if ssh fails without a message: its LogLevel hides that the other side has closed."""


@dataclass(frozen=True)
class Block:
    """A ``Host`` section of the configuration.

    :param alias: the machine's name for ssh.
    :param options: options of ssh_config(5) and their values.
    :param include_user_config: take what is not set here from the user's and the system's SSH configuration.
    """

    alias: str
    options: Mapping[str, str]
    include_user_config: bool = False


def alias_of(host: str) -> str:
    """Return a host's name on the command line: its name in the inventory without pyinfra's connector.

    :param host: the name in the inventory.
    :return: the alias in the SSH configuration.

    >>> alias_of("@sandbox/hv1")
    'hv1'
    """
    return host.removeprefix(SANDBOX_PREFIX).removeprefix(SSH)


def ssh_command(config: Path, alias: str, line: str) -> list[str]:
    """Return the ssh command that has a machine's shell run a line, and never asks for a password."""
    return ["ssh", "-F", str(config), "-o", "BatchMode=yes", "--", alias, line]


def config_path(lab: str) -> Path:
    """Return the path of a lab's SSH configuration."""
    return state_dir() / "labs" / lab / "ssh_config"


def write_config(loaded: LoadedLab) -> Path:
    """Write the SSH configuration of a lab, with mode 0600.

    A sandbox host that does not run has no address, so it and its machines are left out.

    :param loaded: the lab.
    :return: the configuration's path.
    :raises LabError: a host has a connector other than SSH, a value cannot be written in an SSH
        configuration, or a file cannot be written.
    """
    lab = loaded.lab.name
    path = config_path(lab)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    known_hosts = path.with_name("known_hosts")
    key, known_real_hosts = lab_key(lab).private, write_host_keys(loaded)
    with ThreadPoolExecutor() as workers:  # suspended sandbox hosts resume in parallel
        found = workers.map(lambda host: host_block(host, known_real_hosts), loaded.hosts)
        blocks = [block for block in found if block is not None]
    aliases = {block.alias for block in blocks}
    machines = [machine for machine in loaded.plan.machines if alias_of(machine.host) in aliases]
    blocks += [student_machine_block(machine, key, known_hosts) for machine in machines]
    write_private(known_hosts, "".join(_known_host(lab, machine) for machine in machines))
    write_private(path, render(blocks, _socket_folder(path.parent)))
    return path


def end_shared_connections(lab: str, machines: Iterable[str]) -> None:
    """End the shared connections to machines that were reverted or replaced.

    A guest that has gone back to a snapshot does not know these connections: a command that used one would
    wait until ssh gives it up.

    :param lab: the lab's name.
    :param machines: aliases in its SSH configuration; those without a shared connection are passed over.
    """
    config = config_path(lab)
    if not config.exists():
        return
    for machine in machines:
        with suppress(TimeoutError):
            capture(["ssh", "-F", str(config), "-O", "exit", "--", machine], limit=60)


def render(blocks: Iterable[Block], sockets: Path) -> str:
    """Return the text of an SSH configuration.

    :param blocks: its sections.
    :param sockets: the folder for the shared connections' sockets.
    :return: the text.
    :raises LabError: a value cannot be written in an SSH configuration.
    """
    lines = ["# Written by minet-lab at each use: changes are lost."]
    for block in blocks:
        lines += ["", f"Host {block.alias}"]
        options = {**COMMON_OPTIONS, **block.options, "ControlPath": f"{_file(sockets)}/%C"}
        lines += [f"    {option} {config_word(option, value)}" for option, value in options.items()]
        if block.include_user_config:
            # With -F, ssh does not read these files by itself.
            lines += ["    Include ~/.ssh/config", "    Include /etc/ssh/ssh_config"]
    return "\n".join(lines) + "\n"


def has_address(host: InventoryHost) -> bool:
    """Tell whether a host can be reached: a sandbox host that does not run has no address."""
    return host_block(host, Path(os.devnull)) is not None


def host_block(host: InventoryHost, known_real_hosts: Path) -> Block | None:
    """Return the section for a host, which is reached as pyinfra reaches it.

    :param host: a host of the inventory.
    :param known_real_hosts: the file of :func:`write_host_keys`.
    :return: its section; None for a sandbox host that does not run.
    :raises LabError: the host has a connector other than SSH.
    """
    if host.name.startswith(SANDBOX_PREFIX):
        return _sandbox_block(alias_of(host.name))
    if host.name.startswith("@") and not host.name.startswith(SSH):
        raise LabError(
            f"{host.name}: hosts are reached over SSH, and this connector does not use it",
            next_step="name the host as SSH knows it, in the inventory",
        )
    options = _options(host)
    if "IdentityFile" in options:
        options["IdentitiesOnly"] = "yes"
    # What this machine's own files know of the host is in this one.
    options["UserKnownHostsFile"] = _file(known_real_hosts)
    options["GlobalKnownHostsFile"] = os.devnull
    options["StrictHostKeyChecking"] = "yes"
    return Block(alias_of(host.name), options, include_user_config=True)


def endpoint(host: InventoryHost) -> Endpoint:
    """Return where a real host's sshd answers, and where its keys are pinned.

    :param host: a host for which :attr:`~minetlab.inventory.hosts.InventoryHost.is_real` holds.
    :return: where it answers.
    :raises LabError: ssh cannot read its configuration, or a value cannot be written in one.
    """
    pin_file = host.data.get("ssh_known_hosts_file")
    words = {option: config_word(option, value) for option, value in _options(host).items()}
    return host_keys.endpoint(
        alias_of(host.name), words, Path(str(pin_file)).expanduser() if pin_file else None
    )


def write_host_keys(loaded: LoadedLab) -> Path:
    """Write a known_hosts file with the keys by which a lab's real hosts are believed, and no others.

    :param loaded: the lab.
    :return: the file's path.
    :raises LabError: ssh cannot read its configuration, a value cannot be written in one, or the file cannot
        be written.
    """
    path = config_path(loaded.lab.name).with_name("host_keys")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor() as workers:
        real_hosts = [host for host in loaded.hosts if host.is_real]
        # A thread for each host: to look its keys up takes several programs.
        lines = workers.map(lambda host: host_keys.known_hosts([endpoint(host)]), real_hosts)
        write_private(path, "".join(lines))
    return path


def _options(host: InventoryHost) -> dict[str, str]:
    """Return the options of ssh_config(5) that the inventory sets for a real host."""
    options = {}
    for key, option in OPTION_OF_HOST_DATA.items():
        value = host.data.get(key)
        if value is not None:
            options[option] = _file(value) if option == "IdentityFile" else str(value)
    return options


def student_machine_block(machine: Guest | Container, key: Path, known_hosts: Path) -> Block:
    """Return the section for a guest or a container, which is reached through its host.

    :param machine: the guest or container.
    :param key: the lab's private key, for the lab's account on a guest and the student's in a container.
    :param known_hosts: the file with the machines' host keys.
    :return: its section.
    """
    if isinstance(machine, Guest):
        account = {"HostName": str(machine.address.ip), "User": ADMIN}
    else:
        account = {"HostName": "127.0.0.1", "Port": str(machine.ssh_port), "User": TP_USER}
    options = {
        **account,
        "IdentityFile": _file(key),
        "IdentitiesOnly": "yes",
        "ProxyJump": alias_of(machine.host),
        # known_hosts has names, as an address may have belonged to another machine.
        "HostKeyAlias": machine.name,
        "UserKnownHostsFile": _file(known_hosts),
        "StrictHostKeyChecking": "yes",
        **(SANDBOX_OPTIONS if machine.host.startswith(SANDBOX_PREFIX) else {}),
    }
    return Block(machine.name, options)


def _known_host(lab: str, machine: Guest | Container) -> str:
    host_key = guest_host_key if isinstance(machine, Guest) else container_host_key
    key_type, key = host_key(lab, machine.name).public.split()[:2]
    return f"{machine.name} {key_type} {key}\n"


def _sandbox_block(name: str) -> Block | None:
    from minetlab import sandbox  # noqa: PLC0415 (real hosts do not need it)

    try:
        connection = sandbox.connection(name)
    except LabError:
        return None
    return Block(
        name,
        {
            "HostName": connection.hostname,
            "Port": str(connection.port),
            "User": connection.user,
            "IdentityFile": _file(connection.key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": _file(connection.known_hosts),
            "StrictHostKeyChecking": "yes",
            **SANDBOX_OPTIONS,
        },
    )


def _file(path: Path | str) -> str:
    """Return a path with ssh's escape character escaped."""
    return str(path).replace("%", "%%")


def config_word(option: str, value: str) -> str:
    """Return a value as one word of an SSH configuration, with quotes if it needs them.

    :param option: the option's name, for the error.
    :param value: the option's value.
    :return: the word.
    :raises LabError: the value has a quote or a line break, which the configuration cannot hold.
    """
    if '"' in value or "\n" in value:
        raise LabError(
            f"{option} {value!r} cannot be written in an SSH configuration",
            next_step="use a name without quotes and line breaks",
        )
    return f'"{value}"' if " " in value else value


def _socket_folder(lab_folder: Path) -> Path:
    """Return a folder of this user with a path short enough for sockets, in the lab's folder if possible."""
    preferred = lab_folder / "ssh"
    if len(os.fsencode(preferred)) <= MAX_SOCKET_FOLDER:
        preferred.mkdir(exist_ok=True, mode=0o700)
        return preferred
    digest = sha256(os.fsencode(lab_folder)).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"minet-lab-{os.getuid()}-{digest}"
    folder.mkdir(exist_ok=True, mode=0o700)
    status = folder.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode) or status.st_mode & 0o077:
        raise LabError(f"{folder} is not this user's own folder", next_step=f"remove {folder}")
    return folder
