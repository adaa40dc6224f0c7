"""What libvirt, cloud-init and the guest image are handed."""

import configparser
import subprocess
from dataclasses import replace
from io import BytesIO
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
import yaml
from lxml import etree
from pycdlib.dr import DirectoryRecord
from pycdlib.pycdlib import PyCdlib

from minetlab.lab import BridgedNetwork, GuestSize, NatNetwork
from minetlab.operations.specs import (
    access,
    guest_spec,
    network_spec,
    pool_xml,
    seed,
    seed_volume,
    with_revoked_keys,
)
from minetlab.plan import Container, Guest, Plan
from minetlab.resources.seed import Seed
from minetlab.secrets import keys
from tests.support.guests import BASE, KEY, LAB, NETWORK, SETTINGS, guest_specs, guests, network

BRIDGED = BridgedNetwork(
    mode="bridge",
    bridge="br0",
    subnet=IPv4Network("192.0.2.0/24"),
    gateway=IPv4Address("192.0.2.1"),
    nameservers=(IPv4Address("192.0.2.53"),),
)
(GUEST,) = guests(1)


SCHEMAS = Path("/usr/share/libvirt/schemas")  # the same that virt-xml-validate uses


def problems(xml: str, schema: str) -> list[str]:
    """What libvirt's own RELAX NG schema has to say against it."""
    checker = etree.RelaxNG(etree.parse(SCHEMAS / f"{schema}.rng"))
    checker.validate(etree.fromstring(xml))
    return [str(error) for error in checker.error_log]


@pytest.mark.parametrize("feature", ["svm", "vmx", None])
def test_domains_are_valid_by_libvirts_schema(feature: str | None) -> None:
    (spec,) = guest_specs(1, feature)
    assert problems(spec.xml, "domain") == []


@pytest.mark.parametrize("settings", [NETWORK, BRIDGED])
def test_networks_and_pools_are_valid_by_libvirts_schema(settings: NatNetwork | BridgedNetwork) -> None:
    assert problems(network_spec(LAB, settings, guests(3)).xml, "network") == []
    assert problems(pool_xml(LAB), "storagepool") == []


def test_an_invalid_domain_is_noticed() -> None:
    (spec,) = guest_specs(1)
    assert problems(spec.xml.replace("kvm64", "<kvm64/>"), "domain")


def test_the_guest_has_the_cpu_of_the_course() -> None:
    (spec,) = guest_specs(1)
    cpu = etree.fromstring(spec.xml).find("cpu")
    assert cpu is not None
    assert (cpu.findtext("model"), cpu.find("model").get("fallback")) == ("kvm64", "forbid")  # type: ignore[union-attr]
    topology = cpu.find("topology")
    assert topology is not None
    assert [topology.get(key) for key in ("sockets", "dies", "cores", "threads")] == ["1", "1", "4", "1"]
    assert [(each.get("policy"), each.get("name")) for each in cpu.iterfind("feature")] == [
        ("require", "svm"),
        ("require", "npt"),
    ]


def test_the_guest_of_an_intel_host_asks_for_what_there_is_on_intel() -> None:
    (spec,) = guest_specs(1, "vmx")
    features = etree.fromstring(spec.xml).iterfind("cpu/feature")
    assert [each.get("name") for each in features] == ["vmx"]


def test_an_emulated_guest_says_so_and_asks_for_no_feature() -> None:
    (spec,) = guest_specs(1, feature=None)
    domain = etree.fromstring(spec.xml)
    assert domain.get("type") == "qemu"
    assert domain.find("cpu/feature") is None


def test_names_of_students_are_escaped() -> None:
    (spec,) = guest_specs(1)
    assert etree.fromstring(spec.xml).findtext("title") == "Élève <0>"


def test_the_label_identifies_the_spec() -> None:
    def label(size: GuestSize) -> str:
        return guest_spec(LAB, GUEST, SETTINGS.model_copy(update={"guest": size}), BASE, "svm").digest

    assert label(GuestSize()) == label(GuestSize())
    changed = (GuestSize(memory=2048), GuestSize(cores=2), GuestSize(disk=20))
    assert len({label(size) for size in (GuestSize(), *changed)}) == 4
    (spec,) = guest_specs(1)
    assert f'spec="{spec.digest}"' in spec.xml


def test_a_disk_has_so_many_gibibytes() -> None:
    (spec,) = guest_specs(1)
    assert (spec.disk, spec.memory) == (4 * 1024 * 1024 * 1024, 512)


def test_a_students_own_key_makes_another_seed() -> None:
    def volume(key: str | None) -> str:
        student = GUEST.student.model_copy(update={"ssh_key": key})
        return seed_volume(LAB, replace(GUEST, student=student), NETWORK)

    other = KEY.replace("AAAAIJh", "AAAAIJi")
    assert len({volume(KEY), volume(other), volume(None)}) == 3


def test_the_files_of_a_container_are_for_its_sshd_only() -> None:
    student = GUEST.student
    container = Container("minet-s0-isa", student, "ct1", "isa", 20000)
    files = access(LAB, [container])
    assert {path: file.mode for path, file in files.items()} == {
        "minet-s0-isa/host_key": 0o400,
        "minet-s0-isa/authorized_keys": 0o444,
    }
    assert files["minet-s0-isa/authorized_keys"].content.decode().splitlines()[0] == KEY
    assert b"OPENSSH PRIVATE KEY" in files["minet-s0-isa/host_key"].content


def test_the_networks_digest_ignores_its_reservations() -> None:
    assert network(1).digest == network(3).digest
    other = NatNetwork(subnet=IPv4Network("10.99.0.0/24"))
    assert network_spec(LAB, other, guests(1)).digest != network(1).digest


def test_a_bridged_network_has_no_dhcp() -> None:
    spec = network_spec(LAB, BRIDGED, guests(3))
    assert spec.reservations == frozenset()
    assert etree.fromstring(spec.xml).find("ip") is None


def test_the_seed_makes_both_accounts_without_a_password() -> None:
    user_data = yaml.safe_load(seed(LAB, GUEST, NETWORK).files["user-data"])
    student, admin = user_data["users"]
    assert (student["name"], student["gecos"], admin["name"]) == ("s0", "Élève <0>", "lab")
    assert student["ssh_authorized_keys"][0] == f'from="{NETWORK.gateway}" {KEY}'
    assert student["ssh_authorized_keys"][1:] == admin["ssh_authorized_keys"]
    assert all(each["lock_passwd"] and "passwd" not in each for each in user_data["users"])
    assert user_data["ssh_pwauth"] is False


def test_the_seed_gives_the_planned_address() -> None:
    for settings, nameserver in ((NETWORK, "10.77.0.1"), (BRIDGED, "192.0.2.53")):
        config = yaml.safe_load(seed(LAB, GUEST, settings).files["network-config"])
        lan = config["ethernets"]["lan"]
        assert lan["match"] == {"macaddress": GUEST.mac}
        assert lan["addresses"] == [str(GUEST.address)]
        assert lan["routes"] == [{"to": "0.0.0.0/0", "via": str(settings.gateway)}]
        assert lan["nameservers"] == {"addresses": [nameserver]}


def plain_files(guest: Guest, settings: NatNetwork | BridgedNetwork = NETWORK) -> dict[str, str]:
    """The files of a guest's seed that its own image reads, by path below their folder."""
    files = seed(LAB, guest, settings).files
    return {path.removeprefix("guest/"): text for path, text in files.items() if path.startswith("guest/")}


def test_the_plain_files_say_what_cloud_init_is_told() -> None:
    files, told = plain_files(GUEST), yaml.safe_load(seed(LAB, GUEST, NETWORK).files["user-data"])
    assert files["accounts"].splitlines() == [f"{user['name']}:{user['gecos']}" for user in told["users"]]
    for user in told["users"]:
        assert files[f"keys/{user['name']}"].splitlines() == user["ssh_authorized_keys"]
    assert files["host_key"] == told["ssh_keys"]["ed25519_private"]
    assert files["files/etc/ssh/ssh_host_ed25519_key.pub"].strip() == told["ssh_keys"]["ed25519_public"]
    assert files["files/etc/hostname"] == f"{told['hostname']}\n"
    assert f"127.0.1.1 {told['hostname']}" in files["files/etc/hosts"].splitlines()


@pytest.mark.parametrize("settings", [NETWORK, BRIDGED])
def test_the_plain_files_give_the_planned_address(settings: NatNetwork | BridgedNetwork) -> None:
    files = plain_files(GUEST, settings)
    lan = configparser.ConfigParser()
    lan.read_string(files["files/etc/systemd/network/10-lan.network"])
    assert lan["Match"]["MACAddress"] == GUEST.mac
    assert dict(lan["Network"]) == {"address": str(GUEST.address), "gateway": str(settings.gateway)}
    nameservers = settings.nameservers or (settings.gateway,)
    assert files["files/etc/resolv.conf"].splitlines() == [f"nameserver {each}" for each in nameservers]


@pytest.mark.parametrize("name", ["Ève O'Neil", '"; $(reboot) `id` $HOME \\n', "-r", "名前 *", "a, b = c"])
def test_a_name_is_taken_as_it_is(name: str) -> None:
    """As dash reads it, for which nothing in it is special."""
    guest = replace(GUEST, student=GUEST.student.model_copy(update={"name": name}))
    read = 'IFS=: read -r login name && printf "%s\\n%s" "$login" "$name"'
    accounts = plain_files(guest)["accounts"]
    done = subprocess.run(["sh", "-c", read], input=accounts, capture_output=True, text=True, check=True)
    assert done.stdout == f"s0\n{name}"


def test_cloud_init_runs_again_only_for_a_changed_seed() -> None:
    def instance(settings: NatNetwork | BridgedNetwork) -> str:
        return str(yaml.safe_load(seed(LAB, GUEST, settings).files["meta-data"])["instance-id"])

    assert instance(NETWORK) == instance(NETWORK)
    assert instance(NETWORK) != instance(BRIDGED)


def test_the_iso_is_what_cloud_init_looks_for() -> None:
    files = {"user-data": "#cloud-config\n", "meta-data": "a: é\n", "network-config": "version: 2\n"}
    files |= {"guest/files/etc/hosts": "127.0.0.1 localhost\n", "guest/keys/eve": "ssh-ed25519 A\n"}
    image = PyCdlib()
    image.open_fp(BytesIO(Seed(files).iso()))
    assert image.pvd.volume_identifier.strip() == b"cidata"
    for name, content in files.items():
        read = BytesIO()
        image.get_file_from_iso_fp(read, rr_path=f"/{name}")
        assert read.getvalue().decode() == content
        record = image.get_record(rr_path=f"/{name}")
        assert isinstance(record, DirectoryRecord)
        assert record.rock_ridge
        assert record.rock_ridge.get_file_mode() == 0o100644
    assert Seed(files).digest == Seed(dict(reversed(files.items()))).digest
    assert Seed(files).digest != Seed({**files, "meta-data": "a: e\n"}).digest


def test_an_old_key_has_opened_sessions_on_its_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    plan = Plan(tuple(guests(3)), ())
    assert with_revoked_keys(LAB, plan) == Plan((), ())
    keys.of_student(LAB, "s1").replace()
    assert [guest.name for guest in with_revoked_keys(LAB, plan).guests] == [f"{LAB}-s1"]
    keys.of_lab(LAB).replace()
    assert with_revoked_keys(LAB, plan) == plan


def test_another_key_of_the_lab_makes_no_other_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guests would restart."""
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    key = keys.of_lab(LAB)
    before, old = seed_volume(LAB, GUEST, NETWORK), key.current.public
    new = key.next.public
    both = plain_files(GUEST)["keys/lab"].splitlines()
    assert both == [f'from="{NETWORK.gateway}" {each}' for each in (old, new)]
    key.replace()
    assert plain_files(GUEST)["keys/lab"].splitlines() == [f'from="{NETWORK.gateway}" {new}']
    assert seed_volume(LAB, GUEST, NETWORK) == before
