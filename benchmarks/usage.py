"""What a command takes of this machine."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from benchmarks.kept import KeptRow
from benchmarks.native import NativeHosts
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

PEAK_EVERY = 0.02
"""Seconds between two looks at how much memory a process has had."""


@dataclass(frozen=True)
class Usage:
    """What a process took.

    :param seconds: from its start to its end.
    :param processor: of these, seconds of work on a processor, its own and its children's.
    :param peak: the most memory that it had, in MiB.
    """

    seconds: float
    processor: float
    peak: float

    def as_row(self) -> KeptRow:
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
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        peak.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode:
        raise LabError(
            f"{' '.join(command)} failed with status {process.returncode}:\n{text[-3000:]}",
            next_step="run it by hand",
        )
    return Usage(took, usage.ru_utime + usage.ru_stime, peak.kib / 1024), text


class _Peak(Thread):
    """Follows the most memory that a process has had, until it ends.

    Not ``ru_maxrss``: a process begins with what the one had that started it (getrusage(2), and execve(2)
    keeps it), which is this one, with all that draws plots.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status, self.kib = Path(f"/proc/{pid}/status"), 0
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            # A process that has ended, and that nobody has waited for yet, has no such line.
            while peak := re.search(r"^VmHWM:\s+(\d+) kB$", self.status.read_text(), re.MULTILINE):
                self.kib = int(peak[1])
                time.sleep(PEAK_EVERY)


def deployed(hosts: NativeHosts, inventory: Path, *words: str) -> tuple[Usage, str]:
    """Run a deploy of a lab on native hosts, whose state is kept beside them; returns as :func:`used` does.

    :param words: pyinfra's, behind the inventory.
    :raises LabError: it failed.
    """
    environment = {"LC_ALL": "C.UTF-8", "MINETLAB_STATE": str(hosts.folder / "state")}
    return used([sys.executable, "-m", "pyinfra", "-y", str(inventory), *words], environment)
