"""What the report of a check carries, from the process that ran it to where verdicts are collected.

pytest-xdist moves reports between processes, and they carry strings: both ends are here.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import pytest
from pydantic import TypeAdapter

from minetlab.claims.measurements import Costs, Series
from minetlab.ssh.backend import Read

Measurement = Series | Costs
CLAIM, UNREACHABLE, OBSERVED, MEASURED = "claim", "unreachable", "observed", "measured"
"""The names of a report's properties; JUnit XML shows them as well."""
_MEASUREMENT: TypeAdapter[Measurement] = TypeAdapter(Measurement)


@dataclass(frozen=True)
class CheckId:
    """A check on a machine, as pytest names it: ``test_it[machine]``, or ``test_it[machine:details]``.

    :param machine: its alias; empty where a file could not be read, so that there is no check.
    :param details: what of the machine is checked, such as a TP; empty: there is one check of this name.
    """

    test: str
    machine: str = ""
    details: str = ""

    @classmethod
    def of(cls, nodeid: str) -> Self:
        """Read pytest's name of a check.

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
class Carried:
    """What a report carries beside its outcome.

    :param claims: ids of the claims that the check proves.
    :param unreachable: whether the machine did not answer while it was checked.
    :param read: what the check read there.
    :param measured: what it measured.
    """

    claims: tuple[str, ...] = ()
    unreachable: bool = False
    read: tuple[Read, ...] = ()
    measured: tuple[Measurement, ...] = ()

    @classmethod
    def by(cls, report: pytest.TestReport) -> Self:
        """Read what a report carries."""
        return cls(
            tuple(_values(report, CLAIM)),
            bool(list(_values(report, UNREACHABLE))),
            tuple(
                (machine, command, output)
                for all_read in _values(report, OBSERVED)
                for machine, command, output in json.loads(all_read)
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
    """Have a report carry these, which are those of :class:`Carried`."""
    report.user_properties += [(CLAIM, claim) for claim in claims]
    if unreachable:
        report.user_properties.append((UNREACHABLE, True))
    if read is not None:
        report.user_properties.append((OBSERVED, json.dumps([*read])))
    report.user_properties += [(MEASURED, each.model_dump_json()) for each in measured]


def _values(report: pytest.TestReport, name: str) -> Iterator[str]:
    return (str(value) for each, value in report.user_properties if each == name)
