"""Measure the time and memory that a command takes on this machine."""

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
"""Seconds between two reads of a process's peak memory."""


@dataclass(frozen=True)
class Usage:
    """What a process took.

    :param seconds: the seconds from its start to its end.
    :param processor: the seconds that it and its children worked on a processor.
    :param peak: the most memory that it had, in MiB.
    """

    seconds: float
    processor: float
    peak: float

    def as_row(self) -> KeptRow:
        """Return the rounded values, by name."""
        return {name: round(value, 3) for name, value in vars(self).items()}


def used(command: Sequence[str], environment: Mapping[str, str]) -> tuple[Usage, str]:
    """Run a command in the project's folder, and measure it.

    :param command: the words of the command.
    :param environment: variables to add to the environment of this process.
    :return: what it took, and its output.
    :raises LabError: it failed; with the end of its output.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        peak.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if process.returncode:
        raise LabError(
            f"{' '.join(command)} failed with status {process.returncode}:\n{text[-3000:]}",
            next_step="run it by hand",
        )
    return Usage(seconds, usage.ru_utime + usage.ru_stime, peak.kib / 1024), text


class _Peak(Thread):
    """Follows the peak memory of a process until it ends.

    ``ru_maxrss`` would not do: a process inherits it from the one that started it (getrusage(2), and
    execve(2) keeps it), and this process is large, as it draws plots.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.status, self.kib = Path(f"/proc/{pid}/status"), 0
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            # The line is missing once the process has ended, even before anybody has waited for it.
            while peak := re.search(r"^VmHWM:\s+(\d+) kB$", self.status.read_text(), re.MULTILINE):
                self.kib = int(peak[1])
                time.sleep(PEAK_EVERY)


def deployed(hosts: NativeHosts, inventory: Path, *words: str) -> tuple[Usage, str]:
    """Run a deploy on native hosts, with the lab's state beside them, and measure it.

    :param hosts: the hosts.
    :param inventory: the inventory of the lab.
    :param *words: the words after the inventory on pyinfra's command line.
    :return: what it took, and its output.
    :raises LabError: it failed.
    """
    environment = {"LC_ALL": "C.UTF-8", "MINETLAB_STATE": str(hosts.folder / "state")}
    return used([sys.executable, "-m", "pyinfra", "-y", str(inventory), *words], environment)
