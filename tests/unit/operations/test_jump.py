"""The jump account, on a host that answers from a script."""

import pytest

from minetlab.lab import Lab
from minetlab.operations import jump, specs
from minetlab.plan import Plan, allocate
from minetlab.resources.jump import limits, settings
from tests.support.fake_host import Operation, Run, run_operation
from tests.support.places import lab_of

STATE = "getent passwd lab-jump"
ACCOUNT = "account lab-jump:x:997:996:minet-lab lab:/nonexistent:/usr/sbin/nologin"
SETTINGS = [f"settings {line}" for line in settings(lab_of(()), penalizes=False).splitlines()]
LIMITS = [f"limits {line}" for line in limits(lab_of(("alice", "bob"))).splitlines()]
LIMITS_FOLDER = "/etc/systemd/system/user-997.slice.d"
RELOAD = "systemctl try-reload-or-restart ssh.service"
REMOVED = [
    "rm -f /etc/ssh/sshd_config.d/00-minet-lab-lab.conf && {",
    "rm -rf /etc/ssh/minet-lab/lab && rmdir --ignore-fail-on-non-empty /etc/ssh/minet-lab",
    "timeout 30 sh -c 'while pkill -KILL -u lab-jump",
    f"rm -rf {LIMITS_FOLDER} && systemctl daemon-reload",
]


def lab_at(*logins: str, host: str = "@fake/ct1") -> tuple[Lab, Plan]:
    """The lab of these students, whose guests are on the host."""
    lab = lab_of(logins)
    (kvm_host,) = lab.kvm_hosts
    lab = lab.model_copy(update={"kvm_hosts": (kvm_host.model_copy(update={"name": host}),)})
    return lab, allocate(lab)


HERE, NOBODY = lab_at("alice", "bob"), lab_at("alice", "bob", host="hv7")


def keys_of(lab: Lab, plan: Plan) -> list[str]:
    return [f"keys {line}" for line in specs.jump_keys(lab, plan, "@fake/ct1").splitlines()]


def whole(account: str = ACCOUNT) -> list[str]:
    """What a host says on which all is as it should be."""
    return [account, "folder yes", *keys_of(*HERE), *SETTINGS, *LIMITS]


def run(operation: Operation, lines: list[str], there: tuple[Lab, Plan] = HERE) -> Run:
    lab, plan = there
    return run_operation(operation, {STATE: lines}, lab=lab, plan=plan)


def words(result: Run) -> list[str]:
    """The first words of what the host ran after it was asked."""
    return [" ".join(command.split()[:2]) for command in result.commands[1:]]


def test_the_account_is_made_with_its_keys_before_sshd_leads_there() -> None:
    made = run(jump.account, [])
    account, keys, config = made.commands[1:]
    assert account.startswith("useradd --system ")
    assert account.endswith(" --comment 'minet-lab lab' lab-jump")
    assert "mv -f /etc/ssh/minet-lab/lab/jump_keys.new /etc/ssh/minet-lab/lab/jump_keys" in keys
    assert config.index("/usr/sbin/sshd -t") < config.index(RELOAD)
    assert (made.changed, made.failed, made.noops) == (True, False, ())


def test_an_account_that_is_set_up_is_left_alone() -> None:
    result = run(jump.account, whole())
    assert (len(result.commands), result.noops) == (1, ("the jump account is set up",))


@pytest.mark.parametrize(
    ("students", "memory", "tasks"), [(("alice", "bob"), 576, 288), (("alice", "bob", "carol"), 608, 304)]
)
def test_what_connections_take_grows_with_the_class(
    students: tuple[str, ...], memory: int, tasks: int
) -> None:
    lab, _ = lab_at(*students)
    (command,) = run_operation(jump.limit, {STATE: [ACCOUNT]}, lab=lab).commands[1:]
    assert f"MemoryMax={memory}M\nMemorySwapMax=0\nTasksMax={tasks}\n" in command
    assert f"{LIMITS_FOLDER}/minet-lab.conf && systemctl daemon-reload" in command


def test_what_is_limited_and_what_is_not_the_labs_is_left_alone() -> None:
    lab, _ = HERE
    for lines in (whole(), [], [ACCOUNT.replace("minet-lab lab", "somebody")]):
        assert run_operation(jump.limit, {STATE: lines}, lab=lab).idle


@pytest.mark.parametrize("home", ["/home/jump", "/zzz"])
def test_an_account_that_somebody_has_changed_is_set_back(home: str) -> None:
    for changed in (ACCOUNT.replace("/nonexistent", home), ACCOUNT.replace("/usr/sbin/nologin", home)):
        assert words(run(jump.account, whole(changed))) == ["usermod --home"]


@pytest.mark.parametrize("first", ["#", "zzz"])
def test_keys_and_settings_that_somebody_has_changed_are_written_again(first: str) -> None:
    keys = [line.replace("keys ", f"keys {first}") for line in whole()]
    assert words(run(jump.account, keys)) == ["base64 --decode"]
    config = [line.replace("settings ", f"settings {first}") for line in whole()]
    assert words(run(jump.account, config)) == ["mkdir -p"]


def test_an_sshd_that_has_not_read_its_settings_reads_them_and_nothing_is_written() -> None:
    (reloaded,) = run(jump.account, [*whole(), "stale yes"]).commands[1:]
    assert reloaded.startswith("/usr/sbin/sshd -t && {")
    assert RELOAD in reloaded


@pytest.mark.parametrize("comment", ["", "minet-lab other"])
def test_an_account_of_somebody_else_is_refused_and_never_removed(
    comment: str, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = [ACCOUNT.replace("minet-lab lab", comment)]
    refused = run(jump.account, theirs)
    assert (refused.failed, len(refused.commands)) == (True, 1)
    assert "an account lab-jump is there that is not the lab's" in caplog.text
    assert run(jump.account, theirs, NOBODY).idle
    assert run_operation(jump.remove_account, {STATE: theirs}, lab="lab").idle


def test_where_nobody_needs_the_account_all_of_it_goes() -> None:
    for result in (
        run(jump.account, whole(), NOBODY),
        run(jump.keys, whole(), NOBODY),
        run_operation(jump.remove_account, {STATE: whole()}, lab="lab"),
    ):
        assert result.changed
        assert [
            command.startswith(begin) for command, begin in zip(result.commands[1:], REMOVED, strict=True)
        ] == 4 * [True]


def test_what_is_not_there_is_not_removed() -> None:
    for there, begin in ((SETTINGS, "rm -f"), (["folder yes"], "rm -rf"), ([ACCOUNT], "timeout 30")):
        result = run_operation(jump.remove_account, {STATE: there}, lab="lab")
        assert words(result) == [" ".join(f"{begin} {result.commands[1].split()[2]}".split()[:2])]
    assert run_operation(jump.remove_account, {STATE: []}, lab="lab").idle
    result = run(jump.account, [], NOBODY)
    assert (len(result.commands), result.noops) == (1, ("no student needs a jump account here",))


def test_keys_of_students_who_left_go_and_nothing_else_is_touched() -> None:
    (written,) = run(jump.keys, whole(), lab_at("alice")).commands[1:]
    assert written.startswith("base64 --decode")
    assert run(jump.keys, whole()).idle
    assert run(jump.keys, [ACCOUNT, "folder yes"]).idle, "there are no keys yet: they come with the account"
    for first in ("#", "zzz"):
        there = [line.replace("keys ", f"keys {first}") for line in whole()]
        assert run(jump.keys, there).changed
