"""The slices of containers, and their limits."""

from minetlab.lab.settings import ContainerLimits
from minetlab.resources.slices import container_slice, lab_slice, limits, limits_file, weight_file


def test_a_container_has_a_slice_within_that_of_its_lab() -> None:
    # For systemd, a-b.slice is a part of a.slice, and a-.slice.d is for all parts of it: systemd.slice(5).
    assert container_slice("a", "a-b-isa") == r"minetlab_a-a\x2db\x2disa.slice"
    assert lab_slice("a") == "minetlab_a.slice"
    assert limits_file("a").split("/")[-2] == "minetlab_a-.slice.d"
    assert weight_file("a").split("/")[-2] == "minetlab_a.slice.d"


def test_no_lab_is_a_part_of_another() -> None:
    assert lab_slice("a-b") == "minetlab_a_b.slice"
    assert container_slice("a-b", "a-b-c-isa").count("-") == 1


def test_large_operations_count_as_several() -> None:
    assert limits(ContainerLimits(iops=100)) == {
        "IOReadIOPSMax": 100,
        "IOWriteIOPSMax": 100,
        "IOReadBandwidthMax": 6_553_600,
        "IOWriteBandwidthMax": 6_553_600,
    }
