"""Checks of the account through which students reach their machines: it leads there, and no more."""

from minetlab.checks.jump import jump_keys, jump_login, jump_settings
from minetlab.checks.machines import JumpHostMachine
from minetlab.resources.jump import keys_file

# What sshd does for it, all of its configuration taken together: sshd_config(5).
SETTINGS = {
    "authenticationmethods": "publickey",
    "authorizedkeyscommand": "none",
    "trustedusercakeys": "none",
    "allowtcpforwarding": "local",
    "allowstreamlocalforwarding": "no",
    "permitlisten": "none",
    "gatewayports": "no",
    "allowagentforwarding": "no",
    "x11forwarding": "no",
    "permittunnel": "no",
    "permittty": "no",
    "permituserrc": "no",
    "maxsessions": "0",
    "maxstartups": "400:100:400",
    "persourcemaxstartups": "250",
    "logingracetime": "120",
    "clientaliveinterval": "60",
    "clientalivecountmax": "3",
    "unusedconnectiontimeout": "60",
    "forcecommand": "/usr/sbin/nologin",
}


def test_jump_account_only_leads_on(jump_host: JumpHostMachine) -> None:
    lines = jump_host.reads(jump_settings(jump_host.lab)).splitlines()
    found = dict(line.partition(" ")[::2] for line in lines)
    planned = {**SETTINGS, "authorizedkeysfile": keys_file(jump_host.lab)}
    wrong = jump_host.differences("sshd's {} for the jump account", planned, found)
    assert not wrong, "\n".join(wrong)


def test_jump_account_leads_each_student_to_their_own(jump_host: JumpHostMachine) -> None:
    """The keys are the planned ones, each with where it leads, and root alone can change them."""
    owner, *lines = jump_host.reads(jump_keys(jump_host.lab)).splitlines()
    assert owner == "root 644", jump_host.differs(
        "owner and mode of the jump account's keys", "root 644", owner
    )
    planned = jump_host.keys.splitlines()
    assert lines == planned, jump_host.differs(
        "keys of the jump account",
        f"the {len(planned)} planned ones",
        f"{len(set(planned) - set(lines))} of them missing, {len(set(lines) - set(planned))} others"
        "\n  → run the deploy",
    )


def test_jump_account_has_no_shell_and_no_password(jump_host: JumpHostMachine) -> None:
    shell, password, *_ = jump_host.reads(jump_login(jump_host.lab)).splitlines()
    assert shell == "/usr/sbin/nologin", jump_host.differs("shell of the jump account", "nologin", shell)
    state = password.split()[1]
    assert state == "L", jump_host.differs("password of the jump account (passwd --status)", "L", state)


def test_connections_through_it_are_limited_in_what_they_take_of_the_host(jump_host: JumpHostMachine) -> None:
    """All of them together, more where there are more students: systemd.resource-control(5)."""
    _, _, *lines = jump_host.reads(jump_login(jump_host.lab)).splitlines()
    planned = {
        "MemoryMax": str((512 + 32 * jump_host.students) * 2**20),
        "MemorySwapMax": "0",
        "TasksMax": str(256 + 16 * jump_host.students),
    }
    found = dict(line.partition("=")[::2] for line in lines)
    wrong = jump_host.differences("{} of the jump account", planned, found)
    assert not wrong, "\n".join(wrong)
