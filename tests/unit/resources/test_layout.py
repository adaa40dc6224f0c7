"""Names and paths on a KVM host: each leads back to its guest, and none to another lab."""

import pytest

from minetlab.resources.layout import Layout, guest_of_seed, is_volume_of, overlay, seed_volume_name

DIGEST = "0123456789abcdef" * 4


def test_paths_are_in_the_labs_folder_except_a_few_in_etc() -> None:
    layout = Layout("minet")
    folder = "/var/lib/libvirt/images/minet-lab/minet"
    assert layout.folder == folder
    assert layout.label == f"{folder}/lab"
    assert layout.disk("a.qcow2") == f"{folder}/disks/a.qcow2"
    assert layout.spec("pool", "minet") == f"{folder}/specs/pool-minet.xml"
    assert layout.console("minet-alice") == f"{folder}/consoles/minet-alice.log"
    assert layout.former_console("minet-alice") == f"{folder}/consoles/minet-alice.log.before"
    assert layout.modprobe_options == "/etc/modprobe.d/minet-lab-minet.conf"
    assert layout.modules_load == "/etc/modules-load.d/minet-lab-minet.conf"


def test_the_bridge_of_the_longest_lab_name_fits_into_an_interface_name() -> None:
    assert Layout("abcdefghij").bridge == "vbr-abcdefghij"
    assert len(Layout("abcdefghij").bridge) < 15


def test_a_seed_is_named_after_its_guest_and_content() -> None:
    seed = seed_volume_name("minet-alice", DIGEST)
    assert seed == "minet-alice-seed-0123456789ab.iso"
    assert guest_of_seed(seed) == "minet-alice"
    assert is_volume_of(seed, "minet-alice")
    assert not is_volume_of(seed, "minet-ali")


@pytest.mark.parametrize(
    "volume", ["a.qcow2", "a-seed-0123456789a.iso", "a-seed-0123456789ab.iso.old", "-seed-0.iso"]
)
def test_other_volumes_are_nobodys_seed(volume: str) -> None:
    assert guest_of_seed(volume) is None


def test_an_overlay_is_its_own_guests() -> None:
    assert is_volume_of(overlay("minet-alice"), "minet-alice")
    assert not is_volume_of(overlay("minet-alice"), "minet-bob")
