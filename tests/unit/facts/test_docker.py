"""What a container host says of its dockerd, and what is made of it."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.docker import DaemonConfig, DockerRoom, DockerState
from minetlab.resources.docker import DockerObserved, ObservedImage
from minetlab.resources.dockerd import DAEMON_CONFIG, DaemonState
from minetlab.resources.slices import daemon_files


def said(command: str, **places: object) -> list[str]:
    """What this machine says to the command, in which some paths are others."""
    for path, other in places.items():
        command = command.replace(path, str(other))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_host_without_docker_has_nothing() -> None:
    assert DockerState().default() == DockerObserved()
    assert DockerRoom().default() == 0
    assert DaemonConfig().default() == DaemonState()


def test_a_dockerd_that_is_silent_may_be_enabled_all_the_same() -> None:
    lines = ['{"kind":"service"}', '{"kind":"silence"}']
    assert DockerState().process(lines) == DockerObserved(installed=True, up=True)
    assert DockerState().process(lines[1:]) == DockerObserved(installed=True)


def test_a_dockerd_that_has_only_its_own_network_answers() -> None:
    line = '{"kind":"network","name":"host","lab":""}'
    there = DockerObserved(installed=True, answers=True, networks={"host": ""})
    assert DockerState().process([line, ""]) == there


def test_what_a_lab_has_on_a_host_is_seen_also_once_docker_is_gone() -> None:
    lines = ['{"kind":"folder"}', '{"kind":"uploads"}']
    assert DockerState().process(lines) == DockerObserved(folder=True, uploads=True)


def test_an_image_without_a_name_is_known_by_its_identifier_only() -> None:
    names = (("minet/processus", "0123"), ("<none>", "<none>"), ("minet/isa", "<none>"))
    lines = [
        json.dumps({"kind": "image", "identifier": f"sha256:{number}", "repository": repository, "tag": tag})
        for number, (repository, tag) in enumerate(names)
    ]
    assert DockerState().process(lines).images == (
        ObservedImage("sha256:0", "minet/processus:0123"),
        ObservedImage("sha256:1", ""),
        ObservedImage("sha256:2", ""),
    )


@pytest.mark.parametrize("line", ["oops", '{"kind":"volume"}', "{}", "[]", '{"kind":"container","name":"a"}'])
def test_an_answer_that_is_not_dockers_is_refused(line: str) -> None:
    with pytest.raises(FactProcessError, match="the host's answer cannot be read"):
        DockerState().process([line])


def test_the_configuration_is_stale_if_it_is_newer_than_dockerd(tmp_path: Path) -> None:
    config, pid = tmp_path / "daemon.json", tmp_path / "docker.pid"

    def read() -> DaemonState:
        places = {DAEMON_CONFIG: config, "/run/docker.pid": pid}
        return DaemonConfig().process(said(DaemonConfig().command(), **places))

    assert read() == DaemonState()
    config.write_text('{\n "mtu": 1400\n}\n')
    pid.write_text("1")
    for age, stale in ((-60, True), (60, False)):
        now = config.stat().st_mtime
        os.utime(pid, (now + age, now + age))
        assert read() == DaemonState({"mtu": 1400}, stale=stale)


@pytest.mark.parametrize("newer", daemon_files())
def test_a_dockerd_that_runs_since_before_it_was_held_back_is_stale(newer: str, tmp_path: Path) -> None:
    places = {file: tmp_path / str(number) for number, file in enumerate((DAEMON_CONFIG, *daemon_files()))}
    pid = tmp_path / "docker.pid"
    for file in (*places.values(), pid):
        file.write_text("{}")
    command = DaemonConfig().command()
    now = pid.stat().st_mtime
    for age, stale in ((-60, False), (60, True)):
        os.utime(places[newer], (now + age, now + age))
        found = DaemonConfig().process(said(command, **places, **{"/run/docker.pid": pid}))
        assert found.stale is stale


@pytest.mark.parametrize(("text", "fault"), [("{oops", "is not JSON: "), ("[]", "is not a JSON object")])
def test_a_configuration_of_another_form_is_a_fault(text: str, fault: str) -> None:
    state = DaemonConfig().process(["read", text])
    assert state.config is None
    assert state.fault
    assert f"{DAEMON_CONFIG} {fault}" in state.fault


def test_the_room_is_a_number_of_bytes() -> None:
    assert DockerRoom().process(["  123456789"]) == 123456789
