"""Read what the audit judges: from hosts, from students' machines and on this machine; nothing is changed."""

import os
import socket
import time
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from minetlab.audit.exposure import Attempt, command, from_inside, ports_to_try, reached
from minetlab.audit.rules import FROM_INSIDE, not_asked, weaknesses
from minetlab.audit.weaknesses import AuditedHost, ThisMachine, Weakness, Weight
from minetlab.facts.firewall import Firewall
from minetlab.facts.jump import JumpState
from minetlab.facts.security import SecurityState
from minetlab.images.editions import known_edition
from minetlab.images.fetched import fetched_file
from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS, SANDBOX_PREFIX, InventoryHost
from minetlab.inventory.load import LoadedLab
from minetlab.lab import Lab, UrlImage
from minetlab.machines.status import run_on_host
from minetlab.operations.specs import firewall_spec
from minetlab.resources.security import MOST_FILES, SecurityObserved
from minetlab.ssh.run import NoAnswerError, run as run_line
from minetlab.ssh.ssh_config import alias_of, host_block
from minetlab.supply.lab_images import lab_images
from minetlab.util.paths import state_dir
from minetlab.util.process import TooMuchError
from minetlab.util.text import last_line

Value = TypeVar("Value")

AUDIT_LIMIT = 300.0
"""Seconds that a host has for each answer; an emulated one takes some twenty if nothing else runs here."""
PORT_LIMIT = 3.0
"""Seconds that a port of a host has to answer this machine."""
ATTEMPT_LIMIT = 120.0
"""Seconds that a student's machine has to say what it reaches; an emulated one takes half a minute."""
MOST_ANSWERED = 2**14
"""Bytes that it may say."""


class NotReadError(Exception):
    """A host could not be read; the message says why."""


def host(loaded: LoadedLab, inventory_host: InventoryHost, config: Path) -> AuditedHost | Weakness:
    """Read a host.

    :param loaded: the lab.
    :param inventory_host: the host.
    :param config: the lab's SSH configuration.
    :return: the host as it is and as planned; or, if it cannot be read, that it cannot.
    """
    name, groups, lab, plan = inventory_host.name, inventory_host.groups, loaded.lab, loaded.plan
    try:
        daemons = {"libvirt": KVM_HOSTS in groups, "docker": CONTAINER_HOSTS in groups}
        security = _fact(SecurityState(), inventory_host, config, lab=lab.name, **daemons)
        firewall = _fact(Firewall(), inventory_host, config, lab=lab.name)
        jump = _fact(JumpState(), inventory_host, config, lab=lab.name)
    except NotReadError as error:
        return not_asked(alias_of(name), Weight.MEDIUM, str(error))
    audited = AuditedHost(
        lab=lab,
        alias=alias_of(name),
        security=security,
        firewall=firewall,
        planned_firewall=firewall_spec(lab, plan, name),
        jump=jump,
        guests=plan.guests_on(name),
        containers=plan.containers_on(name),
        kvm=lab.kvm_host(name).settings if KVM_HOSTS in groups else None,
        container=lab.container_host(name).settings if CONTAINER_HOSTS in groups else None,
        in_sandbox=name.startswith(SANDBOX_PREFIX),
        host_key_checking=str(inventory_host.data.get("ssh_strict_host_key_checking", "")),
        known_keys=_known_keys(lab, inventory_host),
    )
    return replace(audited, reached=_answering(lab, name, ports_to_try(audited)))


def _fact(fact: FactBase[Value], inventory_host: InventoryHost, config: Path, **arguments: Any) -> Value:
    try:
        answer = run_on_host(str(fact.command(**arguments)), inventory_host, config, AUDIT_LIMIT)
        if answer.status != 0:
            raise NotReadError(last_line(answer.errors) or f"exit status {answer.status}")
        return fact.process(answer.output.splitlines())
    except (NoAnswerError, TooMuchError, FactProcessError) as error:
        raise NotReadError(str(error)) from error


def _answering(lab: Lab, name: str, ports: Collection[int]) -> frozenset[int]:
    """Return the ports of a host that take a connection from this machine."""
    hosts = {host.name: host.address for host in (*lab.kvm_hosts, *lab.container_hosts)}

    def answers(port: int) -> bool:
        try:
            with socket.create_connection((hosts[name], port), PORT_LIMIT):
                return True
        except OSError:
            return False

    if not ports or name not in hosts:
        return frozenset()
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        return frozenset(port for port, open_ in zip(ports, pool.map(answers, ports), strict=True) if open_)


def _known_keys(lab: Lab, inventory_host: InventoryHost) -> frozenset[str]:
    """Return the encoded public keys that this machine has a file of, or the roster a line."""
    block = host_block(inventory_host, Path(os.devnull))
    identity = block.options.get("IdentityFile", "").replace("%%", "%") if block else ""
    files = [
        *(Path.home() / ".ssh").glob("*.pub"),
        *([Path(f"{identity}.pub").expanduser()] if identity else []),
        *(_lab_folder(lab.name) / "keys").glob("**/*.pub"),
    ]
    lines = [student.ssh_key for student in lab.students if student.ssh_key]
    lines += [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    return frozenset(word for line in lines for word in line.split() if word.startswith("AAAA"))


def student_machine(config: Path, attempt: Attempt) -> Iterator[Weakness]:
    """Have a student's machine try to reach what it must not, and yield what it reaches.

    :param config: the lab's SSH configuration.
    :param attempt: what it is to try.
    :yields: a weakness for each that it reaches; or one that it did not try.
    """
    name = attempt.machine.name
    try:
        answer = run_line(config, name, command(attempt.targets), ATTEMPT_LIMIT, max_bytes=MOST_ANSWERED)
    except (NoAnswerError, TooMuchError) as error:
        yield not_asked(name, Weight.LOW, str(error))
        return
    targets = reached(attempt, answer.output)
    if targets is None:
        yield not_asked(name, Weight.LOW, "it has no bash, or does not run it")
    else:
        yield from weaknesses(name, FROM_INSIDE, from_inside(targets))


def this_machine(loaded: LoadedLab, observed: Iterable[SecurityObserved]) -> ThisMachine:
    """Read what this machine has of a lab.

    :param loaded: the lab.
    :param observed: what was read of its hosts.
    :return: its secrets' files, and the age of keys and images.
    """
    folder = _lab_folder(loaded.lab.name)
    aliases = [alias_of(host.name) for host in loaded.hosts]
    keys = _files([folder / "keys"])
    secrets = [*keys, *_files([folder / "passwords", folder / "certificates"])]
    secrets += [file for alias in aliases for file in (state_dir() / "sandbox" / alias).glob("*_key")]
    made = [state.changed for security in observed for state in security.files.values()]
    return ThisMachine(
        user=os.geteuid(),
        modes={str(path): _mode(path) for path in (state_dir(), *secrets)},
        keys={str(path.relative_to(folder)): path.stat().st_mtime for path in keys},
        images=dict(_images(loaded)),
        now=time.time(),
        lab_made=min(made, default=None),
    )


def _lab_folder(lab: str) -> Path:
    return state_dir() / "labs" / lab


def _files(folders: Iterable[Path]) -> list[Path]:
    """Return the files below folders that hold secrets: all but public keys."""
    paths = islice((path for folder in folders for path in folder.rglob("*")), MOST_FILES)
    return sorted(path for path in paths if path.is_file() and path.suffix != ".pub")


def _mode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mode & 0o7777, status.st_uid


def _images(loaded: LoadedLab) -> Iterator[tuple[str, float]]:
    """Yield the name of each image that a lab uses and this machine has, and when nothing newer was known."""
    for image in lab_images(loaded.lab, loaded.hosts):
        if image.file.exists() and (known := known_edition(image.recipe)):
            yield image.name, known.seen.timestamp()
    for kvm_host in loaded.lab.kvm_hosts:
        fetched = kvm_host.settings.guest_image
        if isinstance(fetched, UrlImage) and (file := fetched_file(fetched)).exists():
            yield f"the guest image from {fetched.url}", file.stat().st_mtime
