from typing import Any

import pytest

from minetlab.inventory.hosts import InventoryHost
from minetlab.inventory.load import load_lab
from minetlab.supply.lab_images import LabImage, lab_images
from minetlab.util.errors import LabError

URL = {"url": "https://example.org/i.qcow2", "sha256": 64 * "0"}


def images(*hosts: InventoryHost) -> tuple[LabImage, ...]:
    return lab_images(load_lab(hosts), hosts)


@pytest.fixture
def roster(tmp_path: Any) -> str:
    file = tmp_path / "students.csv"
    file.write_text("name,login\nAlice,alice\n")
    return str(file)


def host(roster: str, name: str, group: str, **data: Any) -> InventoryHost:
    common: dict[str, Any] = {"lab_name": "minet", "roster": roster, "site_port": None, "tp_images": []}
    return InventoryHost(name, (group,), {**common, **data})


def test_each_image_of_a_lab_is_listed_once(roster: str) -> None:
    names = [
        image.name
        for image in images(
            host(roster, "@sandbox/hv1", "kvm_hosts"),
            host(roster, "hv2", "kvm_hosts"),
            host(roster, "@sandbox/ct1", "container_hosts", tp_images=["processus", "isa"], site_port=8000),
            host(roster, "ct2", "container_hosts", tp_images=["processus"]),
        )
    ]
    assert names == ["debian-13-warm", "guest-debian-13", "site", "tp-isa", "tp-processus"]


def test_only_machines_have_disks(roster: str) -> None:
    found = images(
        host(roster, "@sandbox/hv1", "kvm_hosts"),
        host(roster, "ct1", "container_hosts", tp_images=["isa"], site_port=8000),
    )
    suffixes = {image.name: image.file.name.partition(".")[2] for image in found}
    assert suffixes == {
        "debian-13-warm": "qcow2",
        "guest-debian-13": "qcow2",
        "site": "tar.gz",
        "tp-isa": "tar.gz",
    }
    assert all(image.manifest is None for image in found)


def test_what_is_fetched_is_none_of_them(roster: str) -> None:
    assert images(host(roster, "hv1", "kvm_hosts", guest_image=URL, guest_tps=[])) == ()


def test_a_wrong_sandbox_host_is_named(roster: str) -> None:
    with pytest.raises(LabError, match="hv1: sandbox_memory"):
        images(host(roster, "@sandbox/hv1", "kvm_hosts", sandbox_memory="much"))
