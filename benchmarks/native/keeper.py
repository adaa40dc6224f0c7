"""The process that holds native hosts: it boots them, and removes all there is of them when its caller ends.

However the caller ends, its end of the pipe that is our standard input closes. Should this process be killed
itself, the machines end with it, and their mounts and interfaces go with them; what stays on disk is removed
by the next one. The first line of the input is a JSON list of machines.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from benchmarks.native.machine import ENVIRONMENT, NativeMachine

GROUP = "minet-lab-native"
"""The control group of all native hosts."""
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
"""How many instances of inotify(7) a user may have; root of this machine and of all native hosts is one."""
INOTIFY_EACH = 32
"""How many of them a native host may want; systemd, udevd, sshd, libvirtd and dockerd have some eight."""
END_LIMIT = 30.0
"""Seconds that killed machines may take to be gone."""


def control_groups() -> Path:
    """Where this machine has its control groups of version 2.

    :raises StopIteration: nowhere.
    """
    return next(_mounts("cgroup2"))


def boot(group: Path, machines: list[NativeMachine]) -> list["subprocess.Popen[bytes]"]:
    """Start to boot machines, each in a control group of its own.

    :param group: the control group of them all.
    """
    started = []
    for parent in (group.parent, group):
        parent.mkdir(exist_ok=True)
        _delegate(parent)
    for machine in machines:
        own = group / machine.name
        own.mkdir()
        with machine.console.open("wb") as console:
            process = subprocess.Popen(
                machine.command(own),
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        Thread(target=_note_end, args=(process, machine), daemon=True).start()
    return started


def remove(name: str, bridge: str, folder: Path) -> None:
    """End whatever runs of these native hosts, and delete what there is of them; called again, do nothing.

    :param name: of their control group.
    """
    deadline = time.monotonic() + END_LIMIT
    group = control_groups() / GROUP / name
    if group.exists():
        (group / "cgroup.kill").write_text("1")
        while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
    # A machine's own interface goes with its network namespace, which the kernel may keep for a while.
    for interface in (bridge, *(path.name for path in Path("/sys/class/net").glob(f"vb-{bridge}-*"))):
        if Path("/sys/class/net", interface).exists():
            subprocess.run(["ip", "link", "delete", interface], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    groups = [mount / GROUP / name for mount in _mounts("cgroup", "cgroup2")]
    while any(map(_is_there, groups)) and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def more_inotify(hosts: int) -> Iterator[None]:
    """Raise the limit of inotify's instances by what so many hosts want, as long as they stand."""
    before = int(INOTIFY.read_text())
    needed = before + hosts * INOTIFY_EACH
    INOTIFY.write_text(f"{needed}")
    try:
        yield
    finally:
        if int(INOTIFY.read_text()) == needed:
            INOTIFY.write_text(f"{before}")


def _note_end(process: "subprocess.Popen[bytes]", machine: NativeMachine) -> None:
    """Leave a file that says so when a machine ends."""
    process.wait()
    with suppress(FileNotFoundError):
        machine.ended.touch()


def _is_there(group: Path) -> bool:
    """Try to remove a control group, and say whether it is still there, as processes in it are ending.

    systemd-nspawn makes its groups in hierarchies of version 1 as well.
    """
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
    with suppress(OSError):
        group.parent.rmdir()  # others' hosts may be in it
    return group.exists()


def _mounts(*kinds: str) -> Iterator[Path]:
    """Where file systems of these kinds are mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind in kinds:
            yield Path(where)


def _delegate(group: Path) -> None:
    """Let what is below a control group have limits, as far as this machine counts in version 2 at all."""
    for controller in (group / "cgroup.controllers").read_text().split():
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def main(name: str, bridge: str, folder: str) -> None:
    """Boot the machines that the input names, and remove them when the input ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which the machines would inherit
    processes = []
    try:
        if line := sys.stdin.readline():
            machines = [NativeMachine(**each) for each in json.loads(line)]
            with more_inotify(len(machines)):
                processes = boot(control_groups() / GROUP / name, machines)
                sys.stdin.read()
    finally:
        remove(name, bridge, Path(folder))
        for process in processes:
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
