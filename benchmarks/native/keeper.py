"""The keeper, a process that boots native hosts, and removes everything of them when its caller ends.

The first line of its standard input is a JSON list of machines. However the caller ends, that input ends too.
If the keeper itself is killed, the machines end with it, and their mounts and interfaces disappear with them;
the next keeper removes the files that are left.
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
"""How many inotify(7) instances a user may have; root of this machine and of all native hosts is one user."""
INOTIFY_EACH = 32
"""How many instances to allow for each native host; its services have about eight."""
END_LIMIT = 30.0
"""The seconds that killed machines may take to disappear."""


def control_groups() -> Path:
    """Find the root of this machine's control groups of version 2.

    :return: the folder on which they are mounted.
    :raises StopIteration: they are not mounted.
    """
    return next(_mounts("cgroup2"))


def boot(group: Path, machines: list[NativeMachine]) -> list["subprocess.Popen[bytes]"]:
    """Start to boot machines, each in a control group of its own.

    :param group: the control group of all these machines.
    :param machines: the machines.
    :return: the process of each machine, in the same order.
    """
    processes = []
    for parent in (group.parent, group):
        parent.mkdir(exist_ok=True)
        _delegate(parent)
    for machine in machines:
        own_group = group / machine.name
        own_group.mkdir()
        with machine.console.open("wb") as console:
            process = subprocess.Popen(
                machine.command(own_group),
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        Thread(target=_note_end, args=(process, machine), daemon=True).start()
    return processes


def remove(name: str, bridge: str, folder: Path) -> None:
    """Kill a set of native hosts, and delete everything of them; if nothing is left of them, do nothing.

    :param name: the name of their control group.
    :param bridge: the network interface of this machine that they are plugged into.
    :param folder: the folder with all their files.
    """
    deadline = time.monotonic() + END_LIMIT
    group = control_groups() / GROUP / name
    if group.exists():
        (group / "cgroup.kill").write_text("1")
        while "populated 1" in (group / "cgroup.events").read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
    # The interface of a machine disappears with its network namespace, which the kernel may keep for a while.
    for interface in (bridge, *(path.name for path in Path("/sys/class/net").glob(f"vb-{bridge}-*"))):
        if Path("/sys/class/net", interface).exists():
            subprocess.run(["ip", "link", "delete", interface], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    groups = [mount / GROUP / name for mount in _mounts("cgroup", "cgroup2")]
    while any(map(_remains, groups)) and time.monotonic() < deadline:
        time.sleep(0.02)


@contextmanager
def more_inotify(hosts: int) -> Iterator[None]:
    """Raise the limit of inotify instances by what this number of hosts needs, until the block ends."""
    before = int(INOTIFY.read_text())
    raised = before + hosts * INOTIFY_EACH
    INOTIFY.write_text(f"{raised}")
    try:
        yield
    finally:
        if int(INOTIFY.read_text()) == raised:
            INOTIFY.write_text(f"{before}")


def _note_end(process: "subprocess.Popen[bytes]", machine: NativeMachine) -> None:
    process.wait()
    with suppress(FileNotFoundError):
        machine.ended.touch()


def _remains(group: Path) -> bool:
    """Try to remove a control group; return True if it remains, as processes in it have not ended yet."""
    # systemd-nspawn makes control groups in the hierarchies of version 1 as well.
    for folder, _, _ in os.walk(group, topdown=False):
        with suppress(OSError):
            Path(folder).rmdir()
    with suppress(OSError):
        group.parent.rmdir()  # fails if other native hosts are in it
    return group.exists()


def _mounts(*types: str) -> Iterator[Path]:
    """Yield the folders on which file systems of these types are mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, mount_point, file_system, *_ = line.split()
        if file_system in types:
            yield Path(mount_point)


def _delegate(group: Path) -> None:
    """Allow limits below a control group, for all controllers that this machine has in version 2."""
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
            machines = [NativeMachine(**fields) for fields in json.loads(line)]
            with more_inotify(len(machines)):
                processes = boot(control_groups() / GROUP / name, machines)
                sys.stdin.read()
    finally:
        remove(name, bridge, Path(folder))
        for process in processes:
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
