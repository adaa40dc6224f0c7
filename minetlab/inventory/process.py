"""pyinfra reads inventories in a process of its own, as its command line patches Python's I/O for gevent.

The process takes as long as it takes to import what a lab is described with: both begin at the same time.
"""

import atexit
import subprocess
import sys
from pathlib import Path

LIMIT = 120.0
"""Seconds that it may take."""

_begun: dict[Path, "subprocess.Popen[str]"] = {}


def begin(inventory: Path) -> None:
    """Have an inventory be read, so that :func:`result` has less to wait for; nothing where there is none."""
    if inventory.is_file() and inventory not in _begun:
        _begun[inventory] = _start(inventory)


def result(inventory: Path) -> "subprocess.CompletedProcess[str]":
    """What came of it: JSON on standard output, or pyinfra's own words on standard error.

    :raises subprocess.TimeoutExpired: it took longer than :data:`LIMIT`.
    """
    process = _begun.pop(inventory, None) or _start(inventory)
    try:
        output, errors = process.communicate(timeout=LIMIT)
    finally:
        _end(process)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _start(inventory: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pyinfra", str(inventory), "debug-inventory", "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()


@atexit.register
def _end_all() -> None:
    """Leave nothing behind that nobody wants any more."""
    for process in _begun.values():
        _end(process)
