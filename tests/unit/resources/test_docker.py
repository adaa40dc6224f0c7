"""Desired against observed containers: pure functions."""

import json
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from minetlab.lab import ContainerHostSettings, ContainerLimits, Student
from minetlab.plan import Container
from minetlab.resources.docker import (
    ANY_ADDRESS,
    ContainerChanges,
    ContainerSpec,
    DockerObserved,
    ObservedContainer,
    ObservedImage,
    Spec,
    access_folder,
    compare,
    container_specs,
    field_changes,
    unused_images,
    uploads_folder,
)
from minetlab.resources.seccomp import PROFILE_NAME
from minetlab.resources.slices import container_slice

ALICE = ContainerSpec(
    "minet-alice-nix",
    "minet/nix:0123456789ab",
    "minet",
    "alice",
    256,
    128,
    1.0,
    1024,
    ("NET_RAW",),
    "/var/lib/minet-lab/minet/homes/minet-alice-nix/home",
    ANY_ADDRESS,
    20001,
)
BOB = replace(ALICE, name="minet-bob-nix", student="bob")


def running(spec: ContainerSpec, state: str = "running", lab: str = "minet") -> ObservedContainer:
    return ObservedContainer(spec.name, state, lab, spec.student, spec.digest, spec.fields, spec.image)


def observed(*containers: ObservedContainer) -> dict[str, ObservedContainer]:
    return {container.name: container for container in containers}


def test_specs_come_from_plan_limits_and_images() -> None:
    container = Container("minet-alice-nix", Student(login="alice", name="Alice"), "ct1", "nix", 20001)
    limits = ContainerLimits(memory=64, pids=32, cpus=0.5, files=512, capabilities=("NET_RAW",))
    settings = ContainerHostSettings(container=limits, published_on=IPv4Address("192.0.2.7"))
    (spec,) = container_specs("minet", [container], settings, {"nix": "minet/nix:0123456789ab"})
    assert spec == replace(ALICE, memory=64, pids=32, cpus=0.5, files=512, address="192.0.2.7")


def test_limits_reach_docker_run() -> None:
    options = ALICE.options()
    assert {"--memory=256m", "--memory-swap=256m", "--pids-limit=128", "--cap-drop=ALL"} <= set(options)
    assert {"--cpus=1", "--ulimit=nofile=1024:1024"} <= set(options)
    assert "--cpus=1" not in replace(ALICE, cpus=None).options()
    assert {"--cap-add=NET_RAW", "--security-opt=no-new-privileges", "--hostname=alice-nix"} <= set(options)


def test_another_seccomp_profile_makes_it_another_container(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ALICE.digest
    assert f"--security-opt=seccomp=/var/lib/minet-lab/minet/{PROFILE_NAME}" in ALICE.options()
    monkeypatch.setattr("minetlab.resources.docker.PROFILE_NAME", "seccomp-other.json")
    assert ALICE.digest != before


def test_sshd_is_reached_on_the_planned_port_and_has_its_keys() -> None:
    source = "/var/lib/minet-lab/minet/access/minet-alice-nix"
    mount = f"--mount=type=bind,source={source},target=/run/minet-lab/access,readonly"
    assert {"--publish=0.0.0.0:20001:2222", mount} <= set(ALICE.options())


def test_it_is_published_on_one_address_and_to_its_host() -> None:
    published = [option for option in replace(ALICE, address="192.0.2.7").options() if "publish" in option]
    assert published == ["--publish=192.0.2.7:20001:2222", "--publish=127.0.0.1:20001:2222"]


def test_it_writes_to_its_home_folder_and_to_a_part_of_its_memory_and_nowhere_else() -> None:
    options = set(ALICE.options())
    source = "/var/lib/minet-lab/minet/homes/minet-alice-nix/home"
    assert f"--mount=type=bind,source={source},target=/home/etudiant" in options
    assert "--read-only" in options
    sizes = [option.rpartition("size=")[2] for option in options if option.startswith("--tmpfs=")]
    assert sorted(sizes) == ["64k", "64m"]


def test_it_runs_as_a_user_of_its_own_and_in_a_slice_of_its_own() -> None:
    (user,) = (option for option in ALICE.options() if option.startswith("--user="))
    assert user not in replace(ALICE, ssh_port=20002).options()
    assert f"--cgroup-parent={container_slice('minet', ALICE.name)}" in ALICE.options()


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
        ("cpus", replace(ALICE, cpus=0.5)),
        ("files", replace(ALICE, files=64)),
        ("address", replace(ALICE, address="192.0.2.7")),
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
        containers=observed(
            running(BOB),
            ObservedContainer("web", "running", lab="", image="debian"),
            ObservedContainer("tried", "exited", lab="", image="minet/nix:tried"),
            ObservedContainer("tried-too", "exited", lab="", image="sha256:6"),
        ),
        images=(
            ObservedImage("sha256:1", "minet/nix:new"),
            ObservedImage("sha256:2", BOB.image),
            ObservedImage("sha256:3", "minet/nix:old"),
            ObservedImage("sha256:4", ""),
            ObservedImage("sha256:5", "minet/nix:tried"),
            ObservedImage("sha256:6", ""),
        ),
    )
    assert unused_images(state, ["minet/nix:new"]) == ("minet/nix:old", "sha256:4")


def test_a_container_is_made_from_all_its_options() -> None:
    spec = replace(ALICE, capabilities=("NET_RAW", "SYS_PTRACE"))
    assert [option.partition("=")[0] for option in spec.options()] == [
        "--init",
        "--restart",
        "--name",
        "--hostname",
        "--network",
        "--user",
        "--read-only",
        "--tmpfs",
        "--tmpfs",
        "--publish",
        *["--mount"] * 3,
        "--cgroup-parent",
        "--memory",
        "--memory-swap",
        "--pids-limit",
        "--cpus",
        "--ulimit",
        "--security-opt",
        "--cap-drop",
        "--sysctl",
        "--security-opt",
        "--cap-add",
        "--cap-add",
    ]


def test_the_prompt_shows_whose_container_it_is_and_of_which_tp() -> None:
    assert "--hostname=alice-nix-flakes" in replace(ALICE, name="minet-alice-nix-flakes").options()


def test_labels_say_whose_container_it_is_and_from_what_it_was_made() -> None:
    labels = ALICE.labels("minet")
    assert labels == {
        "org.minet-lab.lab": "minet",
        "org.minet-lab.spec": ALICE.digest,
        "org.minet-lab.spec.fields": ALICE.fields,
        "org.minet-lab.student": "alice",
    }
    assert list(json.loads(ALICE.fields)) == sorted(json.loads(ALICE.fields))


def test_a_spec_says_itself_how_its_container_is_started() -> None:
    with pytest.raises(NotImplementedError):
        Spec("minet-x", "image", "minet").options()


def test_folders_of_two_labs_are_apart() -> None:
    assert access_folder("minet") == "/var/lib/minet-lab/minet/access"
    assert uploads_folder("minet") == "/var/lib/minet-lab/minet/tp-images"


def test_containers_whose_spec_has_changed_are_neither_started_nor_unpaused_before() -> None:
    old = [running(replace(spec, memory=1), state) for spec, state in ((ALICE, "exited"), (BOB, "paused"))]
    changes = compare("minet", [BOB, ALICE], observed(*old))
    assert changes == ContainerChanges(recreate=((old[0], ALICE), (old[1], BOB)))


@pytest.mark.parametrize("state", ["created", "exited"])
def test_one_that_was_made_or_has_ended_is_started(state: str) -> None:
    assert compare("minet", [ALICE], observed(running(ALICE, state))).start == (ALICE.name,)


@pytest.mark.parametrize("state", ["running", "restarting", "removing", "", "zzz"])
def test_one_in_another_state_is_left_to_docker(state: str) -> None:
    assert compare("minet", [ALICE], observed(running(ALICE, state))) == ContainerChanges()


def test_planned_neighbours_are_neither_changed_nor_unplanned() -> None:
    there = observed(running(ALICE), running(BOB, "exited"))
    assert compare("minet", [ALICE], there, [BOB.name]) == ContainerChanges()


def test_containers_of_a_lab_that_are_no_students_are_not_unplanned() -> None:
    site = ObservedContainer("minet-site", "running", "minet")
    assert compare("minet", [], observed(site)) == ContainerChanges()


def test_foreign_and_unplanned_names_are_sorted() -> None:
    theirs = [running(BOB, lab="zoo"), running(ALICE, lab="abc")]
    assert compare("minet", [BOB, ALICE], observed(*theirs)).foreign == (ALICE.name, BOB.name)
    assert compare("minet", [], observed(running(BOB), running(ALICE))).unplanned == (ALICE.name, BOB.name)


def test_a_host_shows_what_each_lab_has_on_it() -> None:
    containers = observed(running(BOB), running(ALICE), replace(running(ALICE, lab="a"), name="a-x"))
    state = DockerObserved(containers=containers, networks={"bridge": "", "minet": "minet", "z": "z"})
    assert state.containers_of("minet") == (ALICE.name, BOB.name)
    assert state.other_labs("minet") == ("a", "z")
    assert state.other_labs("b") == ("a", "minet", "z")


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize("answers", [True, False])
def test_docker_is_silent_if_it_is_there_and_does_not_answer(installed: bool, answers: bool) -> None:
    assert DockerObserved(installed=installed, answers=answers).silent == (installed and not answers)


def test_a_host_that_was_not_looked_at_has_nothing() -> None:
    nothing = DockerObserved()
    assert not any((nothing.installed, nothing.up, nothing.answers, nothing.folder, nothing.uploads))
    assert not any((nothing.containers, nothing.networks, nothing.images))


def test_a_changed_field_is_shown_with_both_values() -> None:
    before = running(replace(ALICE, memory=128, image="a"))
    assert field_changes(before, ALICE) == (("image", '"a"', f'"{ALICE.image}"'), ("memory", "128", "256"))
    assert field_changes(running(ALICE), ALICE) == ()


@pytest.mark.parametrize("fields", ["", "[1]", '"text"', "{"])
def test_a_label_that_is_no_object_says_nothing(fields: str) -> None:
    spoilt = replace(running(ALICE), fields=fields)
    assert {old for _, old, _ in field_changes(spoilt, ALICE)} == {"null"}
    state = DockerObserved(containers=observed(spoilt), images=(ObservedImage("sha256:1", ALICE.image),))
    assert unused_images(state, []) == ()
