"""What is left of a lab: nothing of a host that was cleared, and each thing of one that was not."""

from dataclasses import replace

import pytest

from minetlab.machines.leftovers import (
    containers_of,
    guests_of,
    of_docker,
    of_firewall,
    of_jump,
    of_libvirt,
    of_slices,
)
from minetlab.resources.docker import DockerObserved, ObservedContainer, ObservedImage
from minetlab.resources.firewall import FirewallObserved
from minetlab.resources.jump import JumpObserved, label
from minetlab.resources.libvirt import LibvirtObserved
from minetlab.resources.slices import lab_slice
from tests.support.guests import LAB, standing

CLEARED = LibvirtObserved(installed=True, answers=True)
DOCKER = DockerObserved(
    installed=True,
    answers=True,
    containers={
        name: ObservedContainer(name, "running", lab, student)
        for name, lab, student in (
            ("minet-a-isa", LAB, "a"),
            ("minet-a-isa-isa", LAB, "a-isa"),
            ("somebody", "", ""),
            ("other-a-isa", "other", "a"),
        )
    },
    networks={LAB: LAB, "bridge": "", "other": "other"},
    images=(ObservedImage("sha256:1", "minet/isa:1"),),
    folder=True,
)


def test_nothing_is_left_on_a_host_that_was_cleared() -> None:
    assert not list(of_libvirt(LAB, CLEARED))
    assert not list(of_docker(LAB, DockerObserved(installed=True, answers=True)))
    assert not list(of_docker("gone", replace(DOCKER, images=(), folder=False)))
    assert not list(of_jump(LAB, JumpObserved()))
    assert not list(of_slices(LAB, ""))
    assert not list(of_jump(LAB, JumpObserved(label="Somebody else")))


def test_nothing_is_not_what_a_silent_daemon_shows() -> None:
    assert list(of_libvirt(LAB, LibvirtObserved(installed=True))) == ["libvirtd does not answer"]
    assert list(guests_of(LAB, LibvirtObserved(installed=True), ["s0"])) == ["libvirtd does not answer"]
    assert list(of_docker(LAB, DockerObserved(installed=True))) == ["dockerd does not answer"]
    assert list(containers_of(LAB, DockerObserved(installed=True), ["a"])) == ["dockerd does not answer"]
    assert not list(of_libvirt(LAB, LibvirtObserved()))
    assert not list(of_docker(LAB, DockerObserved()))


def test_what_stands_is_listed() -> None:
    found = list(of_libvirt(LAB, standing(2)))
    assert {"guest minet-s0", "guest minet-s1", "network minet", "pool minet"} <= set(found)
    assert sum(each.startswith("volume ") for each in found) == 5
    assert any(each.startswith("file /var/lib/libvirt/images/minet-lab/minet") for each in found)
    assert list(of_slices(LAB, "[Slice]\n")) == [f"limits of {lab_slice(LAB)}"]


def test_what_is_another_labs_is_not() -> None:
    others = replace(standing(2, lab="other"), owner="other", files=())
    assert not list(of_libvirt(LAB, others))
    assert list(of_docker(LAB, DOCKER)) == [
        "container minet-a-isa", "container minet-a-isa-isa", "Docker network minet", "image minet/isa:1",
        "the folder of its keys and sites",
    ]  # fmt: skip


def test_of_a_student_only_what_is_theirs_counts_though_names_begin_alike() -> None:
    assert list(containers_of(LAB, DOCKER, ["a"])) == ["container minet-a-isa"]
    found = list(guests_of(LAB, standing(2), ["s0"]))
    assert found[0] == "guest minet-s0"
    assert len(found) == 3
    assert all("minet-s0" in each for each in found)
    assert not list(guests_of(LAB, standing(2), ["s"]))


def test_each_part_of_the_firewall_is_seen() -> None:
    assert not list(of_firewall(FirewallObserved()))
    found = of_firewall(FirewallObserved({"/etc/minet-lab/minet.nft": ""}, loaded="0a1b"))
    assert list(found) == ["file /etc/minet-lab/minet.nft", "rules of the firewall"]


@pytest.mark.parametrize("change", [{"label": label(LAB)}, {"settings": "Match"}, {"folder": True}])
def test_each_part_of_the_account_is_seen(change: dict[str, object]) -> None:
    assert len(list(of_jump(LAB, JumpObserved(**change)))) == 1  # type: ignore[arg-type]
