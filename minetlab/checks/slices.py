"""A Testinfra module for the slices that share a host between containers, dockerd and other services."""

from minetlab.checks.modules import Reader


class Slices(Reader):
    """The limits of slices, as the host's kernel has them: systemd.resource-control(5), cgroups(7)."""

    # A slice is there while a process is in it: systemd.slice(5). One that ends meanwhile has no limits.
    _READ = "cd /sys/fs/cgroup && grep --no-messages --with-filename ''"
    LIMITS = f"{_READ} minetlab_*.slice/*.slice/io.max minetlab_*.slice/*.slice/memory.swap.max; true"
    WEIGHTS = f"{_READ} minetlab_*.slice/cpu.weight; true"
    # The weight of the slice that dockerd is in.
    WEIGHT_OF_DOCKERD = (
        'cat "/sys/fs/cgroup$(sed "s|^0::||; s|/[^/]*$||" "/proc/$(cat /run/docker.pid)/cgroup")/cpu.weight"'
    )
    COMMANDS = (LIMITS, WEIGHTS, WEIGHT_OF_DOCKERD)

    @classmethod
    def limits(cls, slice_name: str, file: str) -> list[str]:
        """Return the lines of a file with limits of a container's slice; none if there is no such slice."""
        lines = (line.partition(":") for line in cls.read(cls.LIMITS).splitlines())
        return [limit for path, _, limit in lines if path.endswith(f"/{slice_name}/{file}")]

    @classmethod
    def of_disks(cls, slice_name: str) -> list[dict[str, str]]:
        """Return the limits that a container's slice sets for disks, one dictionary for each disk."""
        limits = (limit.split()[1:] for limit in cls.limits(slice_name, "io.max"))
        return [dict(limit.split("=", 1) for limit in disk) for disk in limits]

    @classmethod
    def weights(cls) -> dict[str, int]:
        """Return the weight by which the containers of each lab, all together, share the processors."""
        lines = (line.partition(":") for line in cls.read(cls.WEIGHTS).splitlines())
        return {file.partition("/")[0]: int(weight) for file, _, weight in lines}

    @classmethod
    def weight_of_dockerd(cls) -> int:
        """Return the weight by which dockerd shares the processors."""
        return int(cls.read(cls.WEIGHT_OF_DOCKERD))
