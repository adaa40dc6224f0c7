"""The settings of hosts: what is taken, what is refused, and what is meant where nothing is said."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from minetlab.lab import (
    BridgedNetwork,
    ContainerHostSettings,
    ContainerLimits,
    DebianImage,
    GuestSize,
    KvmHostSettings,
    LabSettings,
    NatNetwork,
    UrlImage,
)
from minetlab.lab.settings import AddressPool, PortRange

BRIDGE = {"mode": "bridge", "bridge": "br0", "subnet": "192.0.2.0/24", "gateway": "192.0.2.1"}
URL = "https://example.org/debian.qcow2"


@pytest.mark.parametrize("port", [None, 0, 1, 80, 8080, 19999, 30000, 65535])
def test_ports(port: int | None) -> None:
    assert ContainerHostSettings(site_port=port).site_port == port


@pytest.mark.parametrize("port", [-1, 20000, 29999, 65536])
def test_ports_that_cannot_be(port: int) -> None:
    with pytest.raises(ValueError, match="site_port"):
        ContainerHostSettings(site_port=port)


def test_where_nothing_is_said_guests_are_as_the_course_shows_them() -> None:
    settings = KvmHostSettings()
    assert settings.guest.model_dump() == {
        "memory": 1024, "cores": 4, "disk": 8, "cpus": None, "iops": 2000, "bandwidth": 100,
    }  # fmt: skip
    assert settings.guest_image == DebianImage(debian=13)
    assert settings.guest_network == NatNetwork(subnet=IPv4Network("10.77.0.0/24"), reserved=15)
    assert (settings.guests_run, settings.guest_tps) == (True, ())
    assert (settings.capacity, settings.boots_at_once) == (None, None)


def test_where_nothing_is_said_containers_are_small_and_have_no_privileges() -> None:
    settings = ContainerHostSettings()
    assert settings.container.model_dump() == {
        "memory": 256, "pids": 128, "cpus": 1.0, "files": 1024, "disk": 512,
        "iops": 500, "bandwidth": 100, "capabilities": (),
    }  # fmt: skip
    assert settings.ssh_ports.model_dump() == {"first": 20000, "last": 29999}
    assert settings.docker_address_pools == (AddressPool(base=IPv4Network("10.201.0.0/16"), size=24),)
    assert (settings.site_port, settings.capacity) == (8080, None)


def test_where_nothing_is_said_a_lab_requires_kvm() -> None:
    assert LabSettings(lab_name="minet", roster="students.csv").require_kvm


@pytest.mark.parametrize(
    ("model", "field", "least", "most"),
    [
        (GuestSize, "memory", 256, 2**20),
        (GuestSize, "cores", 1, 64),
        (GuestSize, "disk", 3, 4096),
        (ContainerLimits, "memory", 16, 2**20),
        (ContainerLimits, "pids", 8, 32768),
        (ContainerLimits, "files", 64, 2**20),
        (ContainerLimits, "iops", 50, 10**6),
        (ContainerLimits, "bandwidth", 1, 10**5),
        (PortRange, "first", 1024, 29999),
        (PortRange, "last", 20000, 65535),
        (KvmHostSettings, "capacity", 0, None),
        (KvmHostSettings, "boots_at_once", 1, None),
        (ContainerHostSettings, "capacity", 0, None),
    ],
)
def test_a_number_has_a_least_and_a_greatest_value(
    model: type[BaseModel], field: str, least: int, most: int | None
) -> None:
    for taken in (least, most or 10**6):
        assert getattr(model.model_validate({field: taken}), field) == taken
    for refused in (least - 1, *([most + 1] if most else [])):
        with pytest.raises(ValidationError):
            model.model_validate({field: refused})


def test_ports_are_those_above_the_systems_own_and_may_be_a_single_one() -> None:
    assert PortRange(first=65535, last=65535).first == 65535
    assert PortRange(first=1024, last=1024).last == 1024
    for first, last in ((1023, 1024), (1023, 1023), (65535, 65536), (65536, 65536), (2001, 2000)):
        with pytest.raises(ValidationError):
            PortRange(first=first, last=last)


@pytest.mark.parametrize("subnet", ["10.0.0.0/24", IPv4Network("10.0.0.0/24")])
def test_a_nat_network_is_written_as_text_and_its_gateway_is_the_first_address(subnet: Any) -> None:
    said = {"subnet": subnet, "nameservers": ["192.0.2.53", IPv4Address("192.0.2.54")]}
    network = KvmHostSettings.model_validate({"guest_network": said}).guest_network
    assert isinstance(network, NatNetwork)
    assert network.subnet == IPv4Network("10.0.0.0/24")
    assert network.gateway == IPv4Address("10.0.0.1")
    assert network.nameservers == (IPv4Address("192.0.2.53"), IPv4Address("192.0.2.54"))


@pytest.mark.parametrize("nameservers", [["192.0.2.53"], ("192.0.2.53",)])
def test_a_bridge_says_its_gateway_and_name_servers(nameservers: Any) -> None:
    said = {**BRIDGE, "nameservers": nameservers}
    network = KvmHostSettings.model_validate({"guest_network": said}).guest_network
    assert isinstance(network, BridgedNetwork)
    assert (network.gateway, network.nameservers) == (IPv4Address("192.0.2.1"), (IPv4Address("192.0.2.53"),))


@pytest.mark.parametrize(
    "said",
    [
        {**BRIDGE, "nameservers": []},
        {**BRIDGE, "nameservers": "192.0.2.53"},
        {**BRIDGE, "nameservers": ["192.0.2.53"], "mode": "macvtap"},
        {"subnet": "10.0.0.0/24", "nameservers": "192.0.2.53"},
        {"subnet": "10.0.0.1/24"},
        {"subnet": 10},
        {"subnet": "10.0.0.0/24", "reserved": 0},
        "10.0.0.0/24",
    ],
)
def test_networks_that_cannot_be(said: object) -> None:
    with pytest.raises(ValidationError, match="guest_network"):
        KvmHostSettings.model_validate({"guest_network": said})


def test_a_subnet_has_an_address_left_for_a_guest() -> None:
    # Of 16 addresses, the network's own and the broadcast address are nobody's.
    subnet = IPv4Network("10.0.0.0/28")
    assert NatNetwork(subnet=subnet, reserved=13).reserved == 13
    assert NatNetwork(subnet=subnet, reserved=1).reserved == 1
    for reserved in (14, 15):
        with pytest.raises(ValidationError, match="has no address left for guests"):
            NatNetwork(subnet=subnet, reserved=reserved)


def test_an_image_from_a_url_has_one_checksum() -> None:
    short, long = UrlImage(url=URL, sha256="a" * 64), UrlImage(url=URL, sha512="b" * 128)
    assert (short.algorithm, short.checksum) == ("sha256", "a" * 64)
    assert (long.algorithm, long.checksum) == ("sha512", "b" * 128)
    for sums in ({}, {"sha256": "a" * 64, "sha512": "b" * 128}, {"sha256": "a" * 63}):
        with pytest.raises(ValidationError):
            UrlImage.model_validate({"url": URL, **sums})


def test_guest_tps_go_into_an_image_that_is_built_here_only() -> None:
    built = KvmHostSettings.model_validate({"guest_tps": ["vm"]})
    assert built.guest_tps == ("vm",)
    url = {"url": URL, "sha256": "a" * 64}
    assert KvmHostSettings.model_validate({"guest_image": url, "guest_tps": []}).guest_tps == ()
    with pytest.raises(ValidationError, match="an image that is fetched from a URL cannot hold them"):
        KvmHostSettings.model_validate({"guest_image": url, "guest_tps": ["vm"]})


def test_lists_and_texts_of_group_data_become_tuples_and_networks() -> None:
    settings = ContainerHostSettings.model_validate(
        {
            "docker_address_pools": [{"base": "10.201.0.0/16", "size": 24}],
            "tp_images": ["isa", "nix"],
            "container": {"capabilities": ["NET_RAW"]},
        }
    )
    assert settings.docker_address_pools == (AddressPool(base=IPv4Network("10.201.0.0/16"), size=24),)
    assert settings.tp_images == ("isa", "nix")
    assert settings.container.capabilities == ("NET_RAW",)


@pytest.mark.parametrize("text", ["isa", 5])
def test_what_is_no_list_is_not_taken_apart(text: object) -> None:
    for model, field in (
        (ContainerHostSettings, "tp_images"),
        (ContainerLimits, "capabilities"),
        (KvmHostSettings, "guest_tps"),
    ):
        with pytest.raises(ValidationError, match=field):
            model.model_validate({field: text})


def test_an_address_pool_holds_at_least_one_network() -> None:
    assert AddressPool(base=IPv4Network("10.0.0.0/24"), size=24).size == 24
    assert AddressPool(base=IPv4Network("0.0.0.0/0"), size=8).size == 8
    assert AddressPool(base=IPv4Network("10.0.0.0/24"), size=30).size == 30
    for base, size in (("10.0.0.0/24", 23), ("0.0.0.0/0", 7), ("10.0.0.0/24", 31)):
        with pytest.raises(ValidationError):
            AddressPool(base=IPv4Network(base), size=size)


@pytest.mark.parametrize(
    ("name", "roster"), [("minet", ""), ("", "r.csv"), ("Minet", "r.csv"), ("abcdefghijk", "r.csv")]
)
def test_a_lab_has_a_short_name_and_a_roster(name: str, roster: str) -> None:
    assert LabSettings(lab_name="abcdefghij", roster="r").roster == "r"
    with pytest.raises(ValidationError):
        LabSettings(lab_name=name, roster=roster)


@pytest.mark.parametrize("model", [KvmHostSettings, ContainerHostSettings])
def test_egress_is_closed_open_or_a_list_of_names_addresses_and_networks(
    model: type[KvmHostSettings | ContainerHostSettings],
) -> None:
    assert model().egress == ()
    said: Any
    for said in ("open", ["deb.debian.org", "2.debian.pool.ntp.org"], []):
        assert model.model_validate({"egress": said}).egress == (said if said == "open" else tuple(said))
    networks = ["192.0.2.7", IPv4Network("198.51.100.0/24")]
    assert model.model_validate({"egress": networks}).egress == (IPv4Network("192.0.2.7/32"), networks[1])
    wrong: list[Any] = ["closed", "a.org"]
    wrong += [["*"], ["open"], ["a b"], ["x;y"], ["-a.org"], ["a\nb.org"], ["a.org\n"]]
    wrong += [["192.0.2.0/24 }"], ["192.0.2.7/24"], ["999.1.1.1"], ["10.0.0"], [7]]
    for said in wrong:
        with pytest.raises(ValidationError):
            model.model_validate({"egress": said})
