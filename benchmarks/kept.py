"""The JSON file that keeps the measurements of a part of ``lab bench``. Nothing here measures anything."""

import json
import platform
import subprocess
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minetlab.util.errors import LabError
from minetlab.util.files import write_private
from minetlab.util.paths import PROJECT_ROOT

KeptRow = dict[str, Any]
"""One measurement: names and values of what was measured, and of the result."""


@dataclass
class Kept:
    """The measurements of one part.

    :param machine: the machine that it ran on, as :func:`machine` describes it.
    :param rows: the measurements, in their order.
    :param whole: whether all measurements of the part are there.
    """

    machine: dict[str, str]
    rows: list[KeptRow] = field(default_factory=list)
    whole: bool = False

    def save(self, file: Path) -> None:
        """Write the measurements to a file."""
        write(file, asdict(self))

    def series(self, value: str, **conditions: Any) -> list[float]:
        """Return one value of each row that has all of the given other values.

        >>> rows = [{"hosts": 1, "seconds": 2.0}, {"hosts": 5, "seconds": 3.0}, {"hosts": 1, "seconds": 2.5}]
        >>> Kept({}, rows).series("seconds", hosts=1)
        [2.0, 2.5]

        :param value: the name of the value to return.
        :param **conditions: the other values that a row has to have, by name.
        :return: the values, in the order of the rows.
        """
        return [row[value] for row in self.rows if value in row and conditions.items() <= row.items()]

    def values(self, name: str) -> list[Any]:
        """Return the different values of this name, in the order in which they were first measured."""
        return list(dict.fromkeys(row[name] for row in self.rows if name in row))


def write(file: Path, measured: KeptRow) -> None:
    """Write measurements as JSON, in one step, for everybody to read."""
    write_private(file, f"{json.dumps(measured, indent=1)}\n")
    file.chmod(0o644)


def load(file: Path) -> Kept:
    """Read the measurements of a part.

    :param file: the JSON file.
    :return: the measurements.
    :raises LabError: there is no such file, or it holds something else.
    """
    try:
        return Kept(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise LabError(
            f"cannot read the measurements {file}: {error}", next_step="run it without --resume"
        ) from error


def keep(rows: Iterable[KeptRow], file: Path, *, resume: bool) -> Kept:
    """Measure rows, and write the file again after each of them.

    :param rows: yields each row after measuring it.
    :param file: the JSON file.
    :param resume: measure nothing if the file already holds all measurements.
    :return: the measurements.
    :raises LabError: a measurement failed, or ``resume`` is set and the file holds something else.
    """
    if resume and file.exists() and (earlier := load(file)).whole:
        return earlier
    kept = Kept(machine())
    for row in rows:
        kept.rows.append(row)
        kept.save(file)
    kept.whole = True
    kept.save(file)
    return kept


def machine() -> dict[str, str]:
    """Describe this machine, and the revision of the project."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = next((line.split(": ")[1] for line in cpuinfo.splitlines() if "model name" in line), "unknown")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "processors": f"{cpuinfo.count('model name')} processors ({model})",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "day": time.strftime("%Y-%m-%d"),
        "revision": _revision() or "unknown",
    }


def _revision() -> str:
    """Return the commit, marked as dirty if a file outside of docs/ differs; benchmarks write to docs/."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    try:
        git = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # The project can be used without git.
        return ""
    return git.stdout.strip()
