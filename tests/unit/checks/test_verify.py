"""What a verification collects of its checks, and what it has pytest run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from minetlab.checks import history, verify
from minetlab.checks.protocol import attach
from minetlab.checks.verify import Verdicts
from minetlab.claims.changes import Check
from tests.support.measured import costs
from tests.support.recorded import HV1
from tests.support.verified import Machines

Phase = Literal["setup", "call", "teardown"]
HERE = "tests/hosts/test_kvm_hosts.py"


def verdicts_of(
    *ended: tuple[Phase, Literal["passed", "failed", "skipped"]], longrepr: Any = None, **carried: Any
) -> Verdicts:
    """What is collected of one check whose phases end like this."""
    verdicts = Verdicts()
    for when, outcome in ended:
        report = pytest.TestReport(f"{HERE}::test_it[hv1:vm]", ("", 0, ""), {}, outcome, longrepr, when)
        attach(report, **carried)
        verdicts.pytest_runtest_logreport(report)
    return verdicts


def of_claims(verdicts: Verdicts) -> list[tuple[str | None, str, str]]:
    return [(each.claim, each.verdict, each.reason) for each in verdicts.evidence]


def test_a_check_that_passes_demonstrates_its_claims() -> None:
    found = verdicts_of(
        ("call", "passed"), claims=["C04", "C05"], read=[(HV1, "ls", "a")], measured=[costs()]
    )
    assert of_claims(found) == [("C04", "demonstrated", ""), ("C05", "demonstrated", "")]
    (seen,) = found.evidence[0].observations
    assert (seen.machine, seen.command, seen.output) == (HV1, "ls", "a")
    assert {(each.machine, each.check) for each in found.evidence} == {(HV1, "test_it")}
    assert (found.passed, found.failed) == ({HV1: 1}, {})
    assert (found.read, found.measured) == ([(HV1, "ls", "a")], [costs()])
    assert list(found.checks.values()) == [Check(machine=HV1, name="test_it[vm]", outcome="passed")]


def test_each_check_is_counted_once_however_many_phases_it_has() -> None:
    found = verdicts_of(("setup", "passed"), ("call", "passed"), ("teardown", "passed"), claims=["C04"])
    assert found.passed == {HV1: 1}
    assert len(found.evidence) == len(found.checks) == 1
    again = verdicts_of(("call", "passed"), ("call", "passed"))
    assert again.passed == {HV1: 2}


def test_phases_before_and_after_a_check_that_pass_say_nothing() -> None:
    found = verdicts_of(("setup", "passed"), ("teardown", "passed"), claims=["C04"])
    assert (found.passed, found.failed, found.checks, found.evidence) == ({}, {}, {}, [])


def test_a_check_that_fails_violates_its_claims_or_is_wrong_for_itself() -> None:
    found = verdicts_of(("call", "failed"), longrepr="Failed: it is 6", claims=["C04"])
    assert of_claims(found) == [("C04", "violated", "it is 6")]
    assert (found.passed, found.failed) == ({}, {HV1: ["test_it"]})
    assert of_claims(verdicts_of(("call", "failed"), longrepr="it is 6")) == [(None, "violated", "it is 6")]
    assert of_claims(verdicts_of(("call", "passed"))) == []


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_where_the_machine_does_not_answer_nothing_was_checked(outcome: Any) -> None:
    before = verdicts_of(("setup", outcome), longrepr="no route", claims=["C04"])
    assert of_claims(before) == [("C04", "not checked", "no route")]
    assert [check.outcome for check in before.checks.values()] == [outcome]
    during = verdicts_of(("call", "failed"), longrepr="no route", claims=["C04"], unreachable=True)
    assert of_claims(during) == [("C04", "not checked", "no route")]
    assert during.unreachable == {HV1}
    assert before.unreachable == ({HV1} if outcome == "failed" else set())


def test_what_is_wrong_after_a_check_fails_it_and_is_no_evidence() -> None:
    found = verdicts_of(("call", "passed"), ("teardown", "failed"), longrepr="it stays", claims=["C04"])
    assert of_claims(found) == [("C04", "demonstrated", "")]
    assert found.failed == {HV1: ["test_it"]}
    assert [(check.outcome, check.reason) for check in found.checks.values()] == [("failed", "it stays")]


def test_a_check_that_is_skipped_says_why() -> None:
    found = verdicts_of(("call", "skipped"), longrepr=("a.py", 3, "Skipped: no KVM"), claims=["C04"])
    assert of_claims(found) == [("C04", "not demonstrable", "no KVM")]


def test_the_reason_of_a_failure_is_its_message(machines: Machines) -> None:
    check = "def test_it(kvm_host): assert not kvm_host, 'hv1: it is 6'\n"
    found = machines.verified(check)
    assert found.checks[HV1, "test_it"].reason.startswith("hv1: it is 6\nassert not KvmMachine")


@pytest.mark.parametrize(
    ("exit_codes", "green"),
    [([0], True), ([0, 5], True), ([5], False), ([], False), ([0, 1], False), ([1], False), ([0, 2], False)],
)
def test_green_is_what_ran_and_did_not_fail(exit_codes: list[int], green: bool) -> None:
    assert Verdicts(exit_codes=exit_codes).green == green


def test_a_few_words_say_how_a_machine_is() -> None:
    verdicts = Verdicts(failed={"hv1": ["a", "b"]}, passed={"hv1": 3, "ct1": 4})
    verdicts.unreachable.add("minet-bob")
    summaries = [verdicts.summary_of(machine) for machine in ("hv1", "ct1", "minet-eve", "minet-bob")]
    assert [(summary.plain, summary.style) for summary in summaries] == [
        ("2 FAILED", "red"),
        ("4 checks passed", "green"),
        ("not verified", "yellow"),
        ("does not answer", "red"),
    ]


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    return Machines(tmp_path, monkeypatch, {HV1: "kvm_hosts"})


def test_a_verification_of_the_whole_lab_is_remembered(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = machines.folder / "project" / "tests" / "hosts"
    hosts.mkdir(parents=True)
    (hosts / "conftest.py").write_text(
        'pytest_plugins = ["minetlab.checks.plugin", "minetlab.checks.fixtures"]\n'
    )
    (hosts / f"test_{hosts.stat().st_ino}.py").write_text("def test_it(kvm_host): kvm_host.answers()\n")
    monkeypatch.setattr(verify, "PROJECT_ROOT", machines.folder / "project")
    path = history.path_of("minet", machines.inventory, everything=False)
    narrowed = verify.run(machines.inventory, keyword="test_it")
    assert narrowed.green
    assert not path.exists()
    found = verify.run(machines.inventory)
    assert found.passed == {HV1: 1}
    earlier = history.read(path)
    assert earlier.green == earlier.last
    assert earlier.last
    assert earlier.last.checks == tuple(found.checks.values())


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words of each run of pytest, which finds nothing to check."""
    run: list[list[str]] = []

    def main(words: Sequence[str], plugins: object) -> int:
        run.append([*words])
        return 5

    monkeypatch.setattr(pytest, "main", main)
    return run


def options(command: list[str]) -> dict[str, str]:
    return {
        word: command[at + 1] for at, word in enumerate(command[:-1]) if word in {"-m", "-n", "--junitxml"}
    }


def test_the_quick_checks_run_in_this_process(machines: Machines, commands: list[list[str]]) -> None:
    verdicts = verify.run(machines.inventory, student="alice", junit=Path("junit.xml"))
    (command,) = commands
    assert command[0].endswith("/tests/hosts")
    assert Path(command[0]).is_dir()
    assert options(command) == {"-m": verify.QUICK, "-n": "0", "--junitxml": "junit.xml"}
    assert command[-5:] == ["-q", "--inventory", str(machines.inventory), "--student", "alice"]
    assert verdicts.exit_codes == [5]
    assert not verdicts.green
    assert not history.path_of("minet", machines.inventory, everything=False).exists()  # nothing was checked


@pytest.mark.parametrize(
    "what", [{"everything": True}, {"claim": "C04"}, {"everything": True, "claim": "C04"}]
)
def test_all_checks_run_side_by_side_and_measurements_after_them(
    machines: Machines, commands: list[list[str]], what: dict[str, Any]
) -> None:
    verify.run(machines.inventory, junit=Path("results/junit.xml"), **what)
    assert [options(command) for command in commands] == [
        {"-m": "not measurement", "-n": str(verify.WORKERS), "--junitxml": "results/junit.xml"},
        {"-m": "measurement", "-n": "0", "--junitxml": "results/junit-measurements.xml"},
    ]
    assert all(command[-1] == "-v" and "--tb=no" not in command for command in commands)


def test_without_a_file_for_it_no_junit_xml_is_written(machines: Machines, commands: list[list[str]]) -> None:
    verify.run(machines.inventory, everything=True)
    assert all("--junitxml" not in command for command in commands)


@pytest.mark.parametrize("everything", [False, True])
def test_what_failed_can_be_left_out(machines: Machines, commands: list[list[str]], everything: bool) -> None:
    verify.run(machines.inventory, everything=everything, quietly=True)
    for command in commands:
        assert {"-q", "--tb=no", "--no-summary"} <= {*command}
        assert "-v" not in command
