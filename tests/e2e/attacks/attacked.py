"""The lab that is attacked, and how its machines are used."""

import json
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks import attacks as programs
from benchmarks.attacks import perl
from minetlab.plan import Plan
from minetlab.resources.layout import Layout
from minetlab.resources.slices import container_slice, lab_slice
from tests.e2e.attacks import frames
from tests.e2e.attacks.frames import Nic
from tests.e2e.lab_under_test import BOOT_ID, LabUnderTest
from tests.e2e.slowness import slowness

GUEST, NEIGHBOUR = "minet-alice", "minet-bob"
CONTAINER, NEIGHBOURING = "minet-alice-processus", "minet-bob-processus"
BRIDGE = Layout("minet").bridge
HEARD = "/run/heard"


@dataclass(frozen=True)
class Attacked:
    """The lab of two students, and how its machines are used.

    :param lab: the lab.
    :param plan: its plan.
    """

    lab: LabUnderTest
    plan: Plan

    def ssh(self, machine: str, command: str, *options: str) -> list[str]:
        """Return the command that runs one on a machine, as an administrator does."""
        return ["ssh", "-F", str(self.lab.ssh_config), *options, machine, command]

    def on(self, machine: str, command: str, *options: str) -> str:
        """Run a command on a host, guest or container, which must not fail; returns what it prints."""
        argv = self.ssh(machine, command, *options)
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600 * slowness(),
            check=False,
        )
        assert done.returncode == 0, f"{machine}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    @cached_property
    def cards(self) -> Path:
        """The folder of all cards and students' folders, with the ports that the hosts have now."""
        folder = self.lab.folder / "cards"
        self.lab.lab("cards", "-i", self.lab.inventory, "--output", folder)
        return folder

    def as_student(self, login: str, machine: str, *words: str) -> list[str]:
        """Return the command that runs ssh as a student's card says."""
        config = str(self.cards / login / "ssh_config")
        return ["ssh", "-o", "BatchMode=yes", "-F", config, machine, *words]

    def as_alice(
        self, machine: str, *words: str, options: Iterable[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run ssh as Alice's card says."""
        return subprocess.run(
            self.as_student("alice", *options, machine, *words),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600 * slowness(),
            check=False,
        )

    def jump(self, machine: str) -> str:
        """The host through which a student's card leads to a machine."""
        shown = self.as_alice(machine, options=["-G"]).stdout
        return dict(line.split(maxsplit=1) for line in shown.splitlines())["proxyjump"]

    def nic(self, name: str) -> Nic:
        """The interface of a guest; or of its host, on the bridge."""
        for guest in self.plan.guests:
            if guest.name == name:
                return Nic(guest.mac, guest.address.ip)
        mac = self.on(name, f"cat /sys/class/net/{BRIDGE}/address").strip()
        return Nic(mac, next(iter(self.plan.guests)).address.network[1])

    def ssh_port(self, container: str) -> int:
        """The port of its host that leads to a container's sshd."""
        return next(planned.ssh_port for planned in self.plan.containers if planned.name == container)

    def reached(self, machine: str, targets: Iterable[str]) -> set[str]:
        """Which of these ``ADDRESS/PORT`` a machine reaches."""
        return set(self.on(machine, perl(programs.REACH, *targets)).split())

    def served_by(self, host: str) -> set[str]:
        """Every ``ADDRESS/PORT`` of a host that answers."""
        listening = self.on(host, "ss -Hltn").splitlines()
        ports = {line.split()[3].rpartition(":")[2] for line in listening}
        links = json.loads(self.on(host, "ip -json -4 address"))
        own = {address["local"] for link in links for address in link["addr_info"]} - {"127.0.0.1"}
        return self.reached(host, {f"{address}/{port}" for address in own for port in ports})

    def heard(self, machine: str, last: str) -> set[str]:
        """What a listener on a machine has heard until the last of it."""
        wait = f"for _ in $(seq 300); do ! grep -qx {last} {HEARD} || break; sleep 0.2; done; cat {HEARD}"
        words = self.on(machine, wait).split()
        assert last in words, f"{machine} did not hear {last}, but {words}"
        return {*words} - {"listening", last}

    def send(self, machine: str, interface: str, sent: Iterable[bytes]) -> None:
        """Send frames from a guest, as its root, or from a host."""
        lines = "\n".join(frame.hex() for frame in sent)
        program = perl(frames.SEND, interface, root=machine != "hv1")
        self.on(machine, f"echo {shlex.quote(lines)} | {program}")

    def disk_operations(self) -> int:
        """How often the container has written to devices of its host, as the kernel counts it."""
        cgroup = f"/sys/fs/cgroup/{lab_slice('minet')}/{container_slice('minet', CONTAINER)}"
        counts = self.on("ct1", f"cat {shlex.quote(cgroup)}/io.stat").split()
        return sum(int(count.removeprefix("wios=")) for count in counts if count.startswith("wios="))

    def started(self) -> list[str]:
        """When each machine was started."""
        inspect = "docker inspect --format '{{.Name}} {{.State.StartedAt}}' $(docker ps --quiet) | sort"
        return [
            self.on("ct1", inspect),
            *(self.on(name, BOOT_ID) for name in ("hv1", "ct1", GUEST, NEIGHBOUR)),
        ]

    def still_works(self) -> None:
        """Log in anew, look up a name, have an address offered: what every student needs."""
        for machine in (GUEST, NEIGHBOUR, CONTAINER, NEIGHBOURING):
            self.on(machine, "true", "-S", "none")
        for guest in self.plan.guests:
            gateway = guest.address.network[1]
            assert self.on(guest.name, perl(programs.DNS, gateway, "bob-vm.minet.internal")) == "4711\n"
            offered = self.on(guest.name, perl(programs.DHCP, guest.mac, root=True))
            assert offered.strip() == str(guest.address.ip)
