"""The lab in other tools' formats, as those tools read them."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from minetlab.cli import export
from minetlab.export.ansible import inventory
from minetlab.export.containerlab import topology_json
from minetlab.inventory.hosts import InventoryHost
from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.report.topology import topology
from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT

HOSTILE = "{{ lookup('pipe', 'id') }} <b>\"'&é"


def lab_of(students: int, kvm: str = "@sandbox/hv1", docker: str = "ct1.example.org") -> Lab:
    return Lab(
        name="minet",
        students=tuple(Student(login=f"student-{each}", name=HOSTILE) for each in range(students)),
        kvm_hosts=(KvmHost(name=kvm, settings=KvmHostSettings()),),
        container_hosts=(
            ContainerHost(name=docker, settings=ContainerHostSettings(tp_images=("isa", "processus"))),
        ),
    )


def hosts_of(lab: Lab) -> list[InventoryHost]:
    return [
        InventoryHost(lab.kvm_hosts[0].name, ("kvm_hosts",), {"_sudo": True}),
        InventoryHost(lab.container_hosts[0].name, ("container_hosts",), {}),
    ]


def as_ansible_reads(folder: Path, text: str) -> dict[str, Any]:
    file = folder / "ansible.yml"
    file.write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(file), "--list"]
    environment = {
        **os.environ,
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "true",
        "LC_ALL": "C.UTF-8",
    }
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, check=True, timeout=60
    )
    assert "WARNING" not in result.stderr
    return dict(json.loads(result.stdout))


def test_ansible_finds_every_machine_in_its_group_and_reaches_it_by_the_labs_ssh(tmp_path: Path) -> None:
    lab = lab_of(2)
    config = tmp_path / "an export" / "ssh_config"
    read = as_ansible_reads(tmp_path, inventory(allocate(lab), hosts_of(lab), config))
    groups = {name: read[name]["hosts"] for name in ("kvm_hosts", "container_hosts", "guests", "containers")}
    assert groups == {
        "kvm_hosts": ["hv1"],
        "container_hosts": ["ct1.example.org"],
        "guests": ["minet-student-0", "minet-student-1"],
        "containers": [
            f"minet-student-{number}-{image}" for number in range(2) for image in ("isa", "processus")
        ],
    }
    known = read["_meta"]["hostvars"]
    for variables in known.values():
        assert shlex.split(variables["ansible_ssh_common_args"]) == ["-F", str(config)]
    assert known["hv1"]["ansible_become"] is True
    assert "ansible_become" not in known["ct1.example.org"]
    guest = next(each for each in allocate(lab).guests if each.name == "minet-student-0")
    assert known["minet-student-0"]["minet_address"] == str(guest.address.ip)
    assert known["minet-student-0"]["minet_mac"] == guest.mac
    container = known["minet-student-1-isa"]
    assert (container["minet_student"], container["minet_tp_image"]) == ("student-1", "isa")


def test_a_host_of_both_roles_is_in_both_groups(tmp_path: Path) -> None:
    lab = lab_of(1, kvm="big.example.org", docker="big.example.org")
    both = [InventoryHost("big.example.org", ("kvm_hosts", "container_hosts"), {})]
    read = as_ansible_reads(tmp_path, inventory(allocate(lab), both, tmp_path / "ssh_config"))
    assert read["kvm_hosts"]["hosts"] == read["container_hosts"]["hosts"] == ["big.example.org"]


def test_what_students_are_called_never_becomes_a_template_of_ansibles() -> None:
    lab = lab_of(1)
    text = inventory(allocate(lab), hosts_of(lab), Path("/export/ssh_config"))
    assert "lookup" not in text
    assert "{{" not in text


def read_topology(lab: Lab) -> dict[str, Any]:
    plan = allocate(lab)
    return dict(json.loads(topology_json(topology(lab, plan), plan)))


def of_kind(nodes: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]) -> set[str]:
    return {name for name, node in nodes.items() if wanted(node)}


@pytest.mark.parametrize("students", [0, 2, 30])
def test_the_topology_has_every_machine_once_and_a_link_to_its_network(students: int) -> None:
    lab = lab_of(students)
    plan = allocate(lab)
    read = read_topology(lab)
    assert set(read) == {"name", "topology"}
    assert set(read["topology"]) == {"nodes", "links"}
    nodes, links = read["topology"]["nodes"], read["topology"]["links"]
    assert of_kind(nodes, lambda node: node["kind"] == "generic_vm") == {each.name for each in plan.guests}
    assert of_kind(nodes, lambda node: "ports" in node) == {each.name for each in plan.containers}
    assert of_kind(nodes, lambda node: node["kind"] == "bridge") == {"hv1.kvm", "ct1.example.org.docker"}
    assert len(nodes) == 4 + 3 * students
    ends = [end for link in links for end in link["endpoints"]]
    assert all(len(link["endpoints"]) == 2 for link in links)
    assert len(set(ends)) == len(ends) == 2 * (2 + 3 * students)
    assert {end.partition(":")[0] for end in ends} == set(nodes)
    for guest in plan.guests:
        assert nodes[guest.name]["mgmt-ipv4"] == str(guest.address.ip)
        assert any(
            link["endpoints"][0] == f"{guest.name}:enp0s4" and link["endpoints"][1].startswith("hv1.kvm:")
            for link in links
        )
    for container in plan.containers:
        assert nodes[container.name]["ports"] == [f"{container.ssh_port}:2222"]


def test_the_topology_keeps_to_the_words_and_types_of_containerlabs_schema() -> None:
    """Those of schemas/clab.schema.json in srl-labs/containerlab: it allows a node no other keys."""
    types = {"kind": str, "mgmt-ipv4": str, "ports": list, "labels": dict}
    for name, node in read_topology(lab_of(2))["topology"]["nodes"].items():
        assert name.replace(".", "").replace("-", "").isalnum()
        assert node.keys() <= types.keys()
        assert all(isinstance(value, types[key]) for key, value in node.items())
        assert node["kind"] in {"linux", "bridge", "generic_vm"}
        assert all(isinstance(value, str) for value in node["labels"].values())


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabError, match=r"cannot write .*file"):
        export.write(PROJECT_ROOT / "inventories" / "production.example.py", tmp_path / "file")


def test_lab_export_writes_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    folder = tmp_path / "a" / "folder"
    export.write(PROJECT_ROOT / "inventories" / "production.example.py", folder)
    assert {file.name for file in folder.iterdir()} == {
        "ssh_config",
        "ansible.yml",
        "topology.json",
        "topology.svg",
    }
    read = as_ansible_reads(tmp_path, (folder / "ansible.yml").read_text())
    known = read["_meta"]["hostvars"]
    assert {"hv1.example.org", "ct1.example.org", "minet-alice", "minet-bob-processus"} <= known.keys()
    for name, variables in known.items():
        ssh = ["ssh", "-G", *shlex.split(variables["ansible_ssh_common_args"]), name]
        said = subprocess.run(ssh, capture_output=True, text=True, check=True).stdout
        assert ("user lab\n" in said) == (name in read["guests"]["hosts"])
        assert ("user etudiant\n" in said) == (name in read["containers"]["hosts"])
    picture = etree.fromstring((folder / "topology.svg").read_bytes())
    assert "minet-alice" in "".join(str(each) for each in picture.itertext())
    assert "PRIVATE KEY" not in "".join(file.read_text() for file in folder.iterdir())
