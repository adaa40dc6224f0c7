"""What a host says to the preflight, and what is made of it."""

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.host import HostState
from minetlab.resources.confinement import ConfinementObserved
from minetlab.resources.docker import DockerObserved
from minetlab.resources.dockerd import DaemonState
from minetlab.resources.host import HostObserved, System
from minetlab.resources.kvm import KvmObserved
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.resources.lock import Holder

HOLDER = Holder("r1", "eve@admin", "minet", 90)
LINES = {
    "kvm": ["vendor AuthenticAMD", "feature svm"],
    "confinement": ["available yes"],
    "libvirt": ["@memory", "900", "@installed"],
    "docker": ['{"kind":"silence"}'],
    "daemon": ["read", "{}"],
    "lock": ["held", "90", HOLDER.line],
    "system": [
        "user 0",
        "release debian 13",
        "memory 900",
        "processors 2",
        "disk 1000",
        "docker-disk 2000",
        "cgroup cgroup2fs cpu io memory pids",
        "file-system ext4 254:1",
        "loop 0",
        "time 12.5",
    ],
}


def processed(parts: dict[str, list[str]]) -> HostObserved:
    return HostState().process([line for name, lines in parts.items() for line in (f"@@{name}", *lines)])


def test_each_part_of_the_answer_is_read_by_its_own_fact() -> None:
    assert processed(LINES) == HostObserved(
        system=System(
            time=12.5,
            debian=13,
            memory=900,
            processors=2,
            disk=1000,
            docker_disk=2000,
            controllers=frozenset({"cpu", "io", "memory", "pids"}),
            file_system="ext4",
            on_disk=True,
            loop_devices=True,
        ),
        kvm=KvmObserved(vendor="AuthenticAMD", feature="svm"),
        confinement=ConfinementObserved(available=True),
        libvirt=LibvirtObserved(installed=True, memory=900),
        docker=DockerObserved(installed=True),
        daemon=DaemonState({}),
        lock=HOLDER,
    )


def test_what_a_host_says_before_the_answer_is_not_of_it() -> None:
    """Such as the messages of a login shell."""
    answer = [line for name, lines in LINES.items() for line in (f"@@{name}", *lines)]
    assert HostState().process(["Welcome!", *answer]) == processed(LINES)


@pytest.mark.parametrize("missing", LINES)
def test_an_answer_without_one_of_its_parts_is_refused(missing: str) -> None:
    with pytest.raises(FactProcessError, match=f"has no part '{missing}'"):
        processed({name: lines for name, lines in LINES.items() if name != missing})


def test_an_answer_that_is_cut_is_refused() -> None:
    with pytest.raises(FactProcessError, match="the host's answer is incomplete: KeyError\\('time'\\)"):
        processed({**LINES, "system": LINES["system"][:-1]})


def test_every_part_is_asked_for_the_clock_last() -> None:
    asked = [line.removeprefix("echo @@") for line in HostState().command("minet").splitlines()]
    assert [line for line in asked if line in LINES] == list(LINES)
