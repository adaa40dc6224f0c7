"""Publish the state of all machines beside the TP site, in a file that the instructor's page reads."""

import json
import shlex
import time
from collections.abc import Collection, Iterable, Mapping
from math import ceil
from pathlib import Path

from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines.status import MISSING, OFF, RUNNING, SILENT, MachineState, on_each, run_on_host
from minetlab.resources.site import STATUS_FILE, status_folder
from minetlab.ssh import ssh_config
from minetlab.ssh.run import NoAnswerError
from minetlab.util.errors import LabError
from minetlab.util.process import TooMuchError
from minetlab.util.text import last_line

STATE_WORDS: Mapping[str, tuple[str, str]] = {
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
"""How the page shows each state of a machine: the level (good, off or bad), and the words in French."""
NO_SITE = 3
"""The exit status of :func:`command` if the site's folder does not exist; it is not made after a teardown."""


def hosts_serving_site(lab: Lab, hosts: Iterable[InventoryHost]) -> tuple[InventoryHost, ...]:
    """Select the hosts that serve the lab's TP site.

    :param lab: the lab.
    :param hosts: the hosts of the inventory.
    :return: one host or more.
    :raises LabError: no host serves the site.
    """
    names = {host.name for host in lab.site_hosts}
    site_hosts = tuple(host for host in hosts if host.name in names)
    if not site_hosts:
        raise LabError(
            "no container host of the lab serves the TP site, so nobody would see the status",
            next_step="set site_port in inventories/group_data/container_hosts.py, or leave --publish out",
        )
    return site_hosts


def publish(
    lab: str,
    machines: Collection[MachineState],
    hosts: Iterable[InventoryHost],
    config: Path,
    asked_at: float,
) -> tuple[str, ...]:
    """Write the machines' states beside the TP site, on all hosts at once.

    A host on which no machine answered is not asked again.

    :param lab: the name of the lab.
    :param machines: the states to publish.
    :param hosts: the hosts that serve the site.
    :param config: the lab's SSH configuration.
    :param asked_at: when the hosts were asked for these states, by ``time.monotonic()``.
    :return: a line for each host on which it failed.
    """
    answering = {machine.host for machine in machines if machine.state != SILENT}
    silent = {machine.host for machine in machines} - answering

    def publish_on(host: InventoryHost) -> str:
        alias = ssh_config.alias_of(host.name)
        line = command(lab, machines, time.monotonic() - asked_at)
        failure = "no answer" if alias in silent else _failure(line, host, config)
        return f"{alias}: the status is not published: {failure}" if failure else ""

    return tuple(filter(None, on_each(hosts, publish_on)))


def command(lab: str, machines: Iterable[MachineState], age: float) -> str:
    """Return the shell command that writes the file on a host, completely or not at all.

    The time in the file is that of the host's clock, like the ``Date`` of the web server's answers.

    :param lab: the name of the lab.
    :param machines: the states to publish.
    :param age: seconds since the hosts were asked for these states.
    :return: the command; it ends with :data:`NO_SITE` if there is no site.
    """
    content = shlex.quote(json.dumps([_entry(machine) for machine in machines]))
    new = f"{STATUS_FILE}.$$"
    return (
        f"cd {shlex.quote(status_folder(lab))} 2>/dev/null || exit {NO_SITE}; umask 022; "
        f'printf \'{{"at":%d,"machines":%s}}\\n\' $(($(date +%s) - {ceil(age)})) {content} >{new} '
        f"&& mv -fT {new} {STATUS_FILE} || {{ rm -f {new}; exit 1; }}"
    )


def _entry(machine: MachineState) -> dict[str, str | bool]:
    level, words = STATE_WORDS.get(machine.state, ("off", machine.state))
    return {
        "host": machine.host,
        "name": machine.name,
        "level": level,
        "state": words,
        "planned": machine.planned,
    }


def _failure(line: str, host: InventoryHost, config: Path) -> str:
    """Run a command on a host; return why it failed, or an empty string if it succeeded."""
    try:
        answer = run_on_host(line, host, config)
    except NoAnswerError as error:
        return f"no answer: {error}"
    except TooMuchError as error:
        return str(error)
    reasons = {0: "", NO_SITE: "no TP site is there; lab up serves it"}
    return reasons.get(answer.status, last_line(answer.errors) or f"exit status {answer.status}")
