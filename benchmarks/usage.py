"""What a command takes of this machine."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kept import Row
from benchmarks.native import NativeHosts
from minetlab.errors import LabError
from minetlab.paths import PROJECT_ROOT


@dataclass(frozen=True)
class Usage:
    """What a process took.

    :param seconds: from its start to its end.
    :param processor: of these, seconds of work on a processor, its own and its children's.
    :param peak: the most memory that it or one of its children had, in MiB.
    """

    seconds: float
    processor: float
    peak: float

    def as_row(self) -> Row:
        """Rounded, by name."""
        return {name: round(value, 3) for name, value in vars(self).items()}


def used(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Usage, str]:
    """Run a command in the project's folder; returns what it took and what it said.

    :param environment: beside that of this process.
    :raises LabError: it failed; with the end of what it said.
    """
    with tempfile.TemporaryFile() as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode:
        raise LabError(
            f"{' '.join(command)} failed with status {process.returncode}:\n{text[-3000:]}",
            next_step="run it by hand",
        )
    return Usage(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), text


def deployed(hosts: NativeHosts, inventory: Path, *words: str) -> tuple[Usage, str]:
    """Run a deploy of a lab on native hosts, whose state is kept beside them; returns as :func:`used` does.

    :param words: pyinfra's, behind the inventory.
    :raises LabError: it failed.
    """
    environment = {"LC_ALL": "C.UTF-8", "MINETLAB_STATE": str(hosts.folder / "state")}
    return used([sys.executable, "-m", "pyinfra", "-y", str(inventory), *words], environment)
