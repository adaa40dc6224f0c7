"""What a part of ``lab bench`` has measured, as it is kept: a JSON file. Nothing here measures anything."""

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
"""One measurement: what was measured, and what came of it, each by its name."""


@dataclass
class Kept:
    """The measurements of one part.

    :param machine: what it ran on, by what that is called.
    :param whole: whether they are all there.
    """

    machine: dict[str, str]
    rows: list[KeptRow] = field(default_factory=list)
    whole: bool = False

    def save(self, file: Path) -> None:
        """Write them."""
        write(file, asdict(self))

    def series(self, value: str, **of: Any) -> list[float]:
        """One value of each row in which these other values are so.

        >>> rows = [{"hosts": 1, "seconds": 2.0}, {"hosts": 5, "seconds": 3.0}, {"hosts": 1, "seconds": 2.5}]
        >>> Kept({}, rows).series("seconds", hosts=1)
        [2.0, 2.5]
        """
        return [row[value] for row in self.rows if value in row and of.items() <= row.items()]

    def values(self, name: str) -> list[Any]:
        """The different values of this name, in the order in which they were first measured."""
        return list(dict.fromkeys(row[name] for row in self.rows if name in row))


def write(file: Path, measured: KeptRow) -> None:
    """Write measurements as JSON, in one step, for everybody to read."""
    write_private(file, f"{json.dumps(measured, indent=1)}\n")
    file.chmod(0o644)


def load(file: Path) -> Kept:
    """Read what was kept.

    :raises LabError: there is none, or it is something else.
    """
    try:
        return Kept(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise LabError(
            f"cannot read the measurements {file}: {error}", next_step="run it without --resume"
        ) from error


def keep(rows: Iterable[KeptRow], file: Path, *, resume: bool) -> Kept:
    """Have the rows measured, and keep each as soon as it is there.

    :param resume: leave it at what is there, if that is whole.
    """
    if resume and file.exists() and (found := load(file)).whole:
        return found
    kept = Kept(machine())
    for row in rows:
        kept.rows.append(row)
        kept.save(file)
    kept.whole = True
    kept.save(file)
    return kept


def machine() -> dict[str, str]:
    """What this machine is, and which revision of the project this is."""
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
    """The commit, and whether anything but what benchmarks themselves write differs from it."""
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)docs")
    return f"{commit}-dirty" if changed else commit


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # nobody needs git to use the project
        return ""
    return done.stdout.strip()
