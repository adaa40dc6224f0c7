"""What a report carries from the process that checks to the one that collects verdicts."""

import json

import pytest

from minetlab.checks.protocol import CarriedByReport, CheckId, attach
from tests.support.measured import costs, series

READ = (("hv1", "uname -r", "6.12"), ("hv1", "ls", 'a\n"b"'))


def report() -> pytest.TestReport:
    return pytest.TestReport("test_it[hv1]", ("", 0, ""), {}, "passed", None, "call")


@pytest.mark.parametrize(
    ("nodeid", "check", "name"),
    [
        ("tests/hosts/test_kvm_hosts.py::test_it[hv1]", CheckId("test_it", "hv1"), "test_it"),
        ("a.py::TestOf::test_it[ct1:isa:C01]", CheckId("test_it", "ct1", "isa:C01"), "test_it[isa:C01]"),
        ("tests/hosts/test_sheets.py", CheckId("tests/hosts/test_sheets.py"), "tests/hosts/test_sheets.py"),
    ],
)
def test_a_check_is_known_by_its_parts(nodeid: str, check: CheckId, name: str) -> None:
    assert CheckId.of(nodeid) == check
    assert check.name == name


def test_what_is_attached_is_read_again_after_it_was_sent() -> None:
    sent = report()
    measured = (costs(), series("hv1", guest=1.1))
    attach(sent, ["C04", "C05"], unreachable=True, read=READ, measured=measured)
    sent.user_properties = [(name, value) for name, value in json.loads(json.dumps(sent.user_properties))]
    assert CarriedByReport.of(sent) == CarriedByReport(("C04", "C05"), True, READ, measured)


def test_a_report_of_nothing_carries_nothing() -> None:
    empty = report()
    attach(empty)
    assert empty.user_properties == []
    assert CarriedByReport.of(empty) == CarriedByReport() == CarriedByReport((), False, (), ())


def test_the_properties_are_those_that_junit_xml_shows() -> None:
    shown = report()
    shown.user_properties = [("zeal", "high"), ("aim", "low")]  # of another plugin
    attach(shown, ["C04"], unreachable=True, read=[])
    assert shown.user_properties[2:] == [("claim", "C04"), ("unreachable", True), ("observed", "[]")]
    assert CarriedByReport.of(shown) == CarriedByReport(("C04",), unreachable=True)
