"""Operations on the jump account, through which students reach their machines."""

import shlex
from collections.abc import Iterator

from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.context import host

from minetlab.facts.jump import JumpState
from minetlab.lab import Lab
from minetlab.operations import observe, specs
from minetlab.operations.commands import lab_operation
from minetlab.operations.shell import RELOAD_UNITS, all_of, install_text, install_units, with_input
from minetlab.plan import Plan
from minetlab.resources.jump import (
    JUMP_HOME,
    JUMP_KEYS_FOLDER,
    JUMP_SHELL,
    JumpObserved,
    jump_account,
    jump_targets,
    keys_file,
    keys_folder,
    label,
    limits,
    limits_file,
    settings,
    settings_file,
)
from minetlab.util.errors import LabError

# While sshd reads its configuration again, it refuses connections: wait, as our next one may follow at once.
_ANSWERS = """\
at=$(/usr/sbin/sshd -T | sed -n 's/^listenaddress //p' | head --lines=1)
address=$(tr -d '[]' <<<"${at%:*}")
until (exec 3<>"/dev/tcp/$address/${at##*:}" && read -rt 30 -u 3 && [[ $REPLY == SSH-* ]]) 2>/dev/null
do sleep 0.2; done"""
# Nothing is done on a host that starts an sshd for each connection: that sshd reads the new configuration.
RELOAD = (
    "{ systemctl try-reload-or-restart ssh.service && { ! systemctl --quiet is-active ssh.service"
    f" || timeout 300 bash -c {shlex.quote(_ANSWERS)}"
    " || { echo 'sshd does not answer any more' >&2; false; }; }; }"
)

# Standard input: what ss prints of a connection to another student's machine. One process can have several.
_END_SESSIONS = """\
exec 3<&0
others=$(ss --no-header --tcp --numeric --processes state established |
    grep --fixed-strings --file=/dev/fd/3 | grep --only-matching 'pid=[0-9]*')
for pid in $(pgrep --euid "$1" --full '^sshd'); do
    echo "$others" | grep --quiet --line-regexp "pid=$pid" || kill -KILL "$pid" 2>/dev/null || true
done"""


@lab_operation
def account(lab: Lab, plan: Plan) -> Iterator[PyinfraCommand]:
    """Have the jump account for the plan's students; remove it if they need none on this host."""
    observed = observe.fact(JumpState, lab=lab.name)
    keys = specs.jump_keys(lab, plan, host.name)
    if keys:
        commands = _setup(lab, keys, observed)
        yield from observe.changing(commands, otherwise="the jump account is set up")
    else:
        commands = _removal(lab.name, observed)
        yield from observe.changing(commands, otherwise="no student needs a jump account here")


@lab_operation
def limit(lab: Lab) -> Iterator[PyinfraCommand]:
    """Limit what connections through the jump account take of the host, also those that are open.

    :param lab: the lab.
    :yields: the command.
    """
    # The slice's name has the account's number, which is known once there is an account.
    observed = observe.fact(JumpState, lab=lab.name)
    desired = limits(lab)
    commands = []
    if observed.user is not None and observed.label == label(lab.name) and observed.limits != desired:
        commands.append(install_units({limits_file(observed.user): desired}))
    yield from observe.changing(commands, otherwise="there is nothing to limit anew")


@lab_operation
def keys(lab: Lab, plan: Plan) -> Iterator[PyinfraCommand]:
    """Remove the keys of all but the plan's students from the jump account, if there is one."""
    observed = observe.fact(JumpState, lab=lab.name)
    keys = specs.jump_keys(lab, plan, host.name)
    if not observed.keys or observed.keys == keys:
        host.noop("the jump account has no other keys")
    elif keys:
        yield _write_keys(lab.name, keys)
    else:
        yield from _removal(lab.name, observed)


@lab_operation
def end_sessions(lab: Lab, plan: Plan, ended: Plan) -> Iterator[PyinfraCommand]:
    """End connections through the jump account that lead to no other machines than these.

    :param lab: the lab.
    :param plan: who has which machine.
    :param ended: the machines whose old keys were removed: those keys lead to no others.
    :yields: the command.
    """
    observed = observe.fact(JumpState, lab=lab.name)
    if observed.label != label(lab.name) or not (
        ended.guests_on(host.name) or ended.containers_on(host.name)
    ):
        host.noop("no connections to end")
        return
    others = {machine.student.login for machine in plan.machines}
    others -= {machine.student.login for machine in ended.machines}
    targets = jump_targets(lab, plan.of_students(others), host.name).values()
    peers = "".join(f" {target} \n" for targets_of_one in targets for target in targets_of_one)
    account = jump_account(lab.name)
    yield with_input(peers.encode(), "sh -c", QuoteString(_END_SESSIONS), "sh", QuoteString(account))


@lab_operation
def remove_account(lab: str) -> Iterator[PyinfraCommand]:
    """Remove the jump account, its keys, and its part of sshd's configuration; connections through it end."""
    commands = _removal(lab, observe.fact(JumpState, lab=lab))
    yield from observe.changing(commands, otherwise="there is no jump account")


def _setup(lab: Lab, keys: str, observed: JumpObserved) -> list[StringCommand]:
    account = jump_account(lab.name)
    if observed.label not in {None, label(lab.name)}:
        raise LabError(
            f"{host.name}: an account {account} is there that is not the lab's",
            next_step=f"rename or remove it (usermod --login, userdel {account}), or give the lab another "
            "lab_name",
        )
    name = QuoteString(account)
    commands = []
    if observed.label is None:
        # An impossible password rather than a locked account: without PAM, sshd refuses locked accounts.
        options = "--system --user-group --no-create-home --password '*'"
        folders = f"--home-dir {JUMP_HOME} --shell {JUMP_SHELL}"
        commands.append(
            StringCommand("useradd", options, folders, "--comment", QuoteString(label(lab.name)), name)
        )
    elif (observed.home, observed.shell) != (JUMP_HOME, JUMP_SHELL):
        commands.append(StringCommand(f"usermod --home {JUMP_HOME} --shell {JUMP_SHELL}", name))
    if observed.keys != keys:
        commands.append(_write_keys(lab.name, keys))
    desired = settings(lab, penalizes=observed.penalizes)
    if observed.settings != desired:
        commands.append(_write_settings(lab.name, desired))
    elif observed.stale:
        commands.append(StringCommand(f"/usr/sbin/sshd -t && {RELOAD}"))
    return commands


def _write_keys(lab: str, keys: str) -> StringCommand:
    """Return a command that writes the file of keys."""
    # Only root may write it; the account may read it, as sshd reads it with the account's rights.
    folder, new = QuoteString(keys_folder(lab)), QuoteString(f"{keys_file(lab)}.new")
    return with_input(
        keys.encode(),
        *("(install --directory --mode=0755", JUMP_KEYS_FOLDER, folder, "&& cat >", new, ")"),
        *("&& chmod 0644", new, "&& mv -f", new, QuoteString(keys_file(lab))),
    )


def _write_settings(lab: str, content: str) -> StringCommand:
    """Return a command that writes our part of sshd's configuration; it removes what sshd does not use."""
    path = settings_file(lab)
    show_settings = f"/usr/sbin/sshd -T -C user={jump_account(lab)},host=localhost,addr=127.0.0.1"
    check = f"/usr/sbin/sshd -t && {show_settings} | grep --quiet --line-regexp"
    expected_line = f"authorizedkeysfile {keys_file(lab)}"
    message = f"sshd does not use {path}: see sshd -t, and whether /etc/ssh/sshd_config includes that folder"
    return all_of(
        install_text(content, path),
        StringCommand(
            *("{", check, QuoteString(expected_line), "|| { rm -f", QuoteString(path)),
            *("; echo", QuoteString(message), ">&2; false; }; }"),
        ),
        StringCommand(RELOAD),
    )


def _removal(lab: str, observed: JumpObserved) -> list[StringCommand]:
    name = QuoteString(jump_account(lab))
    commands = []
    if observed.settings:
        commands.append(StringCommand("rm -f", QuoteString(settings_file(lab)), f"&& {RELOAD}"))
    if observed.folder:
        folder = QuoteString(keys_folder(lab))
        commands.append(
            StringCommand("rm -rf", folder, f"&& rmdir --ignore-fail-on-non-empty {JUMP_KEYS_FOLDER}")
        )
    if observed.label == label(lab):
        # userdel(8) fails while the account has processes, such as those of students' connections.
        end_processes = StringCommand("while pkill -KILL -u", name, "; do sleep 0.2; done")
        commands.append(StringCommand("timeout 30 sh -c", QuoteString(end_processes), "; userdel", name))
    if observed.limits and observed.user is not None:
        folder = QuoteString(limits_file(observed.user).rpartition("/")[0])
        commands.append(all_of(StringCommand("rm -rf", folder), RELOAD_UNITS))
    return commands
