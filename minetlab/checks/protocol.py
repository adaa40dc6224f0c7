"""What pytest's report of a check carries to the process that collects verdicts.

pytest-xdist sends reports from one process to another, with their properties as strings. This module writes
these properties at one end, and reads them at the other.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import pytest
from _pytest._code.code import ExceptionRepr
from pydantic import TypeAdapter

from minetlab.claims.measurements import Costs, Series
from minetlab.ssh.backend import Read
from minetlab.util.text import printable, printable_line, printable_name

Measurement = Series | Costs
CLAIM, UNREACHABLE, OBSERVED, MEASURED = "claim", "unreachable", "observed", "measured"
"""The names of a report's properties; JUnit XML shows them as well."""
MAX_MESSAGE = 8192
"""Characters of a check's message that are shown and kept; the output of a whole sheet has some 5000."""
_MEASUREMENT: TypeAdapter[Measurement] = TypeAdapter(Measurement)


@dataclass(frozen=True)
class CheckId:
    """A check on a machine, as pytest names it: ``test_it[machine]``, or ``test_it[machine:details]``.

    :param test: name of the test function.
    :param machine: alias of the machine; empty if pytest could not read the file with the checks.
    :param details: what of the machine is checked, such as a TP; empty: there is only one such check on it.
    """

    test: str
    machine: str = ""
    details: str = ""

    @classmethod
    def of(cls, nodeid: str) -> Self:
        """Read pytest's name of a check.

        :param nodeid: the name.
        :return: its parts.

        >>> CheckId.of("tests/hosts/test_sheets.py::test_sheet[minet-alice:vm]")
        CheckId(test='test_sheet', machine='minet-alice', details='vm')
        """
        test, _, parameters = nodeid.rpartition("::")[2].partition("[")
        machine, _, details = parameters.removesuffix("]").partition(":")
        return cls(test, machine, details)

    @property
    def name(self) -> str:
        """The check's name, whatever the machine."""
        return f"{self.test}[{self.details}]" if self.details else self.test


@dataclass(frozen=True)
class CarriedByReport:
    """What a report carries beside its outcome.

    :param claims: ids of the claims that the check proves.
    :param unreachable: whether the check failed because the machine did not answer.
    :param read: what the check read on machines.
    :param measured: what it measured.
    """

    claims: tuple[str, ...] = ()
    unreachable: bool = False
    read: tuple[Read, ...] = ()
    measured: tuple[Measurement, ...] = ()

    @classmethod
    def of(cls, report: pytest.TestReport) -> Self:
        """Read what a report carries."""
        return cls(
            tuple(_values(report, CLAIM)),
            bool(list(_values(report, UNREACHABLE))),
            tuple(
                (machine, command, output)
                for transcript in _values(report, OBSERVED)
                for machine, command, output in json.loads(transcript)
            ),
            tuple(map(_MEASUREMENT.validate_json, _values(report, MEASURED))),
        )


def attach(
    report: pytest.TestReport,
    claims: Iterable[str] = (),
    *,
    unreachable: bool = False,
    read: Iterable[Read] | None = None,
    measured: Iterable[Measurement] = (),
) -> None:
    """Have a report carry what a check read and measured; :meth:`CarriedByReport.of` reads it again.

    :param report: pytest's report, which is changed.
    :param claims: ids of the claims that the check proves.
    :param unreachable: whether the check failed because the machine did not answer.
    :param read: what the check read on machines; None: this report is not about that.
    :param measured: what the check measured.
    """
    report.user_properties += [(CLAIM, claim) for claim in claims]
    if unreachable:
        report.user_properties.append((UNREACHABLE, True))
    if read is not None:
        report.user_properties.append((OBSERVED, json.dumps([*read])))
    report.user_properties += [(MEASURED, measurement.model_dump_json()) for measurement in measured]


def make_printable(report: pytest.TestReport) -> None:
    """Make the words of students' machines in a report's message fit to be shown, and few enough."""
    shown = report.longrepr
    if isinstance(shown, ExceptionRepr):
        chain = getattr(shown, "chain", None) or [(shown.reprtraceback, shown.reprcrash, None)]
        for traceback, crash, _ in chain:
            for entry in traceback.reprentries:
                # A line stays one: pytest marks each line of a message, which no machine is to look like.
                lines = "\n".join(map(printable_name, entry.lines))
                entry.lines = printable(lines, MAX_MESSAGE).split("\n")
            if crash:
                crash.message = printable(crash.message, MAX_MESSAGE)
    elif isinstance(shown, tuple):
        file, line, reason = shown
        report.longrepr = (file, line, printable_line(reason))
    elif isinstance(shown, str):
        report.longrepr = printable(shown, MAX_MESSAGE)
    report.sections = [(name, printable(text, MAX_MESSAGE)) for name, text in report.sections]


def _values(report: pytest.TestReport, name: str) -> Iterator[str]:
    return (str(value) for key, value in report.user_properties if key == name)
