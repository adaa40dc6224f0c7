"""``lab status --publish``: what the TP site's hosts then hold. Shells and files are real."""

import json
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from minetlab.cli import status
from minetlab.inventory.load import load
from minetlab.machines import publication
from minetlab.machines.status import MISSING, SILENT, MachineState, states as states_of
from minetlab.resources.site import status_folder
from minetlab.ssh.ssh_config import write_config
from minetlab.util.errors import LabError
from tests.support.machines import stand

# Of Alice's container on each host; DockerState asks for containers, networks and images.
DOCKER = """\
#!/bin/sh
[ "$1" != container ] || cat docker
"""
HOSTS = ("ct1", "ct2")
INVENTORY = """\
container_hosts = [("ct1", {"tp_images": ["processus"]}), ("ct2", {"tp_images": ["processus"]})]
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab of two students, each of whose containers is on another host, and runs."""
    inventory = stand(tmp_path, monkeypatch, *HOSTS)
    inventory.write_text(INVENTORY)
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    for host in HOSTS:
        folder_of(tmp_path, host).mkdir(parents=True)
        (tmp_path / "machines" / host / "docker").write_text("")
    for each in states(inventory):
        runs(tmp_path, each.host, each.name)
    return inventory


def states(inventory: Path) -> tuple[MachineState, ...]:
    loaded = load(inventory)
    return states_of(loaded.lab, loaded.plan, loaded.hosts, write_config(loaded))


def runs(folder: Path, host: str, name: str) -> None:
    fields = {"kind": "container", "name": name, "state": "running", "lab": "minet", "student": "s"}
    with (folder / "machines" / host / "docker").open("a") as file:
        print(json.dumps({**fields, "spec": "", "fields": "{}"}), file=file)


def folder_of(folder: Path, host: str) -> Path:
    return Path(f"{folder}/machines/{host}{status_folder('minet')}")


def published(folder: Path, host: str) -> Any:
    return json.loads((folder_of(folder, host) / "etat.json").read_text())


def test_every_host_with_a_site_holds_the_states_of_all(inventory: Path, tmp_path: Path) -> None:
    assert status.show(inventory, publish=True)
    for host in HOSTS:
        found = published(tmp_path, host)
        assert 0 <= time.time() - found["at"] < 60
        assert sorted(each["name"] for each in found["machines"]) == [
            "minet-alice-processus",
            "minet-bob-processus",
        ]
        for each in found["machines"]:
            assert (each["level"], each["state"], each["planned"]) == ("good", "en marche", True)
        (file,) = folder_of(tmp_path, host).iterdir()
        assert file.stat().st_mode & 0o777 == 0o644


def test_who_reads_it_meanwhile_reads_the_one_before(inventory: Path, tmp_path: Path) -> None:
    status.show(inventory, publish=True)
    with (folder_of(tmp_path, "ct1") / "etat.json").open() as reading:
        runs(tmp_path, "ct1", "minet-zoe-processus")
        assert not status.show(inventory, publish=True)
        before = json.load(reading)["machines"]
    after = {each["name"]: each["planned"] for each in published(tmp_path, "ct1")["machines"]}
    assert len(before) == 2
    assert after.pop("minet-zoe-processus") is False
    assert set(after) == {each["name"] for each in before}


def test_a_host_that_does_not_answer_is_one_line_and_the_others_go_on(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "machines" / "ct2").rename(tmp_path / "gone")
    assert not status.show(inventory, publish=True)
    assert capsys.readouterr().err == "ct2: the status is not published: no answer\n"
    states = {each["host"]: each["state"] for each in published(tmp_path, "ct1")["machines"]}
    assert states == {"ct1": "en marche", "ct2": "injoignable"}


def test_where_no_site_is_nothing_is_made(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of(tmp_path, "ct1").rmdir()
    assert not status.show(inventory, publish=True)
    assert not folder_of(tmp_path, "ct1").exists()
    assert capsys.readouterr().err == (
        "ct1: the status is not published: no TP site is there; lab up serves it\n"
    )
    assert published(tmp_path, "ct2")


def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder_of(tmp_path, "ct1") / "etat.json").mkdir()
    assert not status.show(inventory, publish=True)
    assert capsys.readouterr().err.startswith("ct1: the status is not published: mv: cannot")
    assert [each.name for each in folder_of(tmp_path, "ct1").iterdir()] == ["etat.json"]


def test_it_is_published_again_at_each_look(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def sleep(seconds: float) -> None:
        seen.append(len(published(tmp_path, "ct1")["machines"]))
        if len(seen) == 3:
            raise KeyboardInterrupt
        runs(tmp_path, "ct1", f"minet-late{len(seen)}-processus")

    clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic, strftime=time.strftime)
    monkeypatch.setattr(status, "time", clock)
    with pytest.raises(KeyboardInterrupt):
        status.show(inventory, watch=True, publish=True)
    assert seen == [2, 3, 4]


def test_nobody_serves_it(inventory: Path) -> None:
    inventory.write_text(INVENTORY.replace("{", '{"site_port": None, '))
    with pytest.raises(LabError, match="no container host of the lab serves the TP site"):
        status.show(inventory, publish=True)


@settings(max_examples=40)
@given(st.text(), st.sampled_from(["running", MISSING, SILENT, "a word that Docker may have tomorrow"]))
def test_whatever_a_machine_is_called_arrives(name: str, state: str) -> None:
    machine = MachineState(host="ct1", name=name, kind="guest", student="s", state=state)
    line = publication.command("minet", [machine], age=7.2)
    printing = line[line.index("printf ") : line.index(" >etat.json.$$")]
    printed = subprocess.run(["sh", "-c", printing], check=True, capture_output=True)
    found = json.loads(printed.stdout)
    (sent,) = found["machines"]
    assert (sent["name"], sent["host"]) == (name, "ct1")
    assert sent["state"] == publication.STATE_WORDS.get(state, ("", state))[1]
    assert 7 <= time.time() - found["at"] < 30
    assert sent.keys() == {"host", "name", "level", "state", "planned"}
