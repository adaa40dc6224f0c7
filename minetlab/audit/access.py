"""Who gets into a host, and by which keys. No I/O."""

from collections.abc import Iterator

from minetlab.audit.weaknesses import AuditedHost, Look, ThisMachine, Weight
from minetlab.resources import jump
from minetlab.resources.jump import jump_account, keys_file, settings_file
from minetlab.util.names import named

WEAK_SSHD: tuple[tuple[str, frozenset[str], Weight, str], ...] = (
    ("permitemptypasswords", frozenset({"yes"}), Weight.HIGH, "accounts without a password are open"),
    ("passwordauthentication", frozenset({"yes"}), Weight.MEDIUM, "passwords can be guessed"),
    ("kbdinteractiveauthentication", frozenset({"yes"}), Weight.MEDIUM, "passwords can be guessed"),
    ("hostbasedauthentication", frozenset({"yes"}), Weight.MEDIUM, "other hosts say who somebody is"),
    ("permituserenvironment", frozenset({"yes"}), Weight.MEDIUM, "who logs in sets variables of programs"),
    ("logingracetime", frozenset({"0"}), Weight.MEDIUM, "who does not log in holds a connection for ever"),
)
"""sshd's keywords, the values that are weak, how much each weighs, and why."""
MAKE_ANEW = "run lab up, which writes it anew"
OLD_KEYS = 24 * 3600.0
"""Seconds by which a key may be older than its lab: it is made first, and images are built in between."""


def sshd(host: AuditedHost) -> Iterator[Look]:
    """Yield settings of a host's sshd that are weak."""
    for keyword, weak, weight, reason in WEAK_SSHD:
        value = host.security.sshd.get(keyword, "")
        if value in weak:
            yield (
                weight,
                f"sshd: {keyword} is {value}: {reason}",
                f"set it in /etc/ssh/sshd_config on {host.alias}",
            )


def jump_settings(host: AuditedHost) -> Iterator[Look]:
    """Yield what the jump account allows beyond the plan."""
    if host.jump.label is None:
        return
    account = jump_account(host.lab.name)
    if (host.jump.home, host.jump.shell) != (jump.JUMP_HOME, jump.JUMP_SHELL):
        problem = f"{account} has the shell {host.jump.shell} and the home folder {host.jump.home}"
        yield Weight.HIGH, problem, f"{MAKE_ANEW}, or see usermod(8)"
    if host.jump.limits != jump.limits(host.lab):
        problem = f"the memory and processes of {account} are not limited as planned"
        yield Weight.HIGH, problem, MAKE_ANEW
    planned = jump.settings(host.lab, penalizes=host.jump.penalizes)
    if host.jump.settings != planned:
        problem = f"{settings_file(host.lab.name)} is not as planned"
        yield Weight.HIGH, problem, MAKE_ANEW
    elif host.jump.stale:
        yield Weight.MEDIUM, "sshd has not read the jump account's settings", "run lab up, which reloads it"
    else:
        yield from _in_effect(host, planned)


def _in_effect(host: AuditedHost, planned: str) -> Iterator[Look]:
    """Yield settings of the jump account that another of sshd's files overrules."""
    account = jump_account(host.lab.name)
    _, _, of_account = planned.partition(f"Match User {account}\n")
    for line in of_account.splitlines():
        keyword, _, wanted = line.strip().partition(" ")
        value = host.security.sshd_of_jump.get(keyword.lower())
        if value is not None and value.lower() != wanted.lower():
            problem = f"sshd: {keyword} is {value} for {account}, not {wanted}"
            yield (
                Weight.HIGH,
                problem,
                f"on {host.alias}: see which file of /etc/ssh/sshd_config.d overrules ours",
            )


def authorized_keys(host: AuditedHost) -> Iterator[Look]:
    """Yield lines that let keys in which this machine does not know."""
    files = dict(host.security.authorized_keys)
    files[keys_file(host.lab.name)] = tuple(host.jump.keys.splitlines())
    for path, lines in files.items():
        for number, line in enumerate(lines, start=1):
            if (
                line.strip()
                and not line.lstrip().startswith("#")
                and host.known_keys.isdisjoint(line.split())
            ):
                yield (
                    Weight.HIGH,
                    f"{path}: line {number} lets in a key that is not known here: {_comment(line)}",
                    f"on {host.alias}: remove it; or, if you know whose it is, have its .pub file in ~/.ssh",
                )


def _comment(line: str) -> str:
    """Return the end of a line of ``authorized_keys``, by which people know a key."""
    *_, key, comment = ["", *line.split()]
    return comment if len(comment) < len(key) else f"…{comment[-12:]}"


def old_keys(here: ThisMachine) -> Iterator[Look]:
    """Yield keys that were made for an earlier lab of this name."""
    if here.lab_made is None:
        return
    old = sorted(path for path, made in here.keys.items() if made < here.lab_made - OLD_KEYS)
    if old:
        yield (
            Weight.MEDIUM,
            f"{len(old)} keys are older than the lab, and whoever had them has them still: {named(old)}",
            "replace them by lab rotate --lab and lab rotate LOGIN; remove the others, then run lab up",
        )
