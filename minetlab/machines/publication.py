"""What stands, published beside the TP site: a file on its hosts that the instructor's page reads."""

import json
import shlex
import time
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines.status import LIMIT, MISSING, OFF, RUNNING, SILENT, MachineState, on_each, run_there
from minetlab.resources.site import STATUS_FILE, status_folder
from minetlab.ssh import ssh_config
from minetlab.ssh.student_machines import UNREACHABLE, last_line
from minetlab.util.errors import LabError
from minetlab.util.process import TooMuchError

SAID: Mapping[str, tuple[str, str]] = {
    RUNNING: ("good", "en marche"),
    OFF: ("off", "à l'arrêt"),
    "created": ("off", "pas encore en marche"),
    "restarting": ("off", "redémarre"),
    "paused": ("off", "en pause"),
    "exited": ("off", "à l'arrêt"),
    "removing": ("off", "en cours de suppression"),
    "dead": ("bad", "hors d'usage"),
    MISSING: ("bad", "introuvable"),
    SILENT: ("bad", "injoignable"),
}
"""States as the page shows them: how good that is, and the words."""
NO_SITE = 3
"""What :func:`command` ends with where there is no folder for it: it makes none, so a teardown stays one."""


def serving(lab: Lab, hosts: Iterable[InventoryHost]) -> tuple[InventoryHost, ...]:
    """The hosts that serve the lab's TP site.

    :raises LabError: there is none.
    """
    names = {host.name for host in lab.site_hosts}
    found = tuple(host for host in hosts if host.name in names)
    if not found:
        raise LabError(
            "no container host of the lab serves the TP site, so nobody would see the status",
            next_step="set site_port in inventories/group_data/container_hosts.py, or leave --publish out",
        )
    return found


def publish(
    lab: str,
    machines: Iterable[MachineState],
    hosts: Iterable[InventoryHost],
    config: Path,
    looked: float,
) -> tuple[str, ...]:
    """Put the machines' states beside the site of each host, all at once; a line for each where that fails.

    A host of which no machine answers is not waited for once more.

    :param config: the lab's SSH configuration.
    :param looked: when the look at the machines began, by ``time.monotonic()``.
    """
    machines = tuple(machines)
    silent = {each.host for each in machines} - {each.host for each in machines if each.state != SILENT}

    def put(host: InventoryHost) -> str:
        alias = ssh_config.alias_of(host.name)
        line = command(lab, machines, time.monotonic() - looked)
        why = "no answer" if alias in silent else _failure(line, host, config)
        return f"{alias}: the status is not published: {why}" if why else ""

    return tuple(filter(None, on_each(hosts, put)))


def command(lab: str, machines: Iterable[MachineState], age: float) -> str:
    """What writes the file on a host, whole or not at all.

    Its time is that of the host's clock, as is the ``Date`` of the web server's answers.

    :param age: seconds since the look at the machines began.
    """
    states = [
        {"host": each.host, "name": each.name, "level": level, "state": state, "planned": each.planned}
        for each in machines
        for level, state in [SAID.get(each.state, ("off", each.state))]
    ]
    content = shlex.quote(json.dumps(states))
    new = f"{STATUS_FILE}.$$"
    return (
        f"cd {shlex.quote(status_folder(lab))} 2>/dev/null || exit {NO_SITE}; umask 022; "
        f'printf \'{{"at":%d,"machines":%s}}\\n\' $(($(date +%s) - {ceil(age)})) {content} >{new} '
        f"&& mv -fT {new} {STATUS_FILE} || {{ rm -f {new}; exit 1; }}"
    )


def _failure(line: str, host: InventoryHost, config: Path) -> str:
    """Why a host's shell did not do this; empty: it did."""
    try:
        answer = run_there(line, host, config)
    except TimeoutError:
        return f"no answer within {LIMIT:.0f} s"
    except TooMuchError as error:
        return str(error)
    said = last_line(answer.errors) or f"exit status {answer.status}"
    reasons = {0: "", UNREACHABLE: f"no answer: {said}", NO_SITE: "no TP site is there; lab up serves it"}
    return reasons.get(answer.status, said)
