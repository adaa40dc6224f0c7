"""The home folders of containers, on a host that answers from a script."""

import pytest

from minetlab.lab import ContainerHostSettings
from minetlab.operations import homes
from minetlab.resources.homes import home_specs, unit
from tests.support.container_host import CONTAINERS, SETTINGS
from tests.support.fake_host import Run, run_operation

STATE = "findmnt --noheadings"
SPECS = home_specs(CONTAINERS, SETTINGS)
SIZES = [f"size {spec.size} {spec.container}.img" for spec in SPECS]
PLACE = "/var/lib/minet-lab/minet/homes/minet-s0-processus"
MOUNTED = [f"mounted {spec.container}{suffix}" for spec in SPECS for suffix in ("", ".pts")]


def run(lines: list[str], settings: ContainerHostSettings = SETTINGS) -> Run:
    return run_operation(homes.mount, {STATE: lines}, lab="minet", containers=CONTAINERS, settings=settings)


def test_a_host_without_any_gets_the_unit_and_then_all_of_them_side_by_side() -> None:
    install, enable, folder, *made = run([]).commands[1:]
    assert "/etc/systemd/system/minet-lab-minet-homes.service" in install
    assert enable == f"systemctl enable --quiet {unit('minet')}"
    assert folder.endswith("chmod 0700 /var/lib/minet-lab/minet/homes")
    assert len(made) == len(CONTAINERS)
    assert all("mke2fs" in script for script in made)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [*SIZES, *MOUNTED[1:]],
            f"image={PLACE}.img && place={PLACE} && mkdir -p",
        ),
        (
            [*SIZES, MOUNTED[0], *MOUNTED[2:]],
            f"image={PLACE}.img && place={PLACE} && mkdir -p",
        ),
        ([*SIZES[1:], *MOUNTED[1:]], f"rm -rf {PLACE}.img.new"),
        (["size 1024 minet-s0-processus.img", *SIZES[1:], *MOUNTED], f"truncate --size={SPECS[0].size}"),
    ],
)
def test_only_what_is_not_as_desired_is_touched(lines: list[str], words: str) -> None:
    result = run(lines)
    scripts = [
        command for command in result.commands if "minet-s" in command and "--output TARGET" not in command
    ]
    assert len(result.sent(words)) == 1
    assert all("minet-s0-" in script for script in scripts)
