"""One sandbox host on this machine: its files, its QEMU process, its address."""

import os
import re
import signal
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from minetlab.images.cache import locked
from minetlab.sandbox import qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.identity import CLIENT_KEY, KNOWN_HOSTS_FILE, pin_host_key
from minetlab.sandbox.platform import SandboxHardware
from minetlab.sandbox.qemu import AGENT_SOCKET, CONSOLE, DISK, PID_FILE, QMP_SOCKET
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from minetlab.util.paths import state_dir
from minetlab.util.progress import Progress

SANDBOX_USER = "root"
RECORD = "machine.json"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Connection:
    """The address, account and keys with which a sandbox host is reached by SSH.

    :param hostname: the loopback address.
    :param port: the loopback port that leads to the host's SSH server.
    :param user: the account to log into.
    :param key: file with the client's private key.
    :param known_hosts: file with the host's public key, and no other.
    """

    hostname: str
    port: int
    user: str
    key: Path
    known_hosts: Path


class HostRecord(BaseModel, frozen=True):
    """The record in a host's state folder of what it was made from.

    :param spec: its virtual hardware and image, as of its last boot.
    :param image: the image at the bottom of its disk.
    :param image_sha256: the checksum of that image when the disk was made.
    :param booted: the disk of the booted image that is directly below its own; None if it booted itself.
    :param booted_sha256: the checksum of the booted image's disk.
    :param accelerator: the accelerator of its last boot.
    :param hardware: the hardware that it was booted on; None if an older version of minet-lab booted it.
    :param forwards: TCP port of the host to the loopback port that leads to it; SSH is not among them.
    """

    spec: SandboxSpec
    image: Path
    image_sha256: str
    booted: Path | None = None
    booted_sha256: str | None = None
    accelerator: Accelerator
    hardware: SandboxHardware | None = None
    forwards: dict[int, int] = {}


def sandbox_dir() -> Path:
    """Return the folder of all sandbox hosts in this state folder; it is made if it is missing."""
    folder = state_dir() / "sandbox"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def read_record(folder: Path) -> HostRecord:
    """Read the record of a host.

    :param folder: the host's folder, in the state folder or in a checkpoint.
    :return: the record.
    :raises OSError: there is no record, or it cannot be read.
    :raises ValueError: the record is damaged, or of a version of minet-lab that writes others.
    """
    return HostRecord.model_validate_json((folder / RECORD).read_text())


class SandboxHost:
    """A sandbox host, whether it exists or not.

    The file ``clock_stopped`` exists from before the host or its guests are stopped to be saved until its
    clock is set again. ``replaced`` is where a restore puts the former ``folder`` for a moment.

    :param name: the host's name, without ``@sandbox/``.
    :param folder: the folder with its files; None: the folder of that name in this state folder.
    :raises LabError: the name has characters that are not allowed, or is too long.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        if not _NAME.fullmatch(name):
            raise LabError(
                f"{name!r} cannot be the name of a sandbox host",
                next_step="use lower-case letters, digits and dashes, 32 at most, in @sandbox/NAME",
            )
        self.name = name
        self.folder = folder or sandbox_dir() / name
        self.disk = self.folder / DISK
        self.console = self.folder / CONSOLE
        self.qmp_socket = self.folder / QMP_SOCKET
        self.agent_socket = self.folder / AGENT_SOCKET
        self.clock_stopped = self.folder / "clock-stopped"
        self.lock_file = self.folder.with_name(f".{name}.lock")
        self.replaced = self.folder.with_name(f".{name}.old")

    def locked(self, progress: Progress) -> AbstractContextManager[None]:
        """Return a context in which no other run starts, stops or removes this host."""
        return locked(self.lock_file, f"sandbox host {self.name}", progress)

    @property
    def pid(self) -> int | None:
        """The process id of its QEMU; None if it does not run."""
        try:
            pid = int((self.folder / PID_FILE).read_text())
            command_line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except (OSError, ValueError):
            return None
        # Another process may have got the number since.
        return pid if str(self.folder / PID_FILE) in command_line.split("\0") else None

    @property
    def resident_gib(self) -> float:
        """The memory that its QEMU takes on this machine, in GiB, including that of the host."""
        if (pid := self.pid) is None:
            return 0.0
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**30

    @property
    def record(self) -> HostRecord | None:
        """The record of what it was made from; None if it was never made, or not completely.

        :raises LabError: there is a record, and it cannot be read.
        """
        try:
            return read_record(self.folder)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LabError(
                f"sandbox host {self.name}: {self.folder / RECORD} cannot be read: {error}",
                next_step="use the version of minet-lab that wrote it, or remove the host with everything on "
                f"it: ./lab sandbox rm {self.name}",
            ) from error

    @record.setter
    def record(self, record: HostRecord) -> None:
        partial = self.folder / f".{RECORD}"
        partial.write_text(record.model_dump_json(indent=2))
        partial.replace(self.folder / RECORD)

    def connection(self) -> Connection:
        """Return how to reach the host, which runs.

        :return: its address, port, user and keys.
        :raises LabError: the host does not run, or its QEMU does not answer.
        """
        if self.pid is None:
            raise LabError(f"sandbox host {self.name} does not run", next_step="start it: ./lab up")
        try:
            port = qmp.forwarded_port(self.qmp_socket)
        except OSError as error:
            raise LabError(
                f"sandbox host {self.name}: its QEMU does not answer: {error}",
                next_step=f"remove it with ./lab sandbox rm {self.name}, and run ./lab up again",
            ) from error
        known_hosts = self.folder / KNOWN_HOSTS_FILE
        if not known_hosts.exists() or f":{port} " not in known_hosts.read_text():
            pin_host_key(self.folder, port)
        return Connection("127.0.0.1", port, SANDBOX_USER, self.folder / CLIENT_KEY, known_hosts)

    def forward(self, port: int) -> int:
        """Forward a loopback port to a TCP port of the host, if possible the same one as before.

        :param port: the host's TCP port.
        :return: the loopback port, which the host's record keeps.
        :raises LabError: the host does not run, or its QEMU does not forward the port.
        """
        if self.pid is None:
            raise LabError(f"sandbox host {self.name} does not run", next_step="start it: ./lab up")
        record = self.record
        try:
            local_port = qmp.forward(self.qmp_socket, port, record.forwards.get(port, 0) if record else 0)
        except OSError as error:
            raise LabError(
                f"sandbox host {self.name}: its QEMU does not forward port {port}: {error}",
                next_step=f"boot it anew: ./lab sandbox stop --shutdown {self.name}, and ./lab up",
            ) from error
        if record and record.forwards.get(port) != local_port:
            self.record = record.model_copy(update={"forwards": record.forwards | {port: local_port}})
        return local_port

    def kill(self) -> None:
        """End its QEMU at once, if it runs."""
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if (pid := self.pid) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal_number)
                self.wait_for_exit(5)

    def wait_for_exit(self, limit: float) -> bool:
        """Wait ``limit`` seconds at most until its QEMU has ended; return whether it has."""
        deadline = time.monotonic() + limit
        while self.pid is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True
