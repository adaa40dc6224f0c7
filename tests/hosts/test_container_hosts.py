"""Checks of a container host: dockerd runs, and with the lab's settings."""

from minetlab.checks.machines import DOCKER_UNIT, ContainerHostMachine
from minetlab.checks.modules import Docker, ModuleLoader, Units
from minetlab.checks.slices import Slices
from minetlab.resources.slices import DAEMON_WEIGHT, lab_slice


def test_dockerd_runs_now_and_at_boot(container_host: ContainerHostMachine) -> None:
    state = Units.on(container_host.host).states(DOCKER_UNIT)[DOCKER_UNIT]
    wanted = ("active", "enabled")
    assert state == wanted, container_host.differs(DOCKER_UNIT, wanted, state)


def test_dockerd_is_healthy(container_host: ContainerHostMachine) -> None:
    """dockerd answers, and has nothing to complain about; limits are counted by cgroup v2."""
    info = Docker.on(container_host.host).info()
    errors = info.get("ServerErrors") or []
    assert not errors, container_host.differs("dockerd's errors", "none", errors)
    version = info.get("CgroupVersion")
    assert version == "2", container_host.differs("dockerd's cgroup version", "2", version)


def test_settings_are_in_effect(container_host: ContainerHostMachine) -> None:
    """What dockerd runs with, not what its file says."""
    info = Docker.on(container_host.host).info()
    planned = container_host.settings.docker_address_pools
    wanted = {
        "default-address-pools": [{"base": str(pool.base), "size": pool.size} for pool in planned],
        "live-restore": True,  # containers go on while dockerd restarts
        "log-driver": "local",
    }
    pools = [{"base": each["Base"], "size": each["Size"]} for each in info.get("DefaultAddressPools") or []]
    observed = {
        "default-address-pools": pools,
        "live-restore": info.get("LiveRestoreEnabled"),
        "log-driver": info.get("LoggingDriver"),
    }
    wrong = container_host.differences("dockerd's {}", wanted, observed)
    assert not wrong, "\n".join(wrong)


def test_its_containers_leave_processors_to_others(container_host: ContainerHostMachine) -> None:
    """Together they have a weight, as its services have one, and its guests together."""
    planned = container_host.settings.cpu_weight
    # There is no slice where no container runs.
    weight = Slices.on(container_host.host).weights().get(lab_slice(container_host.lab), planned)
    assert weight == planned, container_host.differs("cpu.weight of all containers", planned, weight)


def test_dockerd_leaves_processors_to_containers(container_host: ContainerHostMachine) -> None:
    """It works for them too, and for whichever asks it for most."""
    weight = Slices.on(container_host.host).weight_of_dockerd()
    assert weight == DAEMON_WEIGHT, container_host.differs("cpu.weight of dockerd", DAEMON_WEIGHT, weight)


def test_its_kernel_loads_no_modules_for_containers(container_host: ContainerHostMachine) -> None:
    """Before Linux 6.14, it would look for one whenever a file of no known format is run."""
    loader = ModuleLoader.on(container_host.host).program()
    assert not loader or container_host.settings.module_autoload, container_host.differs(
        "the program that loads modules on demand", "none", loader
    )
