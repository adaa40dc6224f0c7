"""The pytest plugin of ``tests/hosts``: runs each check on every machine of its kind, keeps what it read."""

import json
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from minetlab.checks.fixtures import KINDS, OFF, SESSION, SILENT
from minetlab.checks.protocol import CheckId, attach
from minetlab.checks.session import Session
from minetlab.checks.sheets import TypedSheet
from minetlab.checks.summary import not_shown
from minetlab.checks.versions import COMMANDS as VERSION_COMMANDS
from minetlab.claims.claims import BY_ID
from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import LoadedLab, load
from minetlab.ssh.backend import UnreachableError
from minetlab.util.errors import LabError
from minetlab.util.names import named, suggestion

DEFAULT_INVENTORY = Path("inventories/lab.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that say what is checked."""
    group = parser.getgroup("lab")
    group.addoption(
        "--inventory", type=Path, default=DEFAULT_INVENTORY, help="The lab's inventory (inventories/lab.py)."
    )
    group.addoption("--claim", help="Only checks that prove these claims of the course, such as C16,C17.")
    group.addoption("--student", help="Only checks of these students' guests and containers, by login.")


def pytest_configure(config: pytest.Config) -> None:
    """Read the lab once; the workers of pytest-xdist get it from the process that started them."""
    if config.option.tbstyle == "auto":
        config.option.tbstyle = "short"
    given = getattr(config, "workerinput", {}).get("inventory")
    try:
        loaded = (
            LoadedLab.of(tuple(InventoryHost(**host) for host in json.loads(given)))
            if given
            else load(config.getoption("--inventory", DEFAULT_INVENTORY))
        )
        config.stash[SESSION] = Session(loaded)
        config.stash[SILENT] = set()
        _require_known(config)
    except LabError as error:
        raise pytest.UsageError(str(error)) from None


def _require_known(config: pytest.Config) -> None:
    """Refuse a claim or a student that there is not, rather than check nothing."""
    students = {student.login for student in config.stash[SESSION].lab.students}
    for option, known in (("claim", set(BY_ID)), ("student", students)):
        unknown = set((config.getoption(option, None) or "").split(",")) - {"", *known}
        if unknown:
            claims = f"choose one of: {', '.join(sorted(BY_ID))}"
            raise LabError(
                f"--{option} {named(sorted(unknown))}: there is no such {option}",
                next_step=suggestion(unknown, known) if option == "student" else claims,
            )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what --claim and --student do not ask for, and what the lab has no machine for."""
    claim, student = config.getoption("claim"), config.getoption("student")
    session = config.stash[SESSION]
    machines = set().union(*map(session.machines_of, student.split(","))) if student else None
    chosen = [
        item
        for item in items
        if CheckId.of(item.nodeid).machine != "NOTSET"
        and (not claim or any(mark.args[0] in claim.split(",") for mark in item.iter_markers("claim")))
        and (machines is None or CheckId.of(item.nodeid).machine in machines)
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    # A machine's sheets come first: pytest-xdist hands a worker its next machine as soon as two checks of the
    # last one are left, and that would then wait behind a sheet for minutes, with other workers idle.
    items[:] = sorted(chosen, key=lambda item: item.get_closest_marker("sheet") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ask all machines beforehand, unless that is left to the workers of pytest-xdist."""
    config = session.config
    if config.option.collectonly or hasattr(config, "workerinput") or config.getoption("numprocesses", 0):
        return
    wanted = {
        (KINDS[fixture], params[fixture])
        for params in (item.callspec.params for item in session.items if hasattr(item, "callspec"))
        for fixture in (KINDS.keys() - {"domain"}) & params.keys()
    }
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter and wanted:
        reporter.write_line(f"asking {len({name for _, name in wanted})} machines")
    config.stash[SESSION].fetch(wanted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not checked or is not demonstrable, and why: it is not passed over in silence."""
    if terminalreporter.no_summary:
        return
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    if reasons:
        terminalreporter.section("not checked, or not demonstrable here")
    for line in not_shown(reasons):
        terminalreporter.line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the inventory to a worker of pytest-xdist."""
    node.workerinput["inventory"] = json.dumps(
        [asdict(host) for host in node.config.stash[SESSION].loaded.hosts]
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have the reports of a check carry the claims that it proves, and what it read to do so."""
    report = yield
    claims = [marker.args[0] for marker in item.iter_markers("claim")]
    session = item.config.stash[SESSION]
    unreachable = bool(call.excinfo and call.excinfo.errisinstance(UnreachableError))
    if call.when == "call":
        all_of_it = claims or call.excinfo
        read = [each for each in session.transcript if all_of_it or each[1] in VERSION_COMMANDS]
        attach(report, claims, unreachable=unreachable, read=read, measured=session.measured)
        session.measured.clear()
    else:
        attach(report, claims, unreachable=unreachable)
    if call.when == "teardown":
        session.transcript.clear()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Skip the checks inside a guest that is off on purpose.

    Here and not in its fixture: what is skipped before the check itself counts as not checked.
    """
    if reason := item.stash.get(OFF, ""):
        pytest.skip(reason)


class ByMachine(LoadScopeScheduling):  # type: ignore[misc]
    """All checks over one connection by one worker: a guest's, or a host's with what is read through it.

    Not pytest-xdist's ``loadgroup``: with pytest 9.2 it does not group, and says nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        machine = CheckId.of(nodeid).machine
        inside = "test_domains.py" not in nodeid
        session: Session = self.config.stash[SESSION]
        return session.connection_of(machine, inside=inside)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    """Distribute by machine, however pytest-xdist was asked to."""
    return ByMachine(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each check on every machine of its kind, in the machine's name."""
    if "tp" in metafunc.fixturenames:
        _generate_sheets(metafunc)
        return
    for fixture in KINDS.keys() & set(metafunc.fixturenames):
        names = metafunc.config.stash[SESSION].targets(KINDS[fixture])
        metafunc.parametrize(fixture, names, ids=list(names), indirect=True)


def _generate_sheets(metafunc: pytest.Metafunc) -> None:
    """Run the check for each sheet on each machine where it is done, or for each claim it shows there."""
    (kind,) = {"guest", "container"} & set(metafunc.fixturenames)
    sheets = metafunc.config.stash[SESSION].sheets(kind)
    if "claim" not in metafunc.fixturenames:
        whole = [pytest.param(name, tp, id=f"{name}:{tp}") for name, tp in sheets]
        metafunc.parametrize((kind, "tp"), whole, indirect=[kind])
        return
    shown = [
        pytest.param(name, tp, claim, id=f"{name}:{tp}:{claim}", marks=pytest.mark.claim(claim))
        for name, tp in sheets
        for claim in TypedSheet(tp).claims
    ]
    metafunc.parametrize((kind, "tp", "claim"), shown, indirect=[kind])
