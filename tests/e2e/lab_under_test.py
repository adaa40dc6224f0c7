"""A lab of the tests' own: inventory, state folder and virtual hosts; only the image cache is shared."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sandbox_lab import write_sandbox_lab
from minetlab.inventory.hosts import read_inventory
from minetlab.inventory.load import load_lab
from minetlab.plan import allocate
from minetlab.ssh import ssh_config
from minetlab.util.paths import PROJECT_ROOT
from tests.e2e import observe
from tests.e2e.slowness import slowness

LAB = [sys.executable, "-m", "minetlab"]


PYINFRA = [sys.executable, "-m", "pyinfra"]


# Far above what any single command needs on two emulating cores; a hang still ends.
LIMIT = 180 * 60 * slowness()


# That a deploy with nothing to do sends to a host, however many students there are.
MOST_COMMANDS = 40


NEEDS_NATIVE_HOSTS = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not shutil.which("systemd-nspawn"), reason="needs Debian's systemd-container"),
]


# It writes to a file: whoever reads the output of the test run may have been killed with it.
REMOVE = 'cat; "$0" -m minetlab sandbox rm >"$1/removing.log" 2>&1 && rm -rf "$1"'


CONSOLES = (
    "date --utc; find /var/lib/libvirt/images/minet-lab -path '*/consoles/*'"
    r" -printf '\n%TT %p\n' -exec tail -n 25 {} \;"
)


LOOKS = {
    "kvm_hosts": ("hv1", observe.kvm_host),
    "container_hosts": ("ct1", observe.container_host),
}


@dataclass
class LabUnderTest:
    """One lab in the sandbox and the commands a user would type for it.

    :param folder: of its inventory.
    :param as_kept: under which name it was kept as it is now; None: it may have been changed since.
    """

    folder: Path
    environment: dict[str, str]
    name: str = "minet"
    as_kept: str | None = None

    @property
    def inventory(self) -> Path:
        return self.folder / "inventories" / "lab.py"

    @property
    def ssh_config(self) -> Path:
        return Path(self.environment["MINETLAB_STATE"]) / "labs" / self.name / "ssh_config"

    def run(
        self, *command: str | Path, check: bool = True, merged: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as a user would; its stderr is shown as it comes, or merged into stdout."""
        print("\n$", *command, file=sys.stderr, flush=True)
        result = subprocess.run(
            command,
            env=self.environment,
            cwd=PROJECT_ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else None,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert not check or result.returncode == 0, (
            f"{command} ended with {result.returncode}:\n{result.stdout}"
        )
        return result

    def pyinfra(self, deploy: str, *options: str) -> dict[str, Any]:
        """Deploy; returns pyinfra's own account of it (its --json)."""
        result = self.run(*PYINFRA, "-y", "--json", *options, str(self.inventory), deploy)
        return dict(json.loads(result.stdout)["results"])

    def most_commands(self) -> int:
        """How many commands a deploy sends to a host at most."""
        command: list[str | Path] = [*PYINFRA, "-y", "--debug", self.inventory, "deploys/all.py"]
        sent = Counter(re.findall(r"Running command on (\S+):", self.run(*command, merged=True).stdout))
        assert sent
        return max(sent.values())

    def lab(
        self, *arguments: str | Path, check: bool = True, merged: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a ``lab`` command, and show all that it says."""
        result = self.run(*LAB, *arguments, check=check, merged=merged)
        print(result.stdout, file=sys.stderr, flush=True)
        return result

    def refused(self, *arguments: str | Path) -> str:
        """Run a ``lab`` command that has to fail; returns all that it says."""
        result = self.lab(*arguments, check=False, merged=True)
        assert result.returncode != 0
        return result.stdout

    def status(self) -> dict[str, str]:
        """The state of each guest and container, by name."""
        said = self.run(*LAB, "status", "-i", self.inventory, "--json", check=False).stdout
        return {each["name"]: each["state"] for each in json.loads(said)}

    def in_machine(self, machine: str, command: str) -> str:
        """Run a command on a host, guest or container; returns what it prints."""
        return self.lab("ssh", "--inventory", self.inventory, machine, command).stdout

    def wait_for(self, machine: str) -> None:
        """Wait until a machine that boots answers SSH."""
        deadline = time.monotonic() + LIMIT
        while self.run(*LAB, "ssh", "-i", self.inventory, machine, "true", check=False).returncode:
            assert time.monotonic() < deadline, f"{machine} does not answer after {LIMIT:.0f} s"
            time.sleep(5)

    def consoles(self) -> str:
        """The last lines of each guest's console, as far as its host answers."""
        command = ssh_config.ssh_command(self.ssh_config, "hv1", CONSOLES)
        try:
            shown = subprocess.run(
                command, capture_output=True, timeout=120 * slowness(), check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            return "the host does not answer"
        return (shown.stdout + shown.stderr).decode(errors="replace")

    def machines(self) -> list[str]:
        """The names of all hosts, guests and containers of the lab."""
        hosts = read_inventory(self.inventory)
        plan = allocate(load_lab(hosts))
        names = [ssh_config.alias_of(host.name) for host in hosts]
        return names + [guest.name for guest in plan.guests] + [each.name for each in plan.containers]

    @property
    def state(self) -> Path:
        """The lab's state folder."""
        return Path(self.environment["MINETLAB_STATE"])

    def keep(self, name: str) -> None:
        """Keep all of it as it is now: its hosts as a checkpoint, its inventory and its keys as copies."""
        self.lab("sandbox", "save", name, "-i", self.inventory)
        for folder, kept in self._kept(name):
            if folder.exists():
                shutil.copytree(folder, kept)
        self.as_kept = name

    def come_back(self, name: str, *, to_be_changed: bool = True) -> None:
        """Have all of it be as it was kept, whatever has become of it since.

        :param to_be_changed: whether what comes now may change it; else it stays as it was kept.
        """
        if self.as_kept != name:
            self._restore(name)
        self.as_kept = None if to_be_changed else name

    def _restore(self, name: str) -> None:
        self.lab("sandbox", "rm")
        for folder, kept in self._kept(name):
            shutil.rmtree(folder, ignore_errors=True)
            if kept.exists():
                shutil.copytree(kept, folder)
        self.lab("sandbox", "restore", name, "-i", self.inventory)
        # Ports are others now: this writes the SSH configuration that observing needs.
        self.in_machine(self.machines()[0], "true")
        # Where a host cannot go on from what was saved of it, it boots, and its guests with it.
        states = self.status()
        plan = allocate(load_lab(read_inventory(self.inventory)))
        for guest in plan.guests:
            if states.get(guest.name) == "running":
                self.wait_for(guest.name)

    def _kept(self, name: str) -> Iterator[tuple[Path, Path]]:
        """What a lab has beside its hosts, and where that is kept."""
        for folder in (self.inventory.parent, self.state / "labs" / self.name / "keys"):
            yield folder, self.folder / "kept" / name / folder.name

    def set_group_data(self, group: str, key: str, value: object) -> None:
        """Edit the inventory as an administrator would: one more line that sets ``key``."""
        with (self.inventory.parent / "group_data" / f"{group}.py").open("a") as file:
            file.write(f"\n{key} = {value!r}\n")

    def observe(self) -> dict[str, observe.State]:
        """What stands on the hosts."""
        return {group: look(self.ssh_config, host, self.folder) for group, (host, look) in LOOKS.items()}


def changed(results: dict[str, Any]) -> list[str]:
    """Names of the operations that changed something."""
    return [operation["name"] for operation in results["operations"] if operation["success"]]


@contextmanager
def lab_in_sandbox(hosts: dict[str, object], students: int) -> Iterator[LabUnderTest]:
    """A lab like the one that ships; its virtual hosts are removed afterwards.

    :param hosts: what the inventory says of each host.
    :param students: how many of the roster take part.
    """
    # Not pytest's tmp_path: the paths of Unix sockets in it must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="lab-"))
    environment = {**os.environ, "MINETLAB_STATE": str(folder / "state")}
    with removed_in_the_end(folder, environment):
        write_sandbox_lab(folder / "inventories", hosts, students)
        yield LabUnderTest(folder, environment)


@contextmanager
def removed_in_the_end(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Remove a lab's virtual hosts and its folder afterwards, also where this process is killed.

    A process in a session of its own does it, which Ctrl-C does not reach, when our end of a pipe to it
    closes. No command of the lab inherits that end.
    """
    remover = subprocess.Popen(
        ["sh", "-c", REMOVE, sys.executable, folder],
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert remover.stdin
    try:
        yield
    finally:
        remover.stdin.close()
        removed = remover.wait(timeout=LIMIT) == 0
    assert removed, (folder / "removing.log").read_text()


BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


# When its first process was started, in ticks since its kernel was: field 22 of proc_pid_stat(5).
STARTED = f"{BOOT_ID}; cut -d' ' -f22 /proc/1/stat"
