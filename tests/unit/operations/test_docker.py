"""The operations on dockerd, on a host that answers from a script."""

import dataclasses
import json
import re
from ipaddress import IPv4Network
from typing import Any

import pytest

from minetlab.facts.docker import DaemonConfig, DockerState
from minetlab.lab import ContainerHostSettings
from minetlab.lab.packages import CONTAINER_HOST_PACKAGES
from minetlab.lab.settings import AddressPool
from minetlab.operations import docker, packages, site, slices, tp_images as tp_image_operations
from minetlab.operations.shell import RELOAD_UNITS
from minetlab.resources.docker import DockerObserved
from minetlab.resources.dockerd import DaemonState
from minetlab.resources.seccomp import PROFILE
from minetlab.resources.slices import weight_file
from tests.support.container_host import (
    CONFIG,
    CONTAINERS,
    IMAGES,
    PACKAGES,
    SETTINGS,
    SPECS,
    STATE,
    answer,
    container_lines,
    image_lines,
)
from tests.support.fake_host import Operation, Run, run_operation, run_operations

HOMES = "findmnt --noheadings"
DAEMON_SLICE_FILES = "cat /etc/systemd/system/dockerd.slice"
POOLS = (AddressPool(base=IPv4Network("10.201.0.0/16"), size=24),)
SERVICE: dict[str, object] = {"kind": "service"}
NETWORK: dict[str, object] = {"kind": "network", "name": "minet", "lab": "minet"}


def run_containers(responses: dict[str, list[str]], settings: ContainerHostSettings = SETTINGS) -> Run:
    return run_operation(docker.containers, responses, lab="minet", containers=CONTAINERS, settings=settings)


def with_limits(**limits: int) -> ContainerHostSettings:
    return ContainerHostSettings.model_validate({"container": limits})


def test_containers_are_created() -> None:
    run = run_containers(answer())
    assert len(run.sent("docker run --detach")) == len(CONTAINERS)
    assert run.round_trips == 4
    assert f"--label=org.minet-lab.spec={SPECS[0].digest}" in run.sent("docker run")[0]
    (profile,) = run.sent("mkdir -p /var/lib/minet-lab/minet && ")
    assert PROFILE in profile
    assert run.commands.index(profile) < run.commands.index(run.sent("docker run")[0])


def test_a_no_op_is_one_command_whatever_the_number_of_students() -> None:
    run = run_containers(answer(NETWORK, *container_lines()))
    assert (len(run.commands), run.idle) == (1, True)


def test_a_container_of_a_student_who_left_is_named_and_stays(caplog: pytest.LogCaptureFixture) -> None:
    responses = answer(NETWORK, *container_lines())
    arguments: dict[str, Any] = {"lab": "minet", "containers": CONTAINERS[1:], "settings": SETTINGS}
    assert run_operation(docker.containers, responses, **arguments).idle
    assert "not in the roster, so not touched: minet-s0-processus" in caplog.text
    caplog.clear()
    assert run_containers(responses).idle
    assert "not in the roster" not in caplog.text


def test_a_container_of_a_tp_that_there_is_not_fails_the_host(caplog: pytest.LogCaptureFixture) -> None:
    unknown = (dataclasses.replace(CONTAINERS[0], tp_image="unix"),)
    responses = answer(NETWORK, *container_lines())
    run = run_operation(docker.containers, responses, lab="minet", containers=unknown, settings=SETTINGS)
    assert (run.failed, len(run.commands)) == (True, 1)
    assert "'unix'" in caplog.text


def test_a_diff_shows_what_of_a_container_is_another_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    settings = with_limits(memory=512)
    responses = answer(NETWORK, *container_lines())
    run = run_operation(
        docker.containers, responses, diff=True, lab="minet", containers=CONTAINERS[:1], settings=settings
    )
    assert run.changed
    name = CONTAINERS[0].name
    assert f"{name} is replaced:" in caplog.text
    assert "  - memory: 256" in caplog.text
    assert "  + memory: 512" in caplog.text
    caplog.clear()
    run_operation(docker.containers, responses, lab="minet", containers=CONTAINERS[:1], settings=settings)
    assert "is replaced" not in caplog.text


def test_what_outlives_a_container_that_is_made_anew_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """An earlier revision made containers with their home folder inside."""
    first, second = container_lines()[:2]
    fields = json.loads(str(second["fields"]))
    del fields["home"]
    lines = [first, {**second, "fields": json.dumps(fields)}]
    arguments: dict[str, Any] = {"containers": CONTAINERS[:2], "settings": with_limits(memory=300)}
    run_operation(docker.containers, answer(NETWORK, *lines), lab="minet", **arguments)
    assert f"made anew, but for their home folders: {CONTAINERS[0].name}\n" in caplog.text
    assert f"made anew, with nothing in them: {CONTAINERS[1].name}\n" in caplog.text


def whole_host(service: bool = True) -> tuple[list[tuple[Operation, dict[str, Any]]], dict[str, list[str]]]:
    """What a deploy does to a container host that stands as specified, and what that answers."""
    names = ("processus",)
    operations: list[tuple[Operation, dict[str, Any]]] = [
        (tp_image_operations.start_builds, {"lab": "minet", "names": names}),
        (packages.install, {"packages": CONTAINER_HOST_PACKAGES}),
        (docker.daemon, {"lab": "minet", "address_pools": POOLS}),
        (docker.service, {"lab": "minet"}),
        (tp_image_operations.load, {"lab": "minet", "names": names}),
        (site.remove, {"lab": "minet"}),
        (docker.containers, {"lab": "minet", "containers": CONTAINERS, "settings": SETTINGS}),
        (tp_image_operations.prune, {"lab": "minet", "names": names}),
    ]
    up = [SERVICE] if service else []
    return operations, {
        **answer(*up, NETWORK, *container_lines(), *image_lines()),
        **configured("read"),
        PACKAGES: ["debian 13", *(f"installed {name}" for name in CONTAINER_HOST_PACKAGES[13])],
    }


def test_a_deploy_with_nothing_to_do_asks_dockerd_once() -> None:
    run = run_operations(*whole_host())
    assert (run.changed, run.failed) == (False, False)
    assert sum(STATE in command for command in run.commands) == 1


def test_dockerd_is_asked_again_after_something_has_changed() -> None:
    run = run_operations(*whole_host(service=False))
    asked = [number for number, command in enumerate(run.commands) if STATE in command]
    (enabled,) = (
        number for number, command in enumerate(run.commands) if "systemctl enable --now" in command
    )
    assert len(asked) == 2
    assert asked[0] < enabled < asked[1]


def test_dockerd_that_runs_and_is_enabled_is_left_alone() -> None:
    run = run_operation(docker.service, answer(SERVICE), lab="minet")
    assert (len(run.commands), run.idle) == (1, True)


def test_stopped_containers_start_in_one_command() -> None:
    run = run_containers(answer(NETWORK, *container_lines("exited")))
    assert len(run.commands) == 2
    assert run.sent("docker container start minet-s0-processus")


def test_paused_containers_go_on_in_one_command() -> None:
    run = run_containers(answer(NETWORK, *container_lines("paused")))
    (command,) = run.commands[1:]
    assert command.startswith("docker container unpause minet-s0-processus")


def test_changed_limit_recreates() -> None:
    run = run_containers(answer(NETWORK, *container_lines()), with_limits(memory=300))
    (anew,) = run.sent("docker container rm --force --volumes minet-s0-processus && docker run --detach ")
    assert "--memory=300m" in anew
    assert (run.round_trips, len(run.commands)) == (3, 2 + len(CONTAINERS))


def test_a_dead_daemon_fails_the_host_and_touches_nothing() -> None:
    run = run_containers({STATE: ['{"kind":"silence"}']})
    assert run.failed
    assert len(run.commands) == 1


def test_a_foreign_container_fails_the_host_and_is_left_alone() -> None:
    lines = container_lines()
    lines[0]["lab"] = ""
    run = run_containers(answer(NETWORK, *lines))
    assert run.failed
    assert len(run.commands) == 1


@pytest.mark.parametrize("owner", ["", "other"])
def test_network_of_somebody_else_is_refused(owner: str) -> None:
    run = run_containers(answer({**NETWORK, "lab": owner}))
    assert (run.failed, len(run.commands)) == (True, 1)


def test_network_is_created_first_with_the_labs_label() -> None:
    _, command, _, *containers = run_containers(answer()).commands
    assert command.startswith("docker network create ")
    assert "--label=org.minet-lab.lab=minet" in command
    assert "name=dbr-minet" in command
    assert len(containers) == len(CONTAINERS)


def test_absent_removes_all_that_is_the_labs_and_only_that() -> None:
    strangers: list[dict[str, object]] = [
        {"kind": "container", "name": "web", "state": "running", "lab": ""},
        {"kind": "network", "name": "other", "lab": "other"},
    ]
    folder: dict[str, object] = {"kind": "folder"}
    lines = [*container_lines(), NETWORK, *image_lines(), folder, *strangers]
    present = [f"size 1024 {spec.name}.img" for spec in SPECS]
    responses = {
        **answer(*lines),
        HOMES: [*present, "unit [Unit]", "enabled yes"],
        f"cat {weight_file('minet')}": ["[Slice]"],
    }
    commands = run_operation(docker.teardown, responses, lab="minet").commands[3:]
    unit = "minet-lab-minet-homes.service"
    removals = [command for command in commands if "mountpoint --quiet" in command]
    assert len(removals) == len(SPECS)
    commands = [command for command in commands if command not in removals]
    names = " ".join(sorted(spec.name for spec in SPECS))
    assert commands == [
        f"docker container rm --force --volumes {names}",
        "docker network rm minet",
        f"docker image rm {IMAGES['processus']}",
        f"systemctl disable --quiet {unit} && rm -f /etc/systemd/system/{unit} && systemctl daemon-reload",
        "rm -rf /var/lib/minet-lab/minet && rmdir -p --ignore-fail-on-non-empty /var/lib/minet-lab",
        "systemctl stop minetlab_minet.slice && rm -rf /etc/systemd/system/minetlab_minet.slice.d"
        " /etc/systemd/system/minetlab_minet-.slice.d && systemctl daemon-reload",
    ]


def test_absent_of_nothing_is_a_no_op() -> None:
    run = run_operation(docker.teardown, answer(), lab="minet")
    assert (len(run.commands), run.idle) == (4, True)


def test_absent_is_a_no_op_without_docker_but_not_with_a_dead_daemon() -> None:
    assert not run_operation(docker.teardown, {}, lab="minet").failed
    assert run_operation(docker.teardown, {STATE: ['{"kind":"silence"}']}, lab="minet").failed


def test_daemon_is_configured_validated_then_restarted() -> None:
    run = run_operation(docker.daemon, {}, lab="minet", address_pools=POOLS)
    validate, restart = run.commands[-2:]
    assert validate.index("--validate --config-file") < validate.index("mv --force")
    assert "systemctl restart containerd.service docker.service" in restart


def configured(freshness: str, **changes: object) -> dict[str, list[str]]:
    settings = {**docker.daemon_settings(POOLS), **changes}
    return {
        CONFIG: [freshness, *json.dumps(settings, indent=1).splitlines()],
        DAEMON_SLICE_FILES: "".join(slices.daemon_texts().values()).splitlines(),
    }


def test_containers_take_precedence_over_a_daemon_that_is_configured() -> None:
    responses = {**configured("read"), DAEMON_SLICE_FILES: ["[Slice]", "CPUWeight=100"]}
    *_, install, restart = run_operation(docker.daemon, responses, lab="minet", address_pools=POOLS).commands
    assert "CPUWeight=10\n" in install
    assert install.endswith(f"&& {RELOAD_UNITS}")
    assert "systemctl restart containerd.service docker.service" in restart


def test_configured_daemon_is_left_alone_with_the_administrators_own_settings() -> None:
    run = run_operation(docker.daemon, configured("read", mtu=1400), lab="minet", address_pools=POOLS)
    assert (len(run.commands), run.idle) == (2, True)


def test_daemon_that_has_not_read_its_configuration_is_restarted() -> None:
    run = run_operation(docker.daemon, configured("stale"), lab="minet", address_pools=POOLS)
    assert (len(run.commands), run.noops) == (3, ())


def test_a_diff_shows_the_settings_of_dockerd_that_change(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    arguments: dict[str, Any] = {"lab": "minet", "address_pools": POOLS}
    there = configured("read", mtu=1400, **{"live-restore": False})
    run_operation(docker.daemon, there, diff=True, **arguments)
    assert "/etc/docker/daemon.json changes:" in caplog.text
    assert '-   "live-restore": false' in caplog.text
    assert '+   "live-restore": true' in caplog.text
    assert not re.search('[-+]   "mtu"', caplog.text)
    for responses, diff in ((there, False), (configured("read"), True), (configured("stale"), True)):
        caplog.clear()
        run_operation(docker.daemon, responses, diff=diff, **arguments)
        assert "changes:" not in caplog.text
    run_operation(docker.daemon, {}, diff=True, **arguments)
    assert '+   "live-restore": true' in caplog.text


def test_changed_setting_is_put_in_place() -> None:
    changed = configured("read", **{"live-restore": False})
    assert len(run_operation(docker.daemon, changed, lab="minet", address_pools=POOLS).commands) > 2


THEIRS = [{"base": "10.202.0.0/16", "size": 24}]


def test_our_settings_replace_those_of_their_name_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="pyinfra")
    arguments: dict[str, Any] = {"lab": "minet", "address_pools": POOLS, "diff": True}
    run_operation(
        docker.daemon, configured("read", debug=True, **{"default-address-pools": THEIRS}), **arguments
    )
    assert '-       "base": "10.202.0.0/16"' in caplog.text
    assert f'+       "base": "{POOLS[0].base}"' in caplog.text
    assert not re.search('[-+]   "debug"', caplog.text)
    caplog.clear()
    run_operation(docker.daemon, {}, **arguments)
    without_file = caplog.messages
    caplog.clear()
    run_operation(docker.daemon, {CONFIG: ["read", "{}"]}, **arguments)
    assert caplog.messages == without_file


@pytest.mark.parametrize(
    "theirs",
    [
        {"kind": "network", "name": "other", "lab": "other"},
        {"kind": "container", "name": "other-a", "state": "exited", "lab": "other"},
    ],
)
def test_address_pools_of_another_lab_that_is_there_are_left_alone(theirs: dict[str, object]) -> None:
    there = configured("read", **{"default-address-pools": THEIRS})
    run = run_operation(docker.daemon, {**there, **answer(theirs)}, lab="minet", address_pools=POOLS)
    assert (run.failed, len(run.commands)) == (True, 2)


def test_address_pools_of_a_lab_that_is_gone_or_of_this_one_are_replaced() -> None:
    there = configured("read", **{"default-address-pools": THEIRS})
    run = run_operation(docker.daemon, {**there, **answer(NETWORK)}, lab="minet", address_pools=POOLS)
    assert not run.failed
    assert "systemctl restart containerd.service docker.service" in run.commands[-1]


def test_another_lab_with_the_same_address_pools_is_not_even_asked_for() -> None:
    other = answer({"kind": "network", "name": "other", "lab": "other"})
    run = run_operation(docker.daemon, {**configured("read"), **other}, lab="minet", address_pools=POOLS)
    assert (len(run.commands), run.idle) == (2, True)


@pytest.mark.parametrize("broken", ["{oops", "[]", ""])
def test_broken_configuration_of_somebody_fails_the_host(broken: str) -> None:
    run = run_operation(docker.daemon, {CONFIG: ["read", broken]}, lab="minet", address_pools=POOLS)
    assert (run.failed, len(run.commands)) == (True, 1)
    assert DaemonConfig().process([]) == DaemonState()
    assert DaemonConfig().process(["stale", "{}"]) == DaemonState({}, stale=True)


@pytest.mark.parametrize("lines", [["oops"], ['{"kind":"volume"}'], ['{"kind":"network"}'], ["{}"]])
def test_unreadable_answer_fails_the_host(lines: list[str]) -> None:
    assert run_containers({STATE: lines}).failed


def test_state_of_a_host_is_read() -> None:
    lines = [json.dumps(line) for line in (*container_lines(), NETWORK, *image_lines())]
    state = DockerState().process(lines)
    assert isinstance(state, DockerObserved)
    assert state.containers_of("minet") == tuple(sorted(spec.name for spec in SPECS))
    assert state.images[0].reference == IMAGES["processus"]
    assert (state.networks, state.uploads) == ({"minet": "minet"}, False)


@pytest.mark.parametrize(
    ("lines", "commands"),
    [
        (["debian 13", *(f"installed {name}" for name in CONTAINER_HOST_PACKAGES[13])], 1),
        (["debian 13", "installed docker.io", "config-files apparmor"], 3),
        (["debian 12", *(f"installed {name}" for name in CONTAINER_HOST_PACKAGES[12])], 1),
    ],
)
def test_only_missing_packages_are_installed(lines: list[str], commands: int) -> None:
    run = run_operation(packages.install, {PACKAGES: lines}, packages=CONTAINER_HOST_PACKAGES)
    assert len(run.commands) == commands
    assert not run.failed
    missing = "apparmor docker-cli e2fsprogs nftables openssl pigz"
    assert all(command.endswith(missing) for command in run.commands[2:])


def test_other_systems_are_refused() -> None:
    assert run_operation(
        packages.install, {PACKAGES: ["ubuntu 24.04"]}, packages=CONTAINER_HOST_PACKAGES
    ).failed


@pytest.mark.parametrize("hosts", [1, 2])
def test_a_configuration_that_cannot_be_read_is_not_taken_for_none(
    hosts: int, caplog: pytest.LogCaptureFixture
) -> None:
    responses = {CONFIG: {"success": False, "stderr": ["Connection reset"]}}
    run = run_operation(docker.daemon, responses, hosts=hosts, lab="minet", address_pools=POOLS)
    assert (run.failed, len(run.commands)) == (True, 1)
    assert "does not answer any more, or not as expected (DaemonConfig)" in caplog.text
