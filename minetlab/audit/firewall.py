"""Whether the lab's firewall is loaded and as planned, and whether all was seen that has to be. No I/O."""

from collections.abc import Iterator

from minetlab.audit.weaknesses import AuditedHost, Look, Weight
from minetlab.resources.firewall import table
from minetlab.resources.security import MOST_FILES
from minetlab.util.names import named

LOAD = "run lab up, which loads it again"


def firewall(host: AuditedHost) -> Iterator[Look]:
    """Yield how the lab's firewall differs from the plan: in its files, in the kernel, or after a reboot."""
    planned, observed, name = host.planned_firewall, host.firewall, table(host.lab.name)
    if not planned.files:
        return
    if not observed.loaded:
        yield Weight.HIGH, f"the kernel has no table {name}", LOAD
    elif changed := [path for path, text in planned.files.items() if observed.files.get(path) != text]:
        yield Weight.HIGH, f"not as planned: {named(changed)}", LOAD
    elif observed.loaded != planned.digest:
        yield Weight.HIGH, f"the table {name} is of an earlier plan", LOAD
    elif changed := _changed_chains(host):
        problem = f"somebody has changed the table {name}: not as in its file are {named(changed)}"
        yield Weight.HIGH, problem, LOAD
    if missing := sorted(planned.units - observed.enabled):
        yield Weight.MEDIUM, f"after a reboot, nothing starts {named(missing)}", LOAD


def _changed_chains(host: AuditedHost) -> list[str]:
    loaded, planned = host.security.rules, host.security.rules_of_file
    return sorted(name for name in planned.keys() | loaded.keys() if planned.get(name) != loaded.get(name))


def not_seen(host: AuditedHost) -> Iterator[Look]:
    """Yield what could not be read, so that its rules say nothing."""
    security, silent = host.security, []
    if not security.sshd:
        silent.append("sshd's settings")
    if not security.listeners:
        silent.append("open ports")
    if host.planned_firewall.files and host.firewall.loaded and not security.rules_of_file:
        silent.append("the rules of the firewall's file")
    if host.guests and security.taps and not security.isolated:
        silent.append("ports of bridges")
    if host.container and not security.dockerd:
        silent.append("dockerd's options")
    if len(security.files) >= MOST_FILES:
        silent.append(f"more than {MOST_FILES} files")
    if security.upgrades is None:
        silent.append("updates")
    if silent:
        problem = f"these could not be read, so nothing is known of them: {named(silent, most=len(silent))}"
        yield (
            Weight.MEDIUM,
            problem,
            f"see ./lab ssh {host.alias}: are ss, nft, bridge, sshd, docker installed?",
        )
