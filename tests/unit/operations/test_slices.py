"""The limits of containers' slices, on a host that answers from a script."""

from minetlab.lab import ContainerHostSettings
from minetlab.operations import slices
from minetlab.operations.shell import RELOAD_UNITS
from minetlab.resources.docker import homes_folder
from minetlab.resources.slices import limits
from minetlab.util.render import render
from tests.support.container_host import SETTINGS
from tests.support.fake_host import Run, run_operation

STATE = "cat /etc/systemd/system/minetlab_minet.slice.d/minet-lab.conf"
LIMITS = render("docker/lab-slice.conf.j2", lab="minet", weight=30) + render(
    "docker/container-slice.conf.j2",
    lab="minet",
    homes=homes_folder("minet"),
    limits=limits(SETTINGS.container),
)


def run(file: str, settings: ContainerHostSettings = SETTINGS) -> Run:
    return run_operation(slices.limit, {STATE: file.splitlines()}, lab="minet", settings=settings)


def test_limits_are_written_and_read_by_systemd() -> None:
    (command,) = run("").commands[1:]
    assert "IOWriteIOPSMax=/var/lib/minet-lab 500" in command
    assert "IOWriteIOPSMax=/var/lib/minet-lab/minet/homes/%J 500" in command
    assert command.endswith(f"&& {RELOAD_UNITS}")


def test_nothing_is_done_where_they_are_as_the_settings_say() -> None:
    assert not run(LIMITS).commands[1:]


def test_other_settings_change_them() -> None:
    settings = ContainerHostSettings.model_validate({"container": {"iops": 600}})
    (command,) = run(LIMITS, settings).commands[1:]
    assert "IOReadIOPSMax=/var/lib/docker 600" in command
    (command,) = run(LIMITS, ContainerHostSettings(cpu_weight=50)).commands[1:]
    assert "CPUWeight=50" in command
