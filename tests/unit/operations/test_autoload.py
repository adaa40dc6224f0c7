"""Whether a host's kernel loads modules on demand, on a host that answers from a script."""

from minetlab.operations import autoload, docker
from minetlab.operations.shell import RELOAD_UNITS
from minetlab.resources.autoload import LOADER, NEEDED, UNIT, UNIT_FILE
from minetlab.util.render import render
from tests.support.container_host import answer
from tests.support.fake_host import Run, run_operation

CONTENT = render("docker/modules.service.j2", modules=NEEDED, loader=LOADER)
INSTALLED = [*(f"unit {line}" for line in CONTENT.splitlines()), "enabled yes"]
ON, OFF = "loader /sbin/modprobe", "loader "


def run(lines: list[str], *, on_demand: bool = False) -> Run:
    return run_operation(autoload.modules, {LOADER: lines}, on_demand=on_demand)


def test_a_host_gets_the_unit_which_is_started() -> None:
    install, enable, start = run([ON]).commands[1:]
    assert UNIT_FILE in install
    assert install.endswith(f"&& {RELOAD_UNITS}")
    assert (enable, start) == (f"systemctl enable --quiet {UNIT}", f"systemctl restart {UNIT}")


def test_nothing_is_done_where_the_kernel_loads_none() -> None:
    assert not run([*INSTALLED, OFF]).commands[1:]


def test_what_somebody_has_switched_on_again_is_switched_off() -> None:
    assert run([*INSTALLED, ON]).commands[1:] == [f"systemctl restart {UNIT}"]


def test_a_container_has_no_kernel_of_its_own() -> None:
    assert not run(INSTALLED).commands[1:]


def test_a_unit_of_another_version_is_replaced() -> None:
    install, start = run([*INSTALLED[:-2], INSTALLED[-1], OFF]).commands[1:]
    assert UNIT_FILE in install
    assert start == f"systemctl restart {UNIT}"


def test_a_host_that_may_load_modules_has_no_unit() -> None:
    (removal,) = run([*INSTALLED, OFF], on_demand=True).commands[1:]
    assert removal == f"systemctl disable --quiet --now {UNIT} && rm -f {UNIT_FILE} && {RELOAD_UNITS}"
    assert not run([ON], on_demand=True).commands[1:]


def test_the_last_lab_of_a_host_leaves_its_kernel_as_it_was() -> None:
    modules = {LOADER: ["enabled yes", "loader "]}
    alone = run_operation(docker.teardown, {**answer(), **modules}, lab="minet")
    assert len(alone.sent(f"systemctl disable --quiet --now {UNIT}")) == 1
    beside = run_operation(
        docker.teardown,
        {**answer({"kind": "network", "name": "other", "lab": "other"}), **modules},
        lab="minet",
    )
    assert not beside.sent(UNIT)
