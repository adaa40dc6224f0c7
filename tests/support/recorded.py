"""A lab whose machines answer from a recording: what real ones said to the checks' commands, word for word.

The recordings are in ``observed/``, a file a machine, from a lab of two students on sandbox hosts.
What sshd says of the account that leads to guests is from a host as in ``private_host``.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from minetlab.checks.machines import (
    ContainerHostMachine,
    ContainerMachine,
    GuestMachine,
    JumpHostMachine,
    KvmMachine,
    Terminal,
)
from minetlab.checks.modules import Libvirt, Qemu
from minetlab.checks.sheets import commands_of
from minetlab.checks.site import ServedSite
from minetlab.lab import (
    ContainerHost,
    ContainerHostSettings,
    GuestSize,
    KvmHost,
    KvmHostSettings,
    Lab,
    Student,
)
from minetlab.plan import allocate
from minetlab.resources.jump import authorized_keys, jump_targets
from minetlab.site.build import site_of
from minetlab.ssh.backend import Read, connect
from minetlab.tp.sheet import script
from minetlab.tp.tp_images import TP_FOLDER, TP_SHELL

TPS, TP_IMAGES = (
    tuple(sorted(file.parent.name for file in TP_FOLDER.glob(f"*/{definition}")))
    for definition in ("guest.toml", "image.toml")
)
OBSERVED = Path(__file__).parent / "observed"
RECORDED_SHEETS, RECORDED_SITE = OBSERVED / "sheets.json", OBSERVED / "site.txt"
RECORDED_TLS, RECORDED_CA = OBSERVED / "site-tls.txt", OBSERVED / "ca.pem"
RECORD = "record it, from the report of a lab that has it: python -m tests.support.record REPORT.json"
STUDENT_KEY, OTHER_KEY = ((OBSERVED / f"{login}.pub").read_text().strip() for login in ("alice", "bob"))
IN_CONTAINER, IN_GUEST = (TP_SHELL, "-c"), ("runuser", "--login", "alice", "--command")
SHEETS = {tp: Terminal(None, IN_CONTAINER).command(script(commands_of(tp))) for tp in TP_IMAGES}
GUEST_SHEETS = {tp: Terminal(None, IN_GUEST).command(script(commands_of(tp))) for tp in TPS}
HV1, CT1, ALICE, CONTAINER = "hv1", "ct1", "minet-alice", "minet-alice-processus"


@cache
def _recorded(machine: str) -> dict[str, str]:
    """What a real machine answered, by command."""
    recorded = json.loads((OBSERVED / f"{machine}.json").read_text())
    return {command: "\n".join(lines) for command, lines in recorded.items()}


@cache
def _typed(tp: str) -> str:
    """What the script of a sheet printed on a real machine; nothing is missing of what its prose names."""
    printed = ""
    recorded = iter(json.loads(RECORDED_SHEETS.read_text(encoding="utf-8")).get(tp, ()))
    for step in commands_of(tp):
        command, lines = ("", []) if step.in_prose else next(recorded, ("", []))
        assert step.in_prose or command == step.command, (
            f"{tp}: what {step.command!r} prints is not recorded in {RECORDED_SHEETS}\n  → {RECORD}"
        )
        printed += "\x1e" + "".join(f"{line}\n" for line in lines)
    return f"{printed}\x1e"


def _answered(site: ServedSite) -> str:
    """What a real web server answered; the revision, which each word of the site changes, is today's."""
    text = RECORDED_SITE.read_text(encoding="utf-8")
    (revision, *_) = re.findall(r'name="revision" content="(\w+)"', text)
    text = text.replace(revision, site.site.revision)
    _, *parts = re.split(r"^GET (.+)\n", text, flags=re.MULTILINE)
    answers = dict(zip(parts[::2], parts[1::2], strict=True))
    # It was of a lab of alice alone.
    recorded = {
        request: answers.get(request.replace("moi-bob", "moi-alice"))
        for request in (*site.paths, *site.refused)
    }
    unknown = [request for request, answer in recorded.items() if answer is None]
    assert not unknown, f"the answer to {', '.join(unknown)} is not in {RECORDED_SITE}\n  → {RECORD}"
    return "".join(f"GET {request}\n{answer}" for request, answer in recorded.items())


class RecordedBackend(BaseBackend):  # type: ignore[misc]
    """Answers the commands it knows; any other fails."""

    NAME = "recorded"

    def __init__(self, name: str, answers: dict[str, str]) -> None:
        super().__init__(name)
        self.answers = answers

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        command = self.quote(command, *args)
        if command in self.answers:
            return self.result(0, command.encode(), self.answers[command], "")
        return self.result(1, command.encode(), "", "no such thing on this machine")


class RecordedLab:
    """The machines of the recording, each of which can be made to answer wrongly."""

    def __init__(
        self,
        *,
        require_kvm: bool = False,
        guests_run: bool = True,
        cores: int = 4,
        anchor: str | None = None,
    ) -> None:
        self.answers = {name: dict(_recorded(name)) for name in (HV1, CT1, ALICE, CONTAINER)}
        # One container stands for those of every TP image.
        self.answers[CONTAINER] |= {command: _typed(tp) for tp, command in SHEETS.items()}
        self.answers[ALICE] |= {command: _typed(tp) for tp, command in GUEST_SHEETS.items()}
        self.answers[HV1][Libvirt.OFF] = ""
        settings = KvmHostSettings(guest_tps=TPS, guests_run=guests_run, guest=GuestSize(cores=cores))
        self.lab = Lab(
            name="minet",
            students=tuple(
                Student(login=login, name=f"{login.title()} Exemple") for login in ("alice", "bob")
            ),
            kvm_hosts=(KvmHost(name="@sandbox/hv1", settings=settings),),
            container_hosts=(ContainerHost(name="@sandbox/ct1", settings=ContainerHostSettings()),),
            require_kvm=require_kvm,
        )
        self.plan = allocate(self.lab)
        self.transcript: list[Read] = []
        anchor = anchor or RECORDED_CA.read_text()
        self.site = ServedSite("minet", 8080, site_of(self.lab, self.plan), CT1, anchor)
        self.answers[CT1][self.site.command] = _answered(self.site)
        self.answers[CT1][self.site.tls_command] = RECORDED_TLS.read_text()

    def spoil(self, machine: str, command: str, old: str, new: str | None) -> None:
        """Have a machine answer a command with ``new`` where it answered ``old``; None: the command fails."""
        answer = self.answers[machine][command]
        assert old in answer, f"{old!r} is not what {machine} answers to {command}: {answer}"
        if new is None:
            del self.answers[machine][command]
        else:
            self.answers[machine][command] = answer.replace(old, new)

    def switch_off(self) -> None:
        """Have all guests be off, and none come up with the host."""
        self.answers[HV1][Libvirt.OFF] = "minet-alice\nminet-bob"
        of_processes = (Qemu.DOMAINS, Qemu.FILES, Qemu.PROFILES, Qemu.EXITS)
        for command in (Libvirt.RUNNING, Libvirt.AUTOSTARTED, *of_processes):
            self.answers[HV1][command] = ""

    def machine(self, fixture: str) -> Any:
        """The machine that the fixture of that name gives to a check."""
        return getattr(self, fixture)

    @property
    def kvm_host(self) -> KvmMachine:
        host = self.lab.kvm_hosts[0]
        return KvmMachine(
            HV1, self._host(HV1), "minet", host.settings, self.plan.guests, self.lab.require_kvm
        )

    @property
    def guest(self) -> GuestMachine:
        guest = next(guest for guest in self.plan.guests if guest.name == ALICE)
        host = self._host(ALICE)
        return GuestMachine(ALICE, host, guest, self.kvm_host, STUDENT_KEY, Terminal(host, IN_GUEST))

    domain = guest

    @property
    def container_host(self) -> ContainerHostMachine:
        settings = self.lab.container_hosts[0].settings
        return ContainerHostMachine(CT1, self._host(CT1), "minet", settings, self.site)

    site_host = container_host

    @property
    def jump_host(self) -> JumpHostMachine:
        leads = jump_targets(self.lab, self.plan, self.lab.kvm_hosts[0].name)
        keys = authorized_keys(leads, {"alice": [STUDENT_KEY], "bob": [OTHER_KEY]})
        return JumpHostMachine(HV1, self._host(HV1), "minet", keys, len(self.lab.students))

    @property
    def container(self) -> ContainerMachine:
        container = next(each for each in self.plan.containers if each.name == CONTAINER)
        host = self._host(CONTAINER)
        return ContainerMachine(
            CONTAINER,
            host,
            container,
            self.container_host,
            STUDENT_KEY,
            terminal=Terminal(host, IN_CONTAINER),
        )

    def _host(self, name: str) -> Host:
        return connect(RecordedBackend(name, self.answers[name]), transcript=self.transcript)
