"""The topology of a lab, and its picture."""

from typing import Any

import pytest
from lxml import etree

from minetlab.lab import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.report.picture import HALF, WIDTH, svg
from minetlab.report.topology import Topology, topology
from minetlab.ssh.ssh_config import alias_of
from tests.support.evidence import recorded_shape, shape_of

HOSTS = ["@sandbox/hv1", "hv2.example.org"]
SVG = {"svg": "http://www.w3.org/2000/svg"}
BOXES = "//svg:rect[contains(@class, 'host') or contains(@class, 'card')]"


def drawn(shape: Topology, **verdicts: str) -> Any:
    text = svg(shape, {name.replace("_", "-"): verdict for name, verdict in verdicts.items()})  # type: ignore[misc]
    return etree.fromstring(text.encode())


def found(picture: Any, path: str) -> list[Any]:
    return list(picture.xpath(path, namespaces=SVG))


def texts(picture: Any) -> list[str]:
    return ["".join(each.itertext()) for each in found(picture, "//svg:text")]


def test_every_machine_stands_on_its_host_and_network() -> None:
    ct1, hv1 = recorded_shape().hosts
    assert (hv1.name, hv1.connector, hv1.roles) == ("hv1", "sandbox", ("KVM",))
    (network,) = hv1.networks
    assert (network.name, network.bridge, network.subnet) == ("minet", "vbr-minet", "10.77.0.0/24")
    assert [machine.name for machine in network.machines] == ["minet-alice", "minet-bob"]
    assert [machine.where for machine in network.machines] == ["10.77.0.178", "10.77.0.189"]
    (network,) = ct1.networks
    assert (network.bridge, network.subnet) == (None, "10.201.0.0/16")
    assert [(each.student, each.tp_image) for each in network.machines] == [
        ("Alice Exemple", "processus"),
        ("Bob Exemple", "processus"),
    ]


def test_a_host_of_both_roles_is_one_host() -> None:
    name = "big.example.org"
    lab = Lab(
        name="minet",
        students=(Student(login="alice", name="Alice"),),
        kvm_hosts=(KvmHost(name=name, settings=KvmHostSettings()),),
        container_hosts=(ContainerHost(name=name, settings=ContainerHostSettings()),),
    )
    (host,) = topology(lab, allocate(lab)).hosts
    assert host.roles == ("KVM", "Docker")
    assert [machine.name for machine in host.machines] == ["minet-alice", "minet-alice-processus"]
    assert host.connector == "ssh"


def test_hosts_are_called_what_ssh_calls_them() -> None:
    names = ["@sandbox/hv1", "@ssh/hv2.example.org", "hv3.example.org"]
    assert [host.name for host in shape_of(1, names, []).hosts] == [alias_of(name) for name in names]


@pytest.mark.parametrize("students", [0, 1, 2, 7, 30])
def test_everything_is_drawn_and_nothing_is_drawn_over_another_or_outside(students: int) -> None:
    shape = shape_of(students, HOSTS, ["ct1"])
    picture = drawn(shape)
    cards = found(picture, "//svg:rect[contains(@class, 'card')]")
    hosts = found(picture, "//svg:rect[@class='host']")
    assert len(hosts) == 3
    assert len(cards) == 2 * students
    width, height = float(picture.get("width", 0)), float(picture.get("height", 0))
    for level in (hosts, cards):
        corners = [
            tuple(float(each.get(name, 0)) for name in ("x", "y", "width", "height")) for each in level
        ]
        for number, (x, y, w, h) in enumerate(corners):
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
            for left, top, wide, high in corners[:number]:
                assert x >= left + wide or left >= x + w or y >= top + high or top >= y + h
    shown = texts(picture)
    for host in shape.hosts:
        assert host.name in shown
        for machine in host.machines:
            assert {machine.student, machine.name} <= set(shown)
            assert any(machine.where in text for text in shown)


def test_a_small_lab_stands_side_by_side_and_a_class_takes_the_width() -> None:
    def widths(students: int) -> set[float]:
        hosts = found(drawn(shape_of(students, HOSTS, [])), "//svg:rect[@class='host']")
        return {float(host.get("width", 0)) for host in hosts}

    assert widths(2) == {HALF}
    assert widths(30) == {WIDTH}


def test_verdicts_are_shown_by_sign_and_word_and_without_them_there_are_none() -> None:
    plain = drawn(recorded_shape())
    assert not found(plain, "//svg:rect[contains(@class, 'strip')]")
    assert not any(sign in text for text in texts(plain) for sign in "✓✗?∅")
    picture = drawn(recorded_shape(), minet_alice="violated", hv1="demonstrated")
    assert [each.get("class") for each in found(picture, "//svg:rect[contains(@class, 'strip')]")] == [
        "strip violated"
    ]
    titles = [each.text or "" for each in found(picture, "//svg:g/svg:title")]
    assert any("minet-alice" in title and "violé" in title for title in titles)
    assert "✗ violé" in texts(picture)[-1]
    assert "✓ démontré" in texts(picture)[-1]
    assert "non vérifié" not in texts(picture)[-1]


def test_it_is_described_and_needs_nothing_beside_it() -> None:
    picture = drawn(recorded_shape())
    described = {each.get("id"): each.text or "" for each in picture if each.get("id")}
    assert described.keys() == set(str(picture.get("aria-labelledby")).split())
    assert "hv1 : réseau minet, 10.77.0.0/24, 2 VM." in described["topology-text"]
    assert "://" not in svg(recorded_shape()).replace(SVG["svg"], "")


def test_what_does_not_fit_is_cut_and_said_in_full_on_the_side() -> None:
    name = "Maximilienne de La Rochefoucauld-Montmorency <&>"
    lab = Lab(
        name="minet",
        students=tuple(Student(login=f"s{each}", name=name) for each in range(7)),
        kvm_hosts=(KvmHost(name="hv1", settings=KvmHostSettings()),),
        container_hosts=(),
    )
    picture = drawn(topology(lab, allocate(lab)))
    assert name not in texts(picture)
    assert sum(text.startswith("Maximilienne") and text.endswith("…") for text in texts(picture)) == 7
    assert sum(name in (each.text or "") for each in found(picture, "//svg:g/svg:title")) == 7
