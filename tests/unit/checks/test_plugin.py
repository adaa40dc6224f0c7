"""What the pytest plugin of the verification does before checks run, while they do, and after."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minetlab.checks import plugin
from minetlab.checks.fixtures import SESSION
from minetlab.checks.modules import Cpu, Kernel
from minetlab.checks.protocol import MAX_MESSAGE
from minetlab.checks.sheets import claims_of
from minetlab.claims.claims import BY_ID
from tests.support.measured import costs
from tests.support.recorded import ALICE, CONTAINER, CT1, HV1, RecordedLab
from tests.support.verified import PLUGINS, Machines, ended

CHECKS = """
import pytest
@pytest.mark.claim("C04")
def test_kernel(kvm_host): pass
@pytest.mark.claim("C05")
def test_inside(guest): pass
def test_alone(): pass
@pytest.mark.sheet
def test_sheet(kvm_host): pass
"""


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """A lab in which all of Alice's machines answer, and none of Bob's."""
    return Machines(tmp_path, monkeypatch)


def collected(numprocesses: int = 0, **option: bool) -> tuple[list[str], list[set[tuple[str, str]]]]:
    """What is printed, and which machines are asked, once these checks are collected."""
    printed: list[str] = []
    asked: list[set[tuple[str, str]]] = []
    reporter = SimpleNamespace(write_line=printed.append)
    config = SimpleNamespace(
        option=SimpleNamespace(**{"collectonly": False, **option}),
        getoption=lambda name, default: numprocesses,
        pluginmanager=SimpleNamespace(getplugin=lambda name: reporter),
        stash={SESSION: SimpleNamespace(fetch=asked.append)},
    )
    items: list[Any] = [
        SimpleNamespace(callspec=SimpleNamespace(params=params))
        for params in (
            {"guest": "minet-alice"},
            {"guest": "minet-alice"},
            {"domain": "minet-bob"},
            {"kvm_host": "hv1", "measuring": None},
        )
    ]
    session = SimpleNamespace(config=config, items=[*items, SimpleNamespace()])
    plugin.pytest_collection_finish(cast(pytest.Session, session))
    return printed, asked


def test_machines_are_asked_once_before_their_checks() -> None:
    """A domain is looked at on its host: nothing inside the guest is asked."""
    printed, asked = collected()
    assert asked == [{("guest", "minet-alice"), ("kvm_host", "hv1")}]
    assert printed == ["asking 2 machines"]


def test_workers_ask_by_themselves_and_a_list_of_checks_asks_nobody() -> None:
    assert collected(numprocesses=4) == ([], [])
    assert collected(collectonly=True) == ([], [])


def test_without_a_machine_to_ask_nothing_is_said(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machines.verified(CHECKS, "-k", "alone").green
    assert "asking" not in capsys.readouterr().out


def test_a_worker_asks_its_machines_when_it_needs_them() -> None:
    asked: list[object] = []
    config = SimpleNamespace(
        option=SimpleNamespace(collectonly=False),
        workerinput={},
        getoption=lambda name, default: default,
        pluginmanager=SimpleNamespace(getplugin=lambda name: None),
        stash={SESSION: SimpleNamespace(fetch=asked.append)},
    )
    plugin.pytest_collection_finish(cast(pytest.Session, SimpleNamespace(config=config, items=[])))
    assert asked == []


def test_all_checks_run_sheets_first(machines: Machines) -> None:
    found = list(ended(machines.verified(CHECKS)))
    assert found[0] == (HV1, "test_sheet")
    assert set(found) == {
        *((HV1, f"test_{name}") for name in ("sheet", "kernel")),
        *((login, "test_inside") for login in (ALICE, "minet-bob")),
        ("", "test_alone"),
    }


@pytest.mark.parametrize(
    ("options", "left", "out"),
    [
        (["--claim", "C04"], {(HV1, "test_kernel")}, 4),
        (
            ["--claim", "C04,C05,"],
            {(HV1, "test_kernel"), *((f"minet-{x}", "test_inside") for x in ("alice", "bob"))},
            2,
        ),
        (["--student", "alice"], {(ALICE, "test_inside")}, 4),
        (["--student", "alice,bob"], {(ALICE, "test_inside"), ("minet-bob", "test_inside")}, 3),
        (["--student", "alice", "--claim", "C04"], set(), 5),
    ],
)
def test_only_what_was_chosen_is_checked(
    machines: Machines,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    left: set[tuple[str, str]],
    out: int,
) -> None:
    found = machines.verified(CHECKS, *options)
    assert ended(found).keys() == left
    assert f"{out} deselected" in capsys.readouterr().out


def test_a_check_without_a_machine_in_the_lab_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machines = Machines(tmp_path, monkeypatch, {HV1: "kvm_hosts"})
    checks = "def test_one(container): pass\ndef test_other(kvm_host): pass\n"
    assert ended(machines.verified(checks)) == {(HV1, "test_other"): "passed"}
    assert "1 deselected" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--claim", "C04,C99,C98"],
            f"--claim C98, C99: there is no such claim\n  → choose one of: {min(BY_ID)}",
        ),
        (
            ["--student", "alice,eve"],
            "--student eve: there is no such student\n  → choose one of: alice, bob",
        ),
    ],
)
def test_what_there_is_not_cannot_be_chosen(
    machines: Machines, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    verdicts = machines.verified(CHECKS, *options)
    assert verdicts.exit_codes == [pytest.ExitCode.USAGE_ERROR]
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "style"),
    [([], "short"), (["--tb=no"], "no"), (["--tb=long"], "long"), (["--tb=auto"], "short")],
)
def test_tracebacks_are_short_unless_others_are_asked_for(
    machines: Machines, options: list[str], style: str
) -> None:
    check = f"def test_it(pytestconfig): assert pytestconfig.option.tbstyle == {style!r}\n"
    assert machines.verified(check, *options).green


def test_a_traceback_shows_the_check_and_not_how_it_reads(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    check = """
from minetlab.checks.modules import Reader
def test_it(guest): Reader.on(guest.host).read('false')
"""
    assert not machines.verified(check, "-k", ALICE).green
    out = capsys.readouterr().out
    assert "`false` failed with 1" in out
    assert "modules.py" not in out


def test_checks_run_without_workers_to_hand_them_to(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    found = machines.verified(CHECKS, "-k", "kernel", plugins=("no:xdist", *PLUGINS))
    assert ended(found) == {(HV1, "test_kernel"): "passed"}
    assert "asking 1 machines" in capsys.readouterr().out


def test_a_worker_gets_the_lab_as_it_was_read(machines: Machines) -> None:
    session = machines.session()
    node = SimpleNamespace(workerinput={}, config=SimpleNamespace(stash={SESSION: session}))
    plugin.pytest_configure_node(node)
    config = SimpleNamespace(
        workerinput=json.loads(json.dumps(node.workerinput)),
        option=SimpleNamespace(tbstyle="no"),
        getoption=lambda name, default=None: default,  # the inventory is not read again
        stash={},
    )
    plugin.pytest_configure(cast(pytest.Config, config))
    assert config.stash[SESSION].lab == session.lab
    assert [host.name for host in config.stash[SESSION].loaded.hosts] == [HV1, CT1]


READING = """
import pytest
from minetlab.checks.fixtures import SESSION
from minetlab.checks.modules import Kernel
from minetlab.ssh.backend import UnreachableError
from tests.support.measured import costs
@pytest.mark.claim("C04")
@pytest.mark.claim("C05")
def test_claimed(kvm_host, request):
    kvm_host.reads("ls /sys/module")
    request.config.stash[SESSION].measured.append(costs())
def test_plain(kvm_host):
    kvm_host.reads("ls /sys/module")
    Kernel.on(kvm_host.host).release()
def test_wrong(kvm_host):
    assert not kvm_host.reads("ls /sys/module"), "it is wrong"
def test_lost(kvm_host):
    raise UnreachableError("hv1 is gone")
@pytest.mark.claim("C06")
def test_not_here(kvm_host):
    pytest.skip("hv1: not here")
"""


def test_a_report_carries_what_its_check_read_and_measured_and_nothing_else(machines: Machines) -> None:
    answers = RecordedLab().answers[HV1]
    boot_id, modules, release = (
        (HV1, command, answers[command]) for command in (Kernel.BOOT_ID, Kernel.MODULES, Kernel.RELEASE)
    )
    claimed = machines.verified(READING, "-k", "claimed")
    assert claimed.read == [boot_id, modules]
    assert claimed.measured == [costs()]
    assert {each.claim for each in claimed.evidence} == {"C04", "C05"}
    # Of what passes and proves nothing, the versions alone are of interest.
    assert machines.verified(READING, "-k", "plain").read == [release]
    assert machines.verified(READING, "-k", "wrong").read == [boot_id, modules]
    both = machines.verified(READING, "-k", "claimed or plain")
    assert (both.read, both.measured) == ([boot_id, modules, release], [costs()])


def test_how_a_check_ended_is_the_verdict_on_its_claim(
    machines: Machines, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = machines.verified(READING)
    assert {(each.check, each.claim, each.verdict) for each in verdicts.evidence} == {
        ("test_claimed", "C04", "demonstrated"),
        ("test_claimed", "C05", "demonstrated"),
        ("test_wrong", None, "violated"),
        ("test_lost", None, "not checked"),
        ("test_not_here", "C06", "not demonstrable"),
    }
    lines = capsys.readouterr().out.splitlines()
    assert any("not checked, or not demonstrable here" in line for line in lines)
    assert "not here (1 check): hv1" in lines


@pytest.mark.parametrize("in_ci", [True, False])
@pytest.mark.parametrize("style", ["short", "long", "line", "native", "short --showlocals", "short -vv"])
def test_no_word_of_a_students_machine_controls_the_terminal(
    machines: Machines,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    style: str,
    *,
    in_ci: bool,
) -> None:
    """A student is root in a guest, and has its programs print what they like."""
    monkeypatch.setenv("CI", "true") if in_ci else monkeypatch.delenv("CI", raising=False)
    machines.answers[ALICE]["uname -r"] = "\x1b[2Jall is well\rFAKED\x9b31m\u202e\x85FAKED"
    verdicts = machines.verified(
        """
import pytest
from minetlab.checks.modules import Kernel
def test_wrong(guest): assert False, guest.differs("kernel", "6.1", Kernel.on(guest.host).release())
def test_chained(guest):
    try: raise ValueError(Kernel.on(guest.host).release())
    except ValueError as error: raise AssertionError(str(error))
def test_printed(guest):
    print(Kernel.on(guest.host).release()[:15])
    assert False
def test_skipped(guest): pytest.skip(f"{guest.name}: {Kernel.on(guest.host).release()}")
""",
        "-k",
        ALICE,
        *f"--tb={style}".split(),
    )
    out = capsys.readouterr().out
    assert out.count("␛[2Jall is well") >= 4
    assert not re.search(r"[\x1b\r\x9b\u202e\x85]", out)
    if style not in ("line", "native"):  # these, which nobody gets without asking, do not mark lines
        assert not re.search("^ *FAKED", out, re.MULTILINE)
    assert {check.outcome for check in verdicts.checks.values()} == {"failed", "skipped"}
    assert not any("\x1b" in check.reason for check in verdicts.checks.values())


UNREADABLE = {
    '"lscpu"': "TypeError: string indices must be integers",
    "[" * 100_000: "RecursionError: maximum recursion depth exceeded",
    '{"lscpu": [{"field": 1, "data": ""}]}': "AttributeError: 'int' object has no attribute 'rstrip'",
    "\x1b[2J": "JSONDecodeError: Expecting value",
}


@pytest.mark.parametrize("answer", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_answer_that_cannot_be_read_is_one_line_and_no_traceback(
    machines: Machines, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    machines.answers[ALICE][Cpu.LSCPU] = answer
    check = "from minetlab.checks.modules import Cpu\ndef test_it(guest): Cpu.on(guest.host).fields()\n"
    verdicts = machines.verified(check, "-k", ALICE)
    (ended,) = verdicts.checks.values()
    assert ended.outcome == "failed"
    assert ended.reason.startswith(f"{ALICE}: an answer cannot be read: {UNREADABLE[answer]}")
    out = capsys.readouterr().out
    assert "Traceback" not in out
    assert "modules.py" not in out
    assert out.count(UNREADABLE[answer]) <= 2  # the message, and the line of the summary
    machines.verified(check, "-k", ALICE, "--tb=long")
    assert "modules.py" in capsys.readouterr().out


@pytest.mark.parametrize("in_ci", [True, False])
def test_a_message_has_an_end(
    machines: Machines, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, in_ci: bool
) -> None:
    monkeypatch.setenv("CI", "true") if in_ci else monkeypatch.delenv("CI", raising=False)
    machines.answers[ALICE]["uname -r"] = "six\n" * 100_000
    verdicts = machines.verified(
        """
from minetlab.checks.modules import Kernel
def test_wrong(guest): assert False, guest.differs("kernel", "6.1", Kernel.on(guest.host).release())
""",
        "-k",
        ALICE,
    )
    assert len(capsys.readouterr().out) < 2 * MAX_MESSAGE
    (check,) = verdicts.checks.values()
    assert len(check.reason) < MAX_MESSAGE + 50
    assert check.reason.endswith("more characters)")


@pytest.mark.parametrize(("check", "options"), [("not_here", ["--no-summary"]), ("plain", [])])
def test_nothing_is_said_of_what_was_skipped_where_it_is_not_wanted_or_nothing_was(
    machines: Machines, capsys: pytest.CaptureFixture[str], check: str, options: list[str]
) -> None:
    machines.verified(READING, "-k", check, *options)
    assert "not demonstrable here" not in capsys.readouterr().out


def test_a_sheet_is_a_check_for_each_machine_where_it_is_done(machines: Machines) -> None:
    checks = """
def test_sheet(container, tp): assert container.container.tp_image == tp
def test_shows(container, tp, claim): assert claim
"""
    found = ended(machines.verified(checks, "--student", "alice", "-k", "alice-processus"))
    claims = claims_of("processus")
    assert len(claims) > 1
    assert found == {
        (CONTAINER, name): "passed"
        for name in ("test_sheet[processus]", *(f"test_shows[processus:{claim}]" for claim in claims))
    }
    chosen = machines.verified(checks, "--claim", claims[0], "-k", "alice-processus")
    assert list(ended(chosen)) == [(CONTAINER, f"test_shows[processus:{claims[0]}]")]


def test_a_guests_sheets_are_those_of_its_host(machines: Machines) -> None:
    found = ended(machines.verified("def test_sheet(guest, tp): assert guest.name\n", "--student", "alice"))
    (host,) = machines.session().lab.kvm_hosts
    assert host.settings.guest_tps
    assert list(found) == [(ALICE, f"test_sheet[{tp}]") for tp in host.settings.guest_tps]


def test_each_reason_is_a_line_with_its_machines_and_how_many_checks() -> None:
    reasons = ["hv1: no KVM: it is emulated", "ct2: off", "ct1: off", "ct1: off"]
    assert list(plugin.skipped_lines(reasons)) == [
        "no KVM: it is emulated (1 check): hv1",
        "off (3 checks): ct1, ct2",
    ]


def test_two_checks_of_one_machine_are_two() -> None:
    assert list(plugin.skipped_lines(["hv1: off", "hv1: off"])) == ["off (2 checks): hv1"]


def test_where_nothing_was_skipped_nothing_is_said() -> None:
    assert list(plugin.skipped_lines([])) == []
