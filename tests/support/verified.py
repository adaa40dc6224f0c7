"""A verification whose machines answer from the recording: pytest runs checks on them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from testinfra.backend.base import CommandResult

from minetlab.checks import plugin, session, verify
from minetlab.checks.session import Session
from minetlab.checks.verify import Verdicts
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.secrets.certificates import site_certificate
from minetlab.ssh.backend import UnreachableError
from minetlab.util.paths import PROJECT_ROOT
from tests.support.recorded import TP_IMAGES, TPS, RecordedBackend, RecordedLab

HOSTS = {"hv1": "kvm_hosts", "ct1": "container_hosts"}
SETTINGS: dict[str, dict[str, object]] = {
    "kvm_hosts": {"guest_tps": list(TPS)},
    "container_hosts": {"tp_images": list(TP_IMAGES), "site_port": 8080},
}
PLUGINS = ("minetlab.checks.plugin", "minetlab.checks.fixtures")
MARKERS = "[pytest]\nmarkers =\n    claim(id)\n    sheet\n    measurement\n"


class RecordedConnection(RecordedBackend):
    """Stands for an ssh connection, and notes what it was asked; a machine without answers is silent."""

    def __init__(self, name: str, answers: dict[str, str] | None, *, sudo: bool, next_step: str) -> None:
        super().__init__(name, answers or {})
        self.silent, self.with_sudo, self.next_step = answers is None, sudo, next_step
        self.asked: list[str] = []
        self.max_bytes = 0

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        self.asked.append(self.quote(command, *args))
        if self.silent:
            raise UnreachableError(
                f"{self.hostname} cannot be reached over SSH: no route\n  → {self.next_step}"
            )
        return super().run(command, *args, **kwargs)


class Machines:
    """The machines of a lab of Alice and Bob; those that are not in the recording are silent.

    :param folder: where checks are written.
    :param hosts: the lab's hosts, with the group of each.
    :param data: of the hosts.
    """

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        hosts: Mapping[str, str] = HOSTS,
        **data: object,
    ) -> None:
        common = {"lab_name": "minet", "roster": str(PROJECT_ROOT / "inventories" / "students.csv")}
        self.folder, self.inventory = folder, folder / "lab.py"
        self.loaded = LoadedLab.of(
            tuple(
                InventoryHost(name, (group,), {**SETTINGS[group], **common, **data})
                for name, group in hosts.items()
            )
        )
        # Its certificate is the lab's own; what was recorded is said of it, too.
        sites = [site_certificate(self.loaded.lab, host) for host in self.loaded.lab.site_hosts]
        anchor = sites[0].anchor.pem if sites else None
        self.answers: dict[str, dict[str, str]] = RecordedLab(anchor=anchor).answers
        self.connections: dict[str, RecordedConnection] = {}
        monkeypatch.setattr(session, "LabSshBackend", self._connect)
        for module in (plugin, verify):
            monkeypatch.setattr(module, "load", {self.inventory: self.loaded}.__getitem__)

    def _connect(
        self, alias: str, config: Path, *, sudo: bool, next_step: str, max_bytes: int
    ) -> RecordedConnection:
        if alias not in self.connections:
            answers = self.answers.get(alias)
            self.connections[alias] = RecordedConnection(alias, answers, sudo=sudo, next_step=next_step)
            self.connections[alias].max_bytes = max_bytes
        return self.connections[alias]

    def session(self) -> Session:
        """The verification of the inventory's lab."""
        return Session(self.loaded)

    def verified(self, checks: str, *arguments: str, plugins: Iterable[str] = PLUGINS) -> Verdicts:
        """What the verification finds, if these are its checks."""
        (self.folder / "pytest.ini").write_text(MARKERS)
        # Of a name that was imported before, pytest would run what was imported then.
        file = self.folder / f"test_{uuid4().hex}.py"
        file.write_text(checks)
        command = [str(file), "-c", str(self.folder / "pytest.ini"), "-q", "--no-header", "-W", "ignore"]
        command += ["--import-mode=importlib", "-p", "no:cacheprovider", "--inventory", str(self.inventory)]
        command += [word for name in plugins for word in ("-p", name)]
        # It collects all garbage twice at the end, which takes longer than the checks do.
        command += ["-p", "no:unraisableexception"]
        found = Verdicts()
        found.exit_codes.append(int(pytest.main([*command, *arguments], plugins=[found])))
        return found


def ended(verdicts: Verdicts) -> dict[tuple[str, str], str]:
    """How each check ended, by machine and name."""
    return {key: check.outcome for key, check in verdicts.checks.items()}
