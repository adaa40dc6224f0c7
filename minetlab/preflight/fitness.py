"""Whether a host is fit for what the lab wants of it: the host itself, and what it has room for. No I/O."""

from collections.abc import Iterator
from math import ceil

from minetlab.lab.packages import CONTAINER_HOST_PACKAGES, KVM_HOST_PACKAGES
from minetlab.preflight.clashes import clashes
from minetlab.preflight.findings import GROUP_DATA, Finding, Subject
from minetlab.resources.guests import OVERHEAD, OVERLAY_ROOM
from minetlab.resources.guests_run import SETTING
from minetlab.resources.layout import overlay
from minetlab.util.names import named

MAX_SKEW = 30.0
"""Seconds that clocks may differ: apt and TLS bear more, and logs of two machines can still be compared."""
MOST_OVERCOMMIT = 8
"""Virtual processors for each of the host's: a class that types commands is idle most of the time."""


def findings(subject: Subject, asked: float, answered: float) -> Iterator[Finding]:
    """Everything about a host that has answered.

    :param asked: this machine's clock before, ``answered``: after that, in seconds since 1970.
    """
    yield from _system(subject)
    yield from _lock(subject)
    yield from _clock(subject, asked, answered)
    if subject.kvm:
        yield _virtualization(subject)
    yield from room(subject)
    yield from clashes(subject)


def room(subject: Subject) -> Iterator[Finding]:
    """Whether what is planned has room there; all that can be said of a sandbox host before it is booted."""
    if subject.kvm or subject.container:
        yield _memory(subject)
    if subject.kvm:
        yield _disk(subject)
        yield _processors(subject)


def guests_too_many(subject: Subject) -> int:
    """How many of its guests a host has no memory for."""
    if not (subject.kvm and subject.guests):
        return 0
    each = subject.kvm.guest.memory + OVERHEAD
    lacking = len(_to_start(subject)) * each - subject.observed.system.memory
    return max(0, ceil(lacking / each))


def _system(subject: Subject) -> Iterator[Finding]:
    system = subject.observed.system
    if not system.root:
        yield subject.problem(
            "sudo",
            "commands do not run as root there",
            'log in as root, or set "_sudo": True in the inventory',
        )
    else:
        yield subject.ok("sudo", "commands run as root")
    packages = [KVM_HOST_PACKAGES] if subject.kvm else []
    packages += [CONTAINER_HOST_PACKAGES] if subject.container else []
    known = set.intersection(*map(set, packages)) if packages else set()
    releases = " or ".join(map(str, sorted(known)))
    if system.debian in known:
        yield subject.ok("Debian", f"Debian {system.debian}")
    else:
        is_now = f"it is Debian {system.debian}" if system.debian else "it is no Debian"
        yield subject.problem("Debian", is_now, f"install Debian {releases} on it")


def _lock(subject: Subject) -> Iterator[Finding]:
    if holder := subject.observed.lock:
        yield subject.warning(
            "lock",
            f"{holder.by} has been deploying lab {holder.lab} for {holder.seconds // 60} min",
            "wait until that is done; if it hangs, or its machine is gone: ./lab unlock",
        )


def _clock(subject: Subject, asked: float, answered: float) -> Iterator[Finding]:
    time = subject.observed.system.time
    skew = max(asked - time, time - answered, 0.0)
    if skew > MAX_SKEW:
        late = "slow" if time < asked else "fast"
        yield subject.warning(
            "clock",
            f"its clock is {skew:.0f} s {late}, by this machine's",
            f"on {subject.alias}: timedatectl set-ntp true; or set this machine's",
        )
    else:
        yield subject.ok("clock", f"differs from this machine's by less than {MAX_SKEW:.0f} s")


def _virtualization(subject: Subject) -> Finding:
    kvm, check = subject.observed.kvm, "virtualization"
    bad = subject.problem if subject.lab.require_kvm else subject.warning
    consequence = "and require_kvm is set" if subject.lab.require_kvm else "so guests are emulated: slow"
    if kvm.feature is None:
        return bad(
            check,
            f"its CPU ({kvm.vendor or 'unknown'}) offers neither svm nor vmx, {consequence}",
            "switch AMD-V or VT-x on in its firmware (nested, if it is itself a virtual machine)",
        )
    if kvm.loaded and not kvm.device:
        return bad(
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


def _memory(subject: Subject) -> Finding:
    """Guests take all of theirs at once at worst, containers up to their limit."""
    available = subject.observed.system.memory
    guests, containers = _to_start(subject), _not_running(subject)
    each = subject.kvm.guest.memory + OVERHEAD if subject.kvm else 0
    limit = subject.container.container.memory if subject.container else 0
    need, most = len(guests) * each, len(guests) * each + len(containers) * limit
    has = f"{available} MiB are available"
    if too_many := guests_too_many(subject):
        fit = len(subject.guests) - too_many
        smaller = available // len(guests) - OVERHEAD
        lower = f", or lower guest.memory to {smaller} MiB" if smaller >= 256 else ""  # noqa: PLR2004 (its least)
        return subject.problem(
            "memory",
            f"{_too_many(too_many)}: {len(guests)} to start need {need} MiB, {has}",
            f'give it {{"capacity": {fit}}} in the inventory, and name another KVM host{lower}',
        )
    if most > available:
        return subject.warning(
            "memory",
            f"{len(containers)} containers to start may take {limit} MiB each, {most} MiB in all; {has}",
            f"lower container.memory in {GROUP_DATA}/container_hosts.py, or name another container host",
        )
    kept_off = f" ({SETTING})" if subject.kvm and not subject.kvm.guests_run else ""
    starting = [f"{len(guests)} guests{kept_off}"] if subject.kvm else []
    starting += [f"{len(containers)} containers"] if subject.container else []
    return subject.ok("memory", f"{' and '.join(starting)} to start take {most} MiB at most, {has}")


def _disk(subject: Subject) -> Finding:
    """Disks are thin: what they take at first, and what they take if every student fills theirs."""
    assert subject.kvm  # noqa: S101 (for mypy: asked of KVM hosts only)
    volumes, free = subject.observed.libvirt.volumes, subject.observed.system.disk
    disks = [volumes.get(overlay(guest.name)) for guest in subject.guests]
    first = OVERLAY_ROOM * disks.count(None)
    size = subject.kvm.guest.disk * 1024
    worst = sum(size - (disk.allocation >> 20 if disk else 0) for disk in disks)
    has = f"{free} MiB are free"
    if first > free:
        return subject.problem(
            "disk",
            f"the disks of {disks.count(None)} guests take {first} MiB at first, {has}",
            f"free some disk on {subject.alias}, or name another KVM host",
        )
    if worst > free:
        return subject.warning(
            "disk",
            f"{len(disks)} guests that fill their disks take {worst} MiB more, {has}",
            f"lower guest.disk in {GROUP_DATA}/kvm_hosts.py, or free some: guests stop when the disk is full",
        )
    return subject.ok("disk", f"{len(disks)} guests take {worst} MiB more at worst, {has}")


def _processors(subject: Subject) -> Finding:
    assert subject.kvm  # noqa: S101 (for mypy: asked of KVM hosts only)
    run = [each for each in subject.guests if each.to_run or subject.observed.libvirt.runs(each.name)]
    there, given = subject.observed.system.processors, subject.kvm.guest.cores * len(run)
    found = f"{given} virtual processors on {there}"
    if given > MOST_OVERCOMMIT * there:
        return subject.warning(
            "processors",
            f"{found}: {given / there:.0f} for each",
            "name another KVM host, or lower guest.cores (C16 shows 4): guests that work at once are slow",
        )
    return subject.ok("processors", found)


def _too_many(number: int) -> str:
    return f"{number} guest{'s' if number > 1 else ''} too many"


def _to_start(subject: Subject) -> list[str]:
    libvirt = subject.observed.libvirt
    return [each.name for each in subject.guests if each.to_run and not libvirt.runs(each.name)]


def _not_running(subject: Subject) -> list[str]:
    there = subject.observed.docker.containers
    return [
        each.name
        for each in subject.containers
        if each.name not in there or there[each.name].state != "running"
    ]


def verdict(subjects: list[Subject], found: list[Finding]) -> str:
    """One line: whether the lab fits, and where it does not."""
    lacking = [
        f"{_too_many(too_many)} on {each.alias}" for each in subjects if (too_many := guests_too_many(each))
    ]
    if lacking:
        return f"does not fit: {named(lacking)}"
    wrong = dict.fromkeys(each.host for each in found if each.severity == "problem")
    silent = dict.fromkeys(each.host for each in found if each.severity == "unreachable")
    if wrong:
        return f"cannot be deployed as it is: see {named(wrong)}"
    return f"fits, as far as hosts answer: {named(silent)} did not" if silent else "fits"
