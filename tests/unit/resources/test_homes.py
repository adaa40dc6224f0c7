"""The home folders of containers: which are made, mounted and made larger."""

from dataclasses import replace

from minetlab.lab import ContainerHostSettings, ContainerLimits, Student
from minetlab.plan import Container
from minetlab.resources.docker import home_folder
from minetlab.resources.homes import (
    HomeChanges,
    HomesObserved,
    compare,
    home_specs,
    image,
    mount_point,
    unit,
    unit_file,
)

STUDENT = Student(login="alice", name="Alice")
CONTAINERS = [
    Container(f"minet-alice-{tp}", STUDENT, "ct1", tp, port) for tp, port in (("isa", 1), ("nix", 2))
]
SETTINGS = ContainerHostSettings(container=ContainerLimits(disk=64))
ISA, NIX = SPECS = home_specs(CONTAINERS, SETTINGS)
WHOLE = HomesObserved(
    sizes={spec.container: spec.size for spec in SPECS},
    mounted=frozenset(spec.container for spec in SPECS),
)


def test_each_container_has_its_size_and_a_user_of_its_own() -> None:
    assert [(spec.container, spec.size) for spec in SPECS] == [
        ("minet-alice-isa", 64 * 2**20),
        ("minet-alice-nix", 64 * 2**20),
    ]
    assert ISA.user != NIX.user


def test_what_is_missing_is_made_and_what_is_whole_stays() -> None:
    assert compare(SPECS, HomesObserved()) == HomeChanges(make=SPECS)
    assert compare(SPECS, WHOLE) == HomeChanges()
    strange = replace(WHOLE, sizes={**WHOLE.sizes, "other": 1})
    assert compare(SPECS, strange) == HomeChanges()


def test_what_is_not_mounted_is_mounted() -> None:
    assert compare(SPECS, replace(WHOLE, mounted=frozenset([ISA.container]))) == HomeChanges(
        mount=(NIX.container,)
    )


def test_what_is_too_small_grows_and_what_is_too_large_stays_and_is_named() -> None:
    sizes = {ISA.container: ISA.size - 1, NIX.container: NIX.size + 1}
    assert compare(SPECS, replace(WHOLE, sizes=sizes)) == HomeChanges(grow=(ISA,), larger=(NIX.container,))


def test_all_of_a_labs_home_folders_are_below_one_folder_that_is_the_labs() -> None:
    assert image("minet", "c") == "/var/lib/minet-lab/minet/homes/c.img"
    assert home_folder("minet", "c") == f"{mount_point('minet', 'c')}/home"
    assert unit_file("minet") == f"/etc/systemd/system/{unit('minet')}"
    assert unit("minet") != unit("other")
