"""Replace a key in running guests, as a guest reads the keys of its seed only at its first boot."""

import shlex
from collections.abc import Collection, Iterable
from pathlib import Path

from minetlab.facts.libvirt import EmptyDisks
from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import Lab
from minetlab.machines import status
from minetlab.plan import Guest, Plan
from minetlab.resources.access import guest_logins, sessions_of, with_keys_replaced
from minetlab.resources.guests import start_hint
from minetlab.secrets.keys import ADMIN
from minetlab.ssh.run import NoAnswerError, run
from minetlab.ssh.ssh_config import alias_of
from minetlab.ssh.student_machines import in_parallel
from minetlab.util.process import TooMuchError

AUTHORIZED_KEYS = "~/.ssh/authorized_keys"
MOST_KEYS = 2**20
"""The most bytes that are read of that file; a larger one was not written by hand."""
END_SESSIONS = """\
sessions=$(pgrep --euid "$1" --full "$2") || [ $? -eq 1 ] || exit
for pid in $sessions; do [ "$pid" = "$3" ] || kill -KILL "$pid" 2>/dev/null || true; done
"""
"""A script for root: end the sessions of accounts ``$1`` that expression ``$2`` matches, except ``$3``."""
READ = f"test ! -e {AUTHORIZED_KEYS} || cat {AUTHORIZED_KEYS}"


def change_keys(
    lab: Lab,
    plan: Plan,
    hosts: Collection[InventoryHost],
    config: Path,
    *,
    add: Collection[str] = (),
    drop: Collection[str] = (),
    of_lab: bool = False,
) -> list[str]:
    """Add and remove keys on all guests of a plan; where a key is removed, the accounts' SSH sessions end.

    Guests that do not exist yet, or were never started, need no change: they get the keys of their seed.

    :param lab: the lab.
    :param plan: the plan of the students on whose guests keys are changed.
    :param hosts: the hosts of their guests.
    :param config: the lab's SSH configuration, in which a guest's name opens the lab's own account there.
    :param add: the public keys to add.
    :param drop: the public keys to remove.
    :param of_lab: the keys are the lab's, which open its own account as well as the student's.
    :return: a line for each guest that was not changed, with the reason.
    """
    guests = {guest.name: guest for guest in plan.guests}
    machines = status.states(lab, plan, hosts, config)
    states = {machine.name: machine.state for machine in machines if machine.name in guests}
    off = [guests[name] for name, state in states.items() if state == status.OFF]
    never_started = _never_started(lab, off, hosts, config)

    def problem_of(guest: Guest) -> str:
        state = states[guest.name]
        if state == status.RUNNING:
            changed = _change(config, guest, _logins(lab, guest, add), drop, of_lab=of_lab)
            return "" if changed else f"{guest.name} does not answer SSH"
        if state == status.SILENT:
            return f"{guest.name}: its host does not answer"
        if state == status.MISSING or guest.name in never_started:
            return ""
        return f"{guest.name} is {state}{_how_to_start(guest)}"

    return sorted(filter(None, in_parallel(problem_of, [guests[name] for name in states])))


def _never_started(
    lab: Lab, off: Collection[Guest], hosts: Iterable[InventoryHost], config: Path
) -> frozenset[str]:
    """Return the names of the guests whose disk is still empty, so that no key is on it."""
    empty: frozenset[str] = frozenset()
    for host in hosts:
        if names := tuple(guest.name for guest in off if guest.host == host.name):
            empty |= status.ask(EmptyDisks(), host, config, lab=lab.name, guests=names) or frozenset()
    return empty


def _how_to_start(guest: Guest) -> str:
    return "" if guest.to_run else f" ({start_hint(guest.name, alias_of(guest.host))})"


def _logins(lab: Lab, guest: Guest, keys: Collection[str]) -> list[str]:
    return guest_logins(lab.kvm_host(guest.host).settings.guest_network, keys)


def _change(config: Path, guest: Guest, add: Collection[str], drop: Collection[str], *, of_lab: bool) -> bool:
    accounts = [guest.student.login, *([ADMIN] if of_lab else [])]
    changed = all(_change_account(config, guest, account, add, drop) for account in accounts)
    return changed and (not drop or _end_sessions(config, guest, accounts))


def _change_account(
    config: Path, guest: Guest, account: str, add: Collection[str], drop: Collection[str]
) -> bool:
    current = _run_as(account, config, guest, READ)
    if current is None:
        return False
    wanted = with_keys_replaced(current, add, drop)
    return wanted == current or _run_as(account, config, guest, _write_script(wanted), wanted) is not None


def _end_sessions(config: Path, guest: Guest, accounts: Collection[str]) -> bool:
    """End the SSH sessions of accounts, but not the one that does it; return whether that has succeeded."""
    script = shlex.join(["sh", "-c", END_SESSIONS, "sh", ",".join(accounts), sessions_of(accounts)])
    # The shell that reads this line is a child of the session's own sshd.
    return _run(config, guest, f"sudo -n -H -u root -- {script} $PPID") is not None


def _write_script(text: str) -> str:
    """Return a script that replaces the file with its standard input, if all of this text arrives there."""
    new = f"{AUTHORIZED_KEYS}.new"
    return (
        f"umask 077 && mkdir -p ~/.ssh && cat >{new} && "
        f'test "$(wc -c <{new})" -eq {len(text.encode())} && mv -f {new} {AUTHORIZED_KEYS}'
    )


def _run_as(account: str, config: Path, guest: Guest, script: str, stdin: str = "") -> str | None:
    """Run a script in an account; return its output, or None if it failed or nothing answered."""
    line = shlex.join(["sudo", "-n", "-H", "-u", account, "--", "sh", "-c", script])
    return _run(config, guest, line, stdin)


def _run(config: Path, guest: Guest, line: str, stdin: str = "") -> str | None:
    try:
        ended = run(config, guest.name, line, status.HOST_ANSWER_LIMIT, stdin=stdin, max_bytes=MOST_KEYS)
    except (NoAnswerError, TooMuchError):
        return None
    return ended.output if ended.status == 0 else None
