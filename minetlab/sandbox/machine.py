"""One sandbox host on this machine: its files, its QEMU process, its address."""

import os
import re
import signal
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from minetlab.images.cache import locked
from minetlab.sandbox import qmp
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.identity import CLIENT_KEY, KNOWN_HOSTS, pin_host_key
from minetlab.sandbox.platform import SandboxHardware
from minetlab.sandbox.qemu import AGENT_SOCKET, CONSOLE, DISK, PID_FILE, QMP_SOCKET
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError
from minetlab.util.paths import state_dir
from minetlab.util.progress import Progress

USER = "root"
RECORD = "machine.json"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


@dataclass(frozen=True)
class Connection:
    """How to reach a sandbox host with SSH.

    :param key: the client's private key.
    :param known_hosts: holds the host's one key.
    """

    hostname: str
    port: int
    user: str
    key: Path
    known_hosts: Path


class HostRecord(BaseModel):
    """What a sandbox host was made of, kept in its state folder.

    :param image: path of the image that its disk is an overlay of.
    :param image_sha256: the image's checksum when the overlay was made.
    :param booted: path of the booted image's disk, on which its own lies, if it was resumed from one.
    :param booted_sha256: that disk's checksum.
    :param accelerator: how it ran when it was last booted or resumed.
    :param hardware: what it was booted on; None if an older version did that.
    :param forwards: loopback ports that lead to TCP ports of the host beside SSH's, by the latter.
    """

    model_config = ConfigDict(frozen=True)

    spec: SandboxSpec
    image: Path
    image_sha256: str
    booted: Path | None = None
    booted_sha256: str | None = None
    accelerator: Accelerator
    hardware: SandboxHardware | None = None
    forwards: dict[int, int] = {}


def sandbox_dir() -> Path:
    """Where all sandbox hosts of this state folder are."""
    folder = state_dir() / "sandbox"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def read_record(folder: Path) -> HostRecord:
    """What the host in this folder was made of.

    :raises OSError: there is no record.
    :raises ValueError: it is not one that this version writes.
    """
    return HostRecord.model_validate_json((folder / RECORD).read_text())


class SandboxHost:
    """A sandbox host, whether it exists or not.

    ``clock_stopped`` is a file that is there from before the host, or a guest of it, is stopped to be saved
    until its clock is set after that. ``replaced`` is what ``folder`` was before a checkpoint was restored.

    :param name: of the host.
    :param folder: where its files are; None: where those of this state folder's host of that name are.
    :raises LabError: the name cannot be a host's.
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
        """A context in which no other run starts, stops or removes this host."""
        return locked(self.lock_file, f"sandbox host {self.name}", progress)

    @property
    def pid(self) -> int | None:
        """The process id of its QEMU, if that runs (not whoever got its number since)."""
        try:
            pid = int((self.folder / PID_FILE).read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except (OSError, ValueError):
            return None
        return pid if str(self.folder / PID_FILE) in words.split("\0") else None

    @property
    def resident_gib(self) -> float:
        """The memory that its QEMU takes of this machine, in GiB; the host's own is a part of that."""
        if (pid := self.pid) is None:
            return 0.0
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**30

    @property
    def record(self) -> HostRecord | None:
        """What it was made of; None if it was never made, or not entirely.

        :raises LabError: it was, and that cannot be read.
        """
        try:
            return read_record(self.folder)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise LabError(
                f"sandbox host {self.name}: {self.folder / RECORD} cannot be read: {error}",
                next_step="use the version of minet-lab that wrote it; or remove the host, with all that is "
                f"on it: ./lab sandbox rm {self.name}",
            ) from error

    @record.setter
    def record(self, record: HostRecord) -> None:
        partial = self.folder / f".{RECORD}"
        partial.write_text(record.model_dump_json(indent=2))
        partial.replace(self.folder / RECORD)

    def connection(self) -> Connection:
        """How to reach it.

        :raises LabError: it does not run.
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
        if f":{port} " not in self._pinned():
            pin_host_key(self.folder, port)
        folder = self.folder
        return Connection("127.0.0.1", port, USER, folder / CLIENT_KEY, folder / KNOWN_HOSTS)

    def forward(self, port: int) -> int:
        """Have a loopback port lead to a TCP port of the host; returns the former, which it keeps if it can.

        :raises LabError: it does not run, or its QEMU will not.
        """
        if self.pid is None:
            raise LabError(f"sandbox host {self.name} does not run", next_step="start it: ./lab up")
        record = self.record
        try:
            here = qmp.forward(self.qmp_socket, port, record.forwards.get(port, 0) if record else 0)
        except OSError as error:
            raise LabError(
                f"sandbox host {self.name}: its QEMU does not forward port {port}: {error}",
                next_step=f"boot it anew: ./lab sandbox stop --shutdown {self.name}, and ./lab up",
            ) from error
        if record and record.forwards.get(port) != here:
            self.record = record.model_copy(update={"forwards": record.forwards | {port: here}})
        return here

    def kill(self) -> None:
        """End its QEMU at once."""
        if (pid := self.pid) is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            if self.wait_for_exit(5):
                return

    def wait_for_exit(self, limit: float) -> bool:
        """Wait until its QEMU has ended, for ``limit`` seconds at most; tell whether it has."""
        end = time.monotonic() + limit
        while self.pid is not None:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True

    def _pinned(self) -> str:
        path = self.folder / KNOWN_HOSTS
        return path.read_text() if path.exists() else ""
