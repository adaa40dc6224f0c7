"""Desired against observed containers: pure functions."""

from dataclasses import replace

import pytest

from minetlab.lab import ContainerLimits, Student
from minetlab.plan import Container
from minetlab.resources.docker import (
    ContainerChanges,
    ContainerSpec,
    DockerObserved,
    ObservedContainer,
    ObservedImage,
    compare,
    container_specs,
    field_changes,
    unused_images,
)

ALICE = ContainerSpec(
    "minet-alice-nix", "minet/nix:0123456789ab", "minet", "alice", 256, 128, ("NET_RAW",), 20001
)
BOB = replace(ALICE, name="minet-bob-nix", student="bob")


def running(spec: ContainerSpec, state: str = "running", lab: str = "minet") -> ObservedContainer:
    return ObservedContainer(spec.name, state, lab, spec.student, spec.digest, spec.fields)


def observed(*containers: ObservedContainer) -> dict[str, ObservedContainer]:
    return {container.name: container for container in containers}


def test_specs_come_from_plan_limits_and_images() -> None:
    container = Container("minet-alice-nix", Student(login="alice", name="Alice"), "ct1", "nix", 20001)
    limits = ContainerLimits(memory=64, pids=32, capabilities=("NET_RAW",))
    (spec,) = container_specs("minet", [container], limits, {"nix": "minet/nix:0123456789ab"})
    assert spec == replace(ALICE, memory=64, pids=32)


def test_limits_reach_docker_run() -> None:
    options = ALICE.options()
    assert {"--memory=256m", "--memory-swap=256m", "--pids-limit=128", "--cap-drop=ALL"} <= set(options)
    assert {"--cap-add=NET_RAW", "--security-opt=no-new-privileges", "--hostname=alice-nix"} <= set(options)


def test_sshd_is_reached_on_the_planned_port_and_has_its_keys() -> None:
    source = "/var/lib/minet-lab/minet/access/minet-alice-nix"
    mount = f"--mount=type=bind,source={source},target=/run/minet-lab/access,readonly"
    assert {"--publish=20001:2222", mount} <= set(ALICE.options())


def test_nothing_there_creates_all() -> None:
    assert compare("minet", [ALICE, BOB], {}) == ContainerChanges(create=(ALICE, BOB))


def test_as_specified_changes_nothing() -> None:
    assert compare("minet", [ALICE, BOB], observed(running(ALICE), running(BOB))) == ContainerChanges()


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("image", replace(ALICE, image="minet/nix:ba9876543210")),
        ("network", replace(ALICE, network="other")),
        ("memory", replace(ALICE, memory=128)),
        ("pids", replace(ALICE, pids=64)),
        ("capabilities", replace(ALICE, capabilities=())),
        ("student", replace(ALICE, student="zoe")),
        ("ssh_port", replace(ALICE, ssh_port=20002)),
    ],
)
def test_every_changed_field_makes_exactly_that_container_anew(name: str, old: ContainerSpec) -> None:
    before = running(old)
    changes = compare("minet", [ALICE, BOB], observed(before, running(BOB)))
    assert changes == ContainerChanges(recreate=((before, ALICE),))
    assert [changed for changed, _, _ in field_changes(before, ALICE)] == [name]


def test_stopped_starts_and_paused_goes_on() -> None:
    changes = compare("minet", [ALICE, BOB], observed(running(ALICE, "exited"), running(BOB, "paused")))
    assert changes == ContainerChanges(start=(ALICE.name,), unpause=(BOB.name,))


def test_dead_container_is_made_anew() -> None:
    dead = running(ALICE, "dead")
    assert compare("minet", [ALICE], observed(dead)) == ContainerChanges(recreate=((dead, ALICE),))


def test_name_taken_by_somebody_else_is_foreign_and_left_alone() -> None:
    theirs = ObservedContainer(ALICE.name, "exited", lab="")
    assert compare("minet", [ALICE], observed(theirs)) == ContainerChanges(foreign=(ALICE.name,))


def test_only_the_labs_own_containers_are_unplanned() -> None:
    strangers = (ObservedContainer("web", "running", lab=""), running(replace(BOB, name="x"), lab="other"))
    changes = compare("minet", [ALICE], observed(running(ALICE), running(BOB), *strangers))
    assert changes == ContainerChanges(unplanned=(BOB.name,))


def test_a_spoilt_label_still_gives_a_diff() -> None:
    spoilt = replace(running(ALICE), fields="[not json")
    assert ("memory", "null", "256") in field_changes(spoilt, ALICE)


def test_unused_images_are_those_nobody_refers_to() -> None:
    state = DockerObserved(
        containers=observed(running(BOB), ObservedContainer("web", "running", lab="")),
        images=(
            ObservedImage("sha256:1", "minet/nix:new"),
            ObservedImage("sha256:2", BOB.image),
            ObservedImage("sha256:3", "minet/nix:old"),
            ObservedImage("sha256:4", ""),
        ),
    )
    assert unused_images(state, ["minet/nix:new"]) == ("minet/nix:old", "sha256:4")
