"""Boot native hosts for the time of a block: ``with native_hosts(2, print) as hosts``."""

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.native import keeper
from benchmarks.native.machine import USER, NativeMachine
from benchmarks.native.root import native_root
from minetlab.secrets import keys
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder, write_private
from minetlab.util.paths import PROJECT_ROOT, state_dir
from minetlab.util.process import run, tail
from minetlab.util.progress import Heartbeat, Progress

BOOT_LIMIT = 180.0
"""The seconds that all hosts may take to boot; a single one takes three."""
REMOVE_LIMIT = 900.0
"""The seconds that removing the hosts may take: their files are deleted, on a disk that may be busy."""
MOST = 200
"""How many hosts one network has addresses for."""
_NETWORKS = range(256)
_PROGRAMS = {"systemd-nspawn": "systemd-container", "ip": "iproute2", "ssh": "openssh-client"}


@dataclass(frozen=True)
class NativeHost:
    """A native host that runs.

    :param name: the name of the host, which is also its alias in ``ssh_config``.
    :param address: its IPv4 address, which can be reached from this machine only.
    :param ssh_config: the SSH configuration with which it is reached as root.
    :param folder: the folder with its own files; those that it has written are in ``upper``.
    """

    name: str
    address: str
    ssh_config: Path
    folder: Path

    @property
    def has_ended(self) -> bool:
        """Whether it has powered off or died."""
        return (self.folder / "ended").exists()

    def command(self, command: str) -> list[str]:
        """Return the words of the command that runs a shell command on the host, as root."""
        return ["ssh", "-F", str(self.ssh_config), self.name, command]

    def run(self, command: str, *, limit: float = 120, stdin: str | None = None) -> str:
        """Run a shell command on the host.

        :param command: the command.
        :param limit: the seconds that it may take.
        :param stdin: its standard input; None: that of this process.
        :return: its standard output.
        :raises LabError: it failed, or took too long.
        """
        try:
            ssh = subprocess.run(
                self.command(command), input=stdin, capture_output=True, text=True, timeout=limit, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise LabError(
                f"{self.name}: {command} did not end within {limit:.0f} s", next_step="see what it waits for"
            ) from error
        if ssh.returncode:
            raise LabError(
                f"{self.name}: {command} failed with status {ssh.returncode}: {ssh.stderr.strip()}",
                next_step=f"see its console: {self.folder}/console",
            )
        return ssh.stdout


class NativeHosts(Sequence[NativeHost]):
    """A sequence of native hosts that run, on a network of their own.

    :param folder: the folder with all their files.
    :param hosts: the hosts.
    """

    def __init__(self, folder: Path, hosts: Iterable[NativeHost]) -> None:
        self.folder = folder
        self._hosts = tuple(hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204 (one or a slice)
        return self._hosts[index]

    def only(self, *hosts: NativeHost) -> "NativeHosts":
        """Return a sequence of some of the hosts, with the same folder."""
        return NativeHosts(self.folder, hosts)

    @property
    def key(self) -> Path:
        """The private key that opens root's account on all of them."""
        return self.folder / "key"

    @property
    def known_hosts(self) -> Path:
        """The file with the host keys of all of them."""
        return self.folder / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """The SSH configuration that reaches them by name, without the user's own configuration."""
        return self.folder / "ssh_config"


@contextmanager
def native_hosts(count: int, progress: Progress, packages: Iterable[str] = ()) -> Iterator[NativeHosts]:
    """Boot native hosts with sshd, libvirtd and dockerd, and remove everything of them when the block ends.

    :param count: how many hosts to boot.
    :param progress: called with each line that says what is done.
    :param packages: Debian packages that they have beside those of KVM hosts and container hosts.
    :yields: the hosts.
    :raises LabError: this user is not root, a program is missing, or a host does not come up.
    """
    _require(count)
    root = native_root(packages, progress)
    _remove_abandoned()
    claim, number = _claim_network()
    folder = _folder() / str(number)
    with claim, _keeper(number, folder, claim, progress) as running_keeper:
        hosts, machines = _prepare(count, number, folder, root)
        running_keeper.boot(machines)
        _wait(hosts, running_keeper, progress)
        yield hosts


def _require(count: int) -> None:
    if not 1 <= count <= MOST:
        raise LabError(f"{count} native hosts: cannot be", next_step=f"ask for 1 to {MOST}")
    if os.geteuid() != 0:
        raise LabError("native hosts (systemd-nspawn) need root", next_step="run the same command as root")
    missing = {package for program, package in _PROGRAMS.items() if not shutil.which(program)}
    if missing:
        raise LabError(
            f"native hosts need Debian packages that are missing: {', '.join(sorted(missing))}",
            next_step=f"apt-get install {' '.join(sorted(missing))}",
        )
    try:
        keeper.control_groups()
    except StopIteration:
        raise LabError(
            "native hosts need control groups of version 2, which this machine has nowhere mounted",
            next_step="boot it with systemd.unified_cgroup_hierarchy=1, or mount cgroup2",
        ) from None


def _folder() -> Path:
    folder = state_dir() / "native"
    make_folder(folder, private=True)
    return folder


def _claim_network() -> tuple[socket.socket, int]:
    """Claim a free number for a network, an interface and a control group of this machine.

    :return: a socket and the number. The claim lasts as long as the socket, or a copy that a child process
        has inherited, is open.
    :raises LabError: all numbers are in use.
    """
    for number in _NETWORKS:
        if claim := _claim(number):
            return claim, number
    raise LabError(f"{len(_NETWORKS)} sets of native hosts stand already", next_step="end some")


def _remove_abandoned() -> None:
    """Remove everything of hosts whose keeper was killed."""
    for number in _NETWORKS:
        if (_folder() / str(number)).exists() and (claim := _claim(number)):
            claim.close()


def _claim(number: int) -> socket.socket | None:
    """Claim a number, and remove everything of earlier hosts with it; return None if it is in use."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0minet-lab-native-{number}")
    except OSError:
        claim.close()
        return None
    keeper.remove(str(number), _bridge(number), _folder() / str(number))
    return claim


def _bridge(number: int) -> str:
    return f"native{number}"


@dataclass(frozen=True)
class _Keeper:
    """The running keeper of a set of hosts.

    :param process: its process.
    :param output: a file with its output, which is empty unless something is wrong.
    """

    process: "subprocess.Popen[bytes]"
    output: IO[bytes]

    def boot(self, machines: Iterable[NativeMachine]) -> None:
        """Tell the keeper to boot these machines."""
        assert self.process.stdin is not None
        line = json.dumps([machine.as_dict() for machine in machines])
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def check(self) -> None:
        """Check that the keeper still runs.

        :raises LabError: it has ended.
        """
        if self.process.poll() is not None:
            self.output.seek(0)
            raise LabError(
                f"native hosts: their keeper process ended:\n{self.output.read().decode().strip()}",
                next_step="correct what it complains of, and run the same command again",
            )


@contextmanager
def _keeper(number: int, folder: Path, claim: socket.socket, progress: Progress) -> Iterator[_Keeper]:
    """Run a keeper, which removes the hosts when the block or this process ends."""
    make_folder(folder, private=True)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", keeper.__name__, str(number), _bridge(number), str(folder)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=[claim.fileno()],
            start_new_session=True,  # so that Ctrl-C reaches the caller only
        )
        assert process.stdin is not None
        try:
            yield _Keeper(process, output)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            _wait_until_removed(process, number, progress)


def _wait_until_removed(process: "subprocess.Popen[bytes]", number: int, progress: Progress) -> None:
    heartbeat = Heartbeat("native hosts are removed", progress)
    while process.poll() is None:
        if heartbeat.elapsed > REMOVE_LIMIT:
            raise LabError(
                f"native hosts are not gone after {REMOVE_LIMIT:.0f} s: network {number}",
                next_step=f"see what process {process.pid} waits for",
            )
        heartbeat.beat()
        time.sleep(0.02)


def _prepare(count: int, number: int, folder: Path, root: Path) -> tuple[NativeHosts, list[NativeMachine]]:
    """Write the files of all hosts, and set up their network."""
    bridge = _bridge(number)
    run(["ip", "link", "add", bridge, "type", "bridge"])
    # 198.18.0.0/15 is for measurements between network devices (RFC 2544).
    run(["ip", "address", "add", f"198.18.{number}.1/24", "dev", bridge])
    run(["ip", "link", "set", bridge, "up"])
    key = keys.key_pair(folder / "key", "native hosts")
    ssh_config, known_hosts = folder / "ssh_config", folder / "known_hosts"
    hosts, machines, host_keys, aliases = [], [], [], []
    for index in range(1, count + 1):
        name, address = f"native{number}-{index}", f"198.18.{number}.{index + 9}"
        own_folder = folder / name
        host_key = keys.key_pair(own_folder / "host_key", name)
        machine = NativeMachine(name, f"{address}/24", str(own_folder), str(root), bridge)
        machine.prepare(key.public, host_key.private)
        host_keys.append(f"{address} {host_key.public}\n")
        aliases.append(f"Host {name}\n  HostName {address}\n")
        machines.append(machine)
        hosts.append(NativeHost(name, address, ssh_config, own_folder))
    write_private(known_hosts, "".join(host_keys))
    write_private(ssh_config, f"{''.join(aliases)}Host *\n{_options(key.private, known_hosts)}")
    return NativeHosts(folder, hosts), machines


def _options(key: Path, known_hosts: Path) -> str:
    options = {
        "User": USER,
        "IdentityFile": f'"{key}"',
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "15",
    }
    return "".join(f"  {name} {value}\n" for name, value in options.items())


def _wait(hosts: NativeHosts, running_keeper: _Keeper, progress: Progress) -> None:
    """Wait until all hosts have booted.

    :param hosts: the hosts.
    :param running_keeper: their keeper.
    :param progress: called with each line that says what is done.
    :raises LabError: a host does not boot in time, or has a failed service.
    """
    heartbeat = Heartbeat(f"{len(hosts)} native hosts boot", progress)
    for condition, ready in (("answers SSH", _answers), ("has booted", _has_booted)):
        waiting = list(hosts)
        while waiting:
            if heartbeat.elapsed > BOOT_LIMIT:
                raise _failure(waiting[0], f"is not one that {condition} after {BOOT_LIMIT:.0f} s")
            running_keeper.check()
            heartbeat.beat(f": {len(hosts) - len(waiting)} of {len(hosts)} {condition}")
            if dead := [host for host in waiting if host.has_ended]:
                raise _failure(dead[0], "ended while it booted")
            waiting = [host for host in waiting if not ready(host)]
            time.sleep(0.05 if waiting else 0)
    progress(f"{len(hosts)} native hosts stand ({heartbeat.elapsed:.0f} s)")


def _answers(host: NativeHost) -> bool:
    try:
        with socket.create_connection((host.address, 22), timeout=1) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False


def _has_booted(host: NativeHost) -> bool:
    ssh = subprocess.run(
        host.command("systemctl is-system-running --wait || systemctl --failed --no-legend --plain"),
        capture_output=True,
        text=True,
        timeout=BOOT_LIMIT,
        check=False,
    )
    state = ssh.stdout.split("\n")[0]
    if state == "degraded":
        raise _failure(host, f"boots with failed services:\n{ssh.stdout}")
    return state == "running"


def _failure(host: NativeHost, problem: str) -> LabError:
    console = host.folder / "console"
    console_end = tail(console) if console.exists() else ""
    return LabError(
        f"native host {host.name} {problem}; the end of its console:\n{console_end}",
        next_step=f"on it: {shlex.join(host.command('journalctl -b'))}",
    )
