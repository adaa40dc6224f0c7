"""All rules of the audit, in one table: each looks at one kind of weakness. No I/O."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from minetlab.audit import access, confinement, exposure, files, firewall, settings, upkeep
from minetlab.audit.weaknesses import AuditedHost, Look, ThisMachine, Weakness, Weight
from minetlab.util.text import printable_line

Subject = TypeVar("Subject")
THIS_MACHINE = "this machine"
FROM_INSIDE, NOT_SEEN = "from inside", "not seen"
"""Rules for what machines of students answer, and for machines that do not."""


@dataclass(frozen=True)
class Rule(Generic[Subject]):
    """A rule of the audit.

    :param name: its name, as in docs/reference/audit.md.
    :param look: yields what is weak of its subject.
    """

    name: str
    look: Callable[[Subject], Iterator[Look]]


HOST_RULES: tuple[Rule[AuditedHost], ...] = (
    Rule("open ports", exposure.listeners),
    Rule("files", files.on_host),
    Rule("daemons", files.daemons),
    Rule("QEMU", confinement.qemu),
    Rule("interfaces", confinement.interfaces),
    Rule("containers", confinement.containers),
    Rule("dockerd", confinement.dockerd),
    Rule("firewall", firewall.firewall),
    Rule("sshd", access.sshd),
    Rule("jump account", access.jump_settings),
    Rule("authorized keys", access.authorized_keys),
    Rule("updates", upkeep.updates),
    Rule("settings", settings.settings),
    Rule(NOT_SEEN, firewall.not_seen),
)
RULES_HERE: tuple[Rule[ThisMachine], ...] = (
    Rule("secrets", files.on_this_machine),
    Rule("old keys", access.old_keys),
    Rule("images", upkeep.images),
)


def of_host(host: AuditedHost) -> Iterator[Weakness]:
    """Yield the weaknesses of a host."""
    for rule in HOST_RULES:
        yield from weaknesses(host.alias, rule.name, rule.look(host))


def of_this_machine(here: ThisMachine) -> Iterator[Weakness]:
    """Yield the weaknesses of this machine."""
    for rule in RULES_HERE:
        yield from weaknesses(THIS_MACHINE, rule.name, rule.look(here))


def weaknesses(machine: str, rule: str, looks: Iterable[Look]) -> Iterator[Weakness]:
    """Yield what a rule says of a machine, fit to be shown."""
    for weight, problem, next_step in looks:
        yield Weakness(machine, rule, weight, printable_line(problem), printable_line(next_step))


def not_asked(machine: str, weight: Weight, reason: str) -> Weakness:
    """Return the weakness that nothing is known of a machine."""
    look = (weight, f"it could not be looked at: {reason}", f"see ./lab ssh {machine}, then run this again")
    (weakness,) = weaknesses(machine, NOT_SEEN, [look])
    return weakness


def in_order(found: Iterable[Weakness]) -> tuple[Weakness, ...]:
    """Return weaknesses in the order in which they are shown: the worst first, then by machine and rule."""
    order = list(Weight)
    return tuple(
        sorted(found, key=lambda weakness: (order.index(weakness.weight), weakness.machine, weakness.rule))
    )
