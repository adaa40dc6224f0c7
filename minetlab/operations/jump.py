"""Operations on the account that students' connections to their machines go through."""

import shlex

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.operation import operation
from pyinfra.context import host

from minetlab.facts.jump import JumpState
from minetlab.lab import Lab
from minetlab.operations import specs
from minetlab.operations.commands import Commands, failure
from minetlab.operations.shell import all_of, install_text, with_input
from minetlab.plan import Plan
from minetlab.resources.jump import (
    FOLDER,
    HOME,
    SHELL,
    JumpObserved,
    jump_account,
    keys_file,
    keys_folder,
    label,
    settings,
    settings_file,
)
from minetlab.util.errors import LabError

# While sshd reads its configuration again it refuses connections, and the next of ours may follow at once.
_ANSWERS = """\
at=$(/usr/sbin/sshd -T | sed -n 's/^listenaddress //p' | head --lines=1)
address=$(tr -d '[]' <<<"${at%:*}")
until (exec 3<>"/dev/tcp/$address/${at##*:}" && read -rt 5 -u 3 && [[ $REPLY == SSH-* ]]) 2>/dev/null
do sleep 0.2; done"""
# A host whose sshd is started for each connection has none that could read its configuration again.
RELOAD = (
    "{ systemctl try-reload-or-restart ssh.service && { ! systemctl --quiet is-active ssh.service"
    f" || timeout 60 bash -c {shlex.quote(_ANSWERS)}"
    " || { echo 'sshd does not answer any more' >&2; false; }; }; }"
)


@operation()
def account(lab: Lab, plan: Plan) -> Commands:
    """Have the account that leads the plan's students to their machines; where they need none, have none."""
    observed = host.get_fact(JumpState, lab=lab.name)
    keys = specs.jump_keys(lab, plan, host.name)
    if keys and (problem := _foreign(lab.name, observed)):
        yield failure(problem)
        return
    commands = _standing(lab.name, keys, observed) if keys else _removal(lab.name, observed)
    if not commands:
        host.noop("students get through to their machines" if keys else "nobody has to go through this host")
    yield from commands


@operation()
def keys(lab: Lab, plan: Plan) -> Commands:
    """Have the account, if there is one, lead nobody but the plan's students."""
    observed = host.get_fact(JumpState, lab=lab.name)
    keys = specs.jump_keys(lab, plan, host.name)
    if not observed.keys or observed.keys == keys:
        host.noop("nobody else gets through this host")
    elif keys:
        yield _write_keys(lab.name, keys)
    else:
        yield from _removal(lab.name, observed)


@operation()
def remove_account(lab: str) -> Commands:
    """Remove the account, its keys, and what sshd has been told about it; connections through it end."""
    commands = _removal(lab, host.get_fact(JumpState, lab=lab))
    if not commands:
        host.noop("there is no such account")
    yield from commands


def _foreign(lab: str, observed: JumpObserved) -> LabError | None:
    if observed.label in {None, label(lab)}:
        return None
    name = jump_account(lab)
    return LabError(
        f"{host.name}: an account {name} is there that is not the lab's",
        next_step=f"rename or remove it (usermod --login, userdel {name}), or give the lab another lab_name",
    )


def _standing(lab: str, keys: str, observed: JumpObserved) -> list[StringCommand]:
    name = QuoteString(jump_account(lab))
    commands = []
    if observed.label is None:
        # No password rather than a locked account: sshd without PAM refuses those whatever the key.
        made = f"--system --user-group --no-create-home --home-dir {HOME} --shell {SHELL} --password '*'"
        commands.append(StringCommand("useradd", made, "--comment", QuoteString(label(lab)), name))
    elif (observed.home, observed.shell) != (HOME, SHELL):
        commands.append(StringCommand(f"usermod --home {HOME} --shell {SHELL}", name))
    if observed.keys != keys:
        commands.append(_write_keys(lab, keys))
    if observed.settings != settings(lab):
        commands.append(_write_settings(lab))
    elif observed.stale:
        commands.append(StringCommand(f"/usr/sbin/sshd -t && {RELOAD}"))
    return commands


def _write_keys(lab: str, keys: str) -> StringCommand:
    """Write the file that root alone may write, and the account, as which sshd reads it, may read."""
    folder, new = QuoteString(keys_folder(lab)), QuoteString(f"{keys_file(lab)}.new")
    return with_input(
        keys.encode(),
        *("(install --directory --mode=0755", FOLDER, folder, "&& cat >", new, ")"),
        *("&& chmod 0644", new, "&& mv -f", new, QuoteString(keys_file(lab))),
    )


def _write_settings(lab: str) -> StringCommand:
    """Write our part of sshd's configuration, and have it read; what sshd does not heed goes again."""
    path = settings_file(lab)
    read = f"/usr/sbin/sshd -T -C user={jump_account(lab)},host=localhost,addr=127.0.0.1"
    heeded = (
        f"/usr/sbin/sshd -t && {read} | grep --quiet --line-regexp",
        f"authorizedkeysfile {keys_file(lab)}",
    )
    refused = f"sshd does not take {path}: see sshd -t, and whether /etc/ssh/sshd_config includes that folder"
    return all_of(
        install_text(settings(lab), path),
        StringCommand(
            *("{", heeded[0], QuoteString(heeded[1]), "|| { rm -f", QuoteString(path)),
            *("; echo", QuoteString(refused), ">&2; false; }; }"),
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
        commands.append(StringCommand("rm -rf", folder, f"&& rmdir --ignore-fail-on-non-empty {FOLDER}"))
    if observed.label == label(lab):
        # userdel(8) removes no account that has a process, such as that of a student's connection.
        ended = StringCommand("while pkill -KILL -u", name, "; do sleep 0.2; done")
        commands.append(StringCommand("timeout 30 sh -c", QuoteString(ended), "; userdel", name))
    return commands
