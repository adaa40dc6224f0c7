"""Check whether a host is set up for the lab, and has room for its machines. No I/O."""

from collections.abc import Iterator
from math import ceil

from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.preflight.clashes import clashes
from minetlab.preflight.findings import GROUP_DATA, CheckedHost, Finding, Severity
from minetlab.resources.guests import GUESTS_RUN_OFF, OVERHEAD, OVERLAY_ROOM
from minetlab.resources.layout import overlay
from minetlab.util.names import named

SMALLEST_GUEST = 256
"""MiB; the least that ``guest.memory`` may be."""
MAX_SKEW = 30.0
"""By how many seconds clocks may differ; apt and TLS bear more, but logs have to be comparable."""
LIMIT_BY_CONTROLLER = {"cpu": "cpus", "io": "iops", "memory": "memory", "pids": "pids"}
"""The limit of containers that each controller of control groups enforces: cgroups(7), version 2."""
MAX_OVERCOMMIT = 8
"""Virtual processors for each processor of the host; a class that types commands is idle most of the time."""


def findings(subject: CheckedHost, asked_at: float, answered_at: float) -> Iterator[Finding]:
    """Check a host that has answered.

    :param subject: the host, and what the lab wants of it.
    :param asked_at: the time by this machine's clock when the host was asked, in seconds since 1970.
    :param answered_at: the same when it had answered.
    :yields: a finding for each check.
    """
    yield from _system(subject)
    yield from _lock(subject)
    yield from _clock(subject, asked_at, answered_at)
    if subject.kvm:
        yield _virtualization(subject)
        yield _confinement(subject)
    if subject.container:
        yield _limits(subject)
    yield from room(subject)
    yield from clashes(subject)


def room(subject: CheckedHost) -> Iterator[Finding]:
    """Check whether the planned machines have room; before a sandbox host is booted, only this is checked."""
    if subject.kvm or subject.container:
        yield _memory(subject)
    if subject.kvm:
        yield _disk(subject)
        yield _processors(subject)
    if subject.container:
        yield _homes(subject)


def guests_too_many(subject: CheckedHost) -> int:
    """Return for how many of its guests a host has no memory."""
    if not (subject.kvm and subject.guests):
        return 0
    memory_of_guest = subject.kvm.guest.memory + OVERHEAD
    missing = len(_to_start(subject)) * memory_of_guest - subject.observed.system.memory
    return max(0, ceil(missing / memory_of_guest))


def _system(subject: CheckedHost) -> Iterator[Finding]:
    system = subject.observed.system
    if not system.root:
        yield subject.problem(
            "sudo",
            "commands do not run as root on this host",
            'log in as root, or set "_sudo": True in the inventory',
        )
    else:
        yield subject.ok("sudo", "commands run as root")
    packages = [KVM_HOST_PACKAGES] if subject.kvm else []
    packages += [CONTAINER_HOST_PACKAGES] if subject.container else []
    if not packages:
        yield subject.warning(
            "groups",
            "it is neither in kvm_hosts nor in container_hosts: the lab will have nothing on it",
            "put it into one of these groups, or remove it from the inventory",
        )
        return
    releases = set.intersection(*map(set, packages))
    if system.debian in releases:
        yield subject.ok("Debian", f"Debian {system.debian}")
    else:
        current = f"it is Debian {system.debian}" if system.debian else "it is not Debian"
        supported = " or ".join(map(str, sorted(releases)))
        yield subject.problem("Debian", current, f"install Debian {supported} on it")


def _lock(subject: CheckedHost) -> Iterator[Finding]:
    if holder := subject.observed.lock:
        yield subject.warning(
            "lock",
            f"{holder.by} has been deploying lab {holder.lab} for {holder.seconds // 60} min",
            "wait until that is done; if it hangs, or the machine that runs it is gone: ./lab unlock",
        )


def _clock(subject: CheckedHost, asked_at: float, answered_at: float) -> Iterator[Finding]:
    time = subject.observed.system.time
    skew = max(asked_at - time, time - answered_at, 0.0)
    if skew > MAX_SKEW:
        direction = "slow" if time < asked_at else "fast"
        yield subject.warning(
            "clock",
            f"its clock is {skew:.0f} s {direction}, compared with this machine's",
            f"on {subject.alias}: timedatectl set-ntp true; or set the clock of this machine",
        )
    else:
        yield subject.ok("clock", f"differs from this machine's by less than {MAX_SKEW:.0f} s")


def _virtualization(subject: CheckedHost) -> Finding:
    kvm, check = subject.observed.kvm, "virtualization"
    finding = subject.problem if subject.lab.require_kvm else subject.warning
    required = subject.lab.require_kvm
    consequence = "and require_kvm is set" if required else "so guests are emulated: slow"
    emulate = f"; or set require_kvm = False in {GROUP_DATA}/all.py" if required else ""
    if kvm.feature is None:
        return finding(
            check,
            f"its CPU ({kvm.vendor or 'unknown'}) offers neither svm nor vmx, {consequence}",
            f"switch AMD-V or VT-x on in its firmware (nested, if it is itself a virtual machine){emulate}",
        )
    if kvm.loaded and not kvm.device:
        return finding(
            check,
            f"{kvm.module} is loaded, but QEMU's user cannot open /dev/kvm, {consequence}",
            f"on {subject.alias}: dmesg | grep -i kvm; ls -l /dev/kvm (root:kvm, mode 0660)",
        )
    if kvm.loaded and not kvm.nested and kvm.users:
        return subject.warning(
            check,
            f"{kvm.module} is in use with nested=0, so guests cannot run virtual machines of their own",
            f"shut the machines on {subject.alias} down, or reboot it after the deploy",
        )
    nested = "on" if kvm.nested else "switched on by the deploy"
    return subject.ok(check, f"{kvm.feature}, nested {nested}")


def _confinement(subject: CheckedHost) -> Finding:
    if subject.observed.confinement.available:
        return subject.ok("AppArmor", "it confines each QEMU")
    return subject.warning(
        "AppArmor",
        "its kernel has no AppArmor, so a guest that breaks out of its QEMU reaches the disks of the others",
        f"on {subject.alias}: cat /proc/cmdline; boot Debian's kernel without apparmor=0 or security=",
    )


def _limits(subject: CheckedHost) -> Finding:
    check, system = "limits", subject.observed.system
    if not system.loop_devices:
        return subject.problem(
            check,
            "it has no loop devices, on which the home folders of containers are",
            f"on {subject.alias}: modprobe loop; if it is itself a container, take a virtual machine",
        )
    if missing := sorted(LIMIT_BY_CONTROLLER.keys() - system.controllers):
        limits = [LIMIT_BY_CONTROLLER[controller] for controller in missing]
        return subject.warning(
            check,
            f"its kernel does not limit {named(limits)} of containers (no cgroup v2 with {named(missing)})",
            f"on {subject.alias}: boot it with cgroup_enable=memory systemd.unified_cgroup_hierarchy=1",
        )
    if not system.on_disk:
        return subject.warning(
            check,
            f"container.iops has no effect on {system.file_system}, as /var/lib is; container.disk has",
            f"put /var/lib of {subject.alias} on a disk, or bear that one container can slow others down",
        )
    return subject.ok(check, "its kernel enforces all limits of containers")


def _memory(subject: CheckedHost) -> Finding:
    available = subject.observed.system.memory
    guests, containers = _to_start(subject), _not_running(subject)
    memory_of_guest = subject.kvm.guest.memory + OVERHEAD if subject.kvm else 0
    limit = subject.container.container.memory if subject.container else 0
    # At worst, guests take all of their memory, and containers take memory up to their limit.
    needed = len(guests) * memory_of_guest
    at_most = needed + len(containers) * limit
    room = f"{available} MiB are available"
    if too_many := guests_too_many(subject):
        capacity = len(subject.guests) - too_many
        smaller = available // len(guests) - OVERHEAD
        lower = f", or lower guest.memory to {smaller} MiB" if smaller >= SMALLEST_GUEST else ""
        return subject.problem(
            "memory",
            f"{_too_many(too_many)}: {len(guests)} to start need {needed} MiB, {room}",
            f'give it {{"capacity": {capacity}}} in the inventory, and name another KVM host{lower}',
        )
    if at_most > available:
        return subject.warning(
            "memory",
            f"{len(containers)} containers to start may take {limit} MiB each, {at_most} MiB in all; {room}",
            f"lower container.memory in {GROUP_DATA}/container_hosts.py, or name another container host",
        )
    setting = f" ({GUESTS_RUN_OFF})" if subject.kvm and not subject.kvm.guests_run else ""
    to_start = [f"{len(guests)} guests{setting}"] if subject.kvm else []
    to_start += [f"{len(containers)} containers"] if subject.container else []
    return subject.ok("memory", f"{' and '.join(to_start)} to start take {at_most} MiB at most, {room}")


def _disk(subject: CheckedHost) -> Finding:
    assert subject.kvm  # noqa: S101 (for mypy: only KVM hosts are checked)
    volumes, free = subject.observed.libvirt.volumes, subject.observed.system.disk
    disks = [volumes.get(overlay(guest.name)) for guest in subject.guests]
    missing = disks.count(None)
    # Disks are thin: they take little at first, and their whole size once their students have filled them.
    at_first = OVERLAY_ROOM * missing
    size = subject.kvm.guest.disk * 1024
    at_worst = sum(size - (disk.allocation >> 20 if disk else 0) for disk in disks)
    room = f"{free} MiB are free"
    if at_first > free:
        return subject.problem(
            "disk",
            f"the disks of {missing} guests take {at_first} MiB at first, {room}",
            f"free some disk on {subject.alias}, or name another KVM host",
        )
    if at_worst > free:
        return subject.warning(
            "disk",
            f"{len(disks)} guests that fill their disks take {at_worst} MiB more, {room}",
            f"lower guest.disk in {GROUP_DATA}/kvm_hosts.py, or free some: guests stop when the disk is full",
        )
    return subject.ok("disk", f"{len(disks)} guests take {at_worst} MiB more at worst, {room}")


def _homes(subject: CheckedHost) -> Finding:
    assert subject.container  # noqa: S101 (for mypy: only container hosts are checked)
    free = subject.observed.system.docker_disk
    at_worst = subject.container.container.disk * len(subject.containers)
    message = f"{len(subject.containers)} that are full take {at_worst} MiB, {free} MiB are free"
    if at_worst > free:
        return subject.warning(
            "home folders",
            message,
            f"lower container.disk in {GROUP_DATA}/container_hosts.py, or free some",
        )
    return subject.ok("home folders", message)


def _processors(subject: CheckedHost) -> Finding:
    assert subject.kvm  # noqa: S101 (for mypy: only KVM hosts are checked)
    libvirt = subject.observed.libvirt
    guests = [guest for guest in subject.guests if guest.to_run or libvirt.runs(guest.name)]
    processors = subject.observed.system.processors
    virtual = subject.kvm.guest.cores * len(guests)
    message = f"{virtual} virtual processors on {processors}"
    if virtual > MAX_OVERCOMMIT * processors:
        return subject.warning(
            "processors",
            f"{message}: {virtual / processors:.0f} for each",
            "name another KVM host, or lower guest.cores (C16 shows 4): guests that work at once are slow",
        )
    return subject.ok("processors", message)


def _too_many(number: int) -> str:
    return f"{number} guest{'s' if number > 1 else ''} too many"


def _to_start(subject: CheckedHost) -> list[str]:
    libvirt = subject.observed.libvirt
    return [guest.name for guest in subject.guests if guest.to_run and not libvirt.runs(guest.name)]


def _not_running(subject: CheckedHost) -> list[str]:
    observed = subject.observed.docker.containers
    return [
        container.name
        for container in subject.containers
        if container.name not in observed or observed[container.name].state != "running"
    ]


def verdict(subjects: list[CheckedHost], all_findings: list[Finding]) -> str:
    """Say in a few words whether the lab fits, and on which hosts it does not.

    :param subjects: the hosts that could be judged.
    :param all_findings: the findings about all hosts and this machine.
    :return: the end of a sentence that begins with "the lab".
    """
    shortages = [
        f"{_too_many(too_many)} on {subject.alias}"
        for subject in subjects
        if (too_many := guests_too_many(subject))
    ]
    if shortages:
        return f"does not fit: {named(shortages)}"
    if hosts := _hosts_with(Severity.PROBLEM, all_findings):
        return f"cannot be deployed as it is: see {named(hosts)}"
    if hosts := _hosts_with(Severity.UNREACHABLE, all_findings):
        return f"fits, as far as hosts answer: {named(hosts)} did not"
    return "fits"


def _hosts_with(severity: Severity, all_findings: list[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.host for finding in all_findings if finding.severity == severity))
