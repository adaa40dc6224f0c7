"""The pytest plugin of ``tests/hosts``: run each check on all machines of its kind, keep what it read."""

import json
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from minetlab.checks.fixtures import KINDS, REASON_OFF, SESSION, SILENT_MACHINES
from minetlab.checks.protocol import CheckId, attach, make_printable
from minetlab.checks.session import Session
from minetlab.checks.sheets import claims_of
from minetlab.checks.versions import COMMANDS as VERSION_COMMANDS
from minetlab.claims.claims import BY_ID
from minetlab.inventory.hosts import DEFAULT_INVENTORY, InventoryHost
from minetlab.inventory.load import LoadedLab, load
from minetlab.ssh.backend import UnreachableError
from minetlab.util.errors import LabError
from minetlab.util.names import named, suggestion


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
    # In CI, or if asked to say much, pytest prints messages whole: a student's machine could then write lines
    # of the summary.
    config.option.force_short_summary = True
    try:
        config.stash[SESSION] = Session(_loaded_lab(config))
        config.stash[SILENT_MACHINES] = set()
        _refuse_unknown_options(config)
    except LabError as error:
        raise pytest.UsageError(str(error)) from None


def _loaded_lab(config: pytest.Config) -> LoadedLab:
    inventory = getattr(config, "workerinput", {}).get("inventory")
    if inventory:
        return LoadedLab.of(tuple(InventoryHost(**host) for host in json.loads(inventory)))
    return load(config.getoption("--inventory", DEFAULT_INVENTORY))


def _refuse_unknown_options(config: pytest.Config) -> None:
    """Refuse a claim or a student that does not exist: without this, nothing would be checked or fail."""
    claims = sorted(BY_ID)
    unknown_claims = _option_values(config, "claim") - set(claims)
    if unknown_claims:
        raise LabError(
            f"--claim {named(sorted(unknown_claims))}: there is no such claim",
            next_step=f"choose one of: {', '.join(claims)}",
        )
    logins = {student.login for student in config.stash[SESSION].lab.students}
    unknown_logins = _option_values(config, "student") - logins
    if unknown_logins:
        raise LabError(
            f"--student {named(sorted(unknown_logins))}: there is no such student",
            next_step=suggestion(unknown_logins, logins),
        )


def _option_values(config: pytest.Config, option: str) -> set[str]:
    return set((config.getoption(option, None) or "").split(",")) - {""}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out checks that --claim and --student do not ask for, and those without a machine in the lab."""
    claim, student = config.getoption("claim"), config.getoption("student")
    claims, logins = _option_values(config, "claim"), _option_values(config, "student")
    session = config.stash[SESSION]
    machines_of_students = {machine.name for machine in session.plan.of_students(logins).machines}

    def is_chosen(item: pytest.Item) -> bool:
        machine = CheckId.of(item.nodeid).machine
        if machine == "NOTSET":  # what pytest calls a check that has no machine
            return False
        if claim and not any(mark.args[0] in claims for mark in item.iter_markers("claim")):
            return False
        return not student or machine in machines_of_students

    chosen = [item for item in items if is_chosen(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    # A machine's sheets come first. pytest-xdist gives a worker its next machine as soon as two checks of the
    # last one are left; that machine would wait for minutes behind a sheet, while other workers are idle.
    items[:] = sorted(chosen, key=lambda item: item.get_closest_marker("sheet") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Read all machines at the same time before the checks; with pytest-xdist, the workers read their own."""
    config = session.config
    if config.option.collectonly or hasattr(config, "workerinput") or config.getoption("numprocesses", 0):
        return
    # Checks of a "domain" read nothing inside the guest.
    fixtures = KINDS.keys() - {"domain"}
    wanted = set()
    for item in session.items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        wanted |= {(KINDS[fixture], parameters[fixture]) for fixture in fixtures & parameters.keys()}
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter and wanted:
        reporter.write_line(f"asking {len({name for _, name in wanted})} machines")
    config.stash[SESSION].fetch(wanted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which checks were skipped, and why."""
    if terminalreporter.no_summary:
        return
    reasons = [
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    if reasons:
        terminalreporter.section("not checked, or not demonstrable here")
    for line in skipped_lines(reasons):
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
    """Have the reports of a check carry the claims that it proves, and what it read and measured."""
    report = yield
    make_printable(report)
    claims = [marker.args[0] for marker in item.iter_markers("claim")]
    session = item.config.stash[SESSION]
    unreachable = bool(call.excinfo and call.excinfo.errisinstance(UnreachableError))
    if call.when == "call":
        # Of a check that passes and proves no claim, the report shows nothing but the versions that it read.
        shown = claims or call.excinfo
        read = [entry for entry in session.transcript if shown or entry[1] in VERSION_COMMANDS]
        attach(report, claims, unreachable=unreachable, read=read, measured=session.measured)
        session.measured.clear()
    else:
        attach(report, claims, unreachable=unreachable)
    if call.when == "teardown":
        session.transcript.clear()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Skip the checks inside a guest that is off on purpose, and fail those whose answer cannot be read.

    The guest's fixture does not skip, since what is skipped before the check itself counts as not checked. A
    machine may answer anything, and there is no need for a message of its own for each way to be wrong.

    :param item: the check.
    :yields: None, while the check runs.
    """
    if reason := item.stash.get(REASON_OFF, ""):
        pytest.skip(reason)
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        if item.config.option.tbstyle == "long":  # somebody looks for a mistake in the check
            raise
        name = CheckId.of(item.nodeid).machine
        problem = f"{name}: an answer cannot be read: {type(error).__name__}: {error}"
        next_step = f"see what it answers, and where that is read: pytest tests/hosts -k {name} --tb=long"
        raise pytest.fail.Exception(f"{problem}\n  → {next_step}", pytrace=False) from None


class ByMachine(LoadScopeScheduling):  # type: ignore[misc]
    """Has one worker run all checks that use the same connection: to a guest, or to a host.

    pytest-xdist's own ``loadgroup`` does not work with pytest 9.2: it does not group, and says nothing.
    """

    def _split_scope(self, nodeid: str) -> str:
        machine = CheckId.of(nodeid).machine
        inside = "test_domains.py" not in nodeid
        session: Session = self.config.stash[SESSION]
        return session.connection_of(machine, inside=inside)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByMachine:
    """Distribute the checks by machine, whatever distribution pytest-xdist was asked for."""
    return ByMachine(config, log)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each check on every machine of its kind, whose alias then is in the check's name."""
    if "tp" in metafunc.fixturenames:
        _generate_sheets(metafunc)
        return
    for fixture in KINDS.keys() & set(metafunc.fixturenames):
        names = metafunc.config.stash[SESSION].targets(KINDS[fixture])
        metafunc.parametrize(fixture, names, ids=list(names), indirect=True)


def _generate_sheets(metafunc: pytest.Metafunc) -> None:
    """Run a check for each sheet on each machine where it is done; one that takes a claim, for each claim."""
    (kind,) = {"guest", "container"} & set(metafunc.fixturenames)
    sheets = metafunc.config.stash[SESSION].sheets(kind)
    if "claim" not in metafunc.fixturenames:
        parameters = [pytest.param(name, tp, id=f"{name}:{tp}") for name, tp in sheets]
        metafunc.parametrize((kind, "tp"), parameters, indirect=[kind])
        return
    parameters = [
        pytest.param(name, tp, claim, id=f"{name}:{tp}:{claim}", marks=pytest.mark.claim(claim))
        for name, tp in sheets
        for claim in claims_of(tp)
    ]
    metafunc.parametrize((kind, "tp", "claim"), parameters, indirect=[kind])


def skipped_lines(reasons: Iterable[str]) -> Iterator[str]:
    """Say why checks were skipped, one line for each reason.

    :param reasons: one for each check that was skipped: ``machine: why``.
    :yields: the reason, the number of checks, and the machines that it holds for.

    >>> list(skipped_lines(["minet-bob: not started", "minet-alice: not started", "minet-bob: not started"]))
    ['not started (3 checks): minet-alice, minet-bob']
    """
    machines_by_reason: dict[str, list[str]] = {}
    for reason in reasons:
        machine, _, why = reason.partition(": ")
        machines_by_reason.setdefault(why, []).append(machine)
    for why, machines in sorted(machines_by_reason.items()):
        checks = "1 check" if len(machines) == 1 else f"{len(machines)} checks"
        yield f"{why} ({checks}): {named(sorted(set(machines)))}"
