"""How QEMU and containers are confined on a host, and their interfaces kept apart. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minetlab.audit.weaknesses import AuditedHost, Look, Weight
from minetlab.lab import BridgedNetwork
from minetlab.plan.allocation import Guest
from minetlab.resources import site
from minetlab.resources.docker import ContainerSpec, access_folder, container_specs, lab_folder, terminals
from minetlab.resources.seccomp import PROFILE
from minetlab.resources.security import ProcessState
from minetlab.resources.slices import container_slice
from minetlab.util.limits import MIB

FILTER = "clean-traffic"
"""libvirt's filter for guests: templates/libvirt/domain.xml.j2."""
FILTERED_CALLS = 2
"""The mode of seccomp in which system calls are filtered: seccomp(2)."""
REMAKE = "remove it (docker container rm --force), then run lab up: its home folder stays"


@dataclass(frozen=True)
class ContainerOption:
    """An option of a container that keeps it from its host and from others.

    :param name: what it is called in messages.
    :param wanted: its value as planned.
    :param observed: its value.
    :param weight: how much it weighs if they differ.
    """

    name: str
    wanted: object
    observed: object
    weight: Weight


def qemu(host: AuditedHost) -> Iterator[Look]:
    """Yield guests whose QEMU is root's, or confined by neither AppArmor nor seccomp."""
    for guest in host.guests:
        if (process := host.security.qemu.get(guest.name)) is None:
            continue
        if process.user == 0:
            problem = f"QEMU of {guest.name} runs as root"
            yield Weight.HIGH, problem, f'on {host.alias}: unset "user" in /etc/libvirt/qemu.conf'
        yield from _unconfined(
            f"QEMU of {guest.name}", process, "security_driver and seccomp_sandbox in qemu.conf"
        )


def containers(host: AuditedHost) -> Iterator[Look]:
    """Yield containers that are confined less than planned."""
    for name, inspected in sorted(host.security.containers.items()):
        for option in _options(host, name, inspected):
            if option.observed != option.wanted:
                problem = f"{name}: {option.name} is {_word(option.observed)}, not {_word(option.wanted)}"
                yield option.weight, problem, f"on {host.alias}, {REMAKE}"
        if process := host.security.first_processes.get(name):
            yield from _unconfined(name, process, REMAKE)


def dockerd(host: AuditedHost) -> Iterator[Look]:
    """Yield what dockerd does not confine containers with."""
    if host.container is None:
        return
    for word in ("apparmor", "seccomp"):
        options = [option for option in host.security.dockerd if option.startswith(f"name={word}")]
        if not options or "profile=unconfined" in options[0]:
            yield (
                Weight.HIGH,
                f"dockerd confines no container by {word}",
                f"on {host.alias}: see docker info, /etc/docker/daemon.json, and the kernel's options",
            )
    if host.security.icc:
        network = host.lab.name
        problem = f"containers on the network {network} reach each other (enable_icc)"
        yield Weight.HIGH, problem, f"on {host.alias}: docker network rm {network}, then run lab up"


def interfaces(host: AuditedHost) -> Iterator[Look]:
    """Yield guests that send in others' names, or reach their neighbours on the bridge."""
    for guest in host.guests:
        tap = host.security.taps.get(guest.name)
        if tap is None:
            continue
        port = f"its port {tap.device} of {_bridge(host, guest)}"
        again = f"on {host.alias}: virsh shutdown {guest.name}, then run lab up"
        if (
            tap.filter != FILTER
            or tap.address != str(guest.address.ip)
            or tap.device not in host.security.filtered
        ):
            yield Weight.HIGH, f"{guest.name} can send in the name of others: no {FILTER} at work", again
        if not host.security.isolated.get(tap.device, False):
            yield (
                Weight.HIGH,
                f"{guest.name} reaches its neighbours: {port} is not isolated",
                f"on {host.alias}: bridge link set dev {tap.device or 'TAP'} isolated on",
            )


def _bridge(host: AuditedHost, guest: Guest) -> str:
    network = host.kvm.guest_network if host.kvm else None
    return network.bridge if isinstance(network, BridgedNetwork) else f"the bridge of {guest.address.network}"


def _unconfined(name: str, process: ProcessState, next_step: str) -> Iterator[Look]:
    if not process.enforced:
        problem = f"{name} is not confined by AppArmor ({process.profile or 'no profile'})"
        yield Weight.MEDIUM, problem, f"install apparmor on the host; {next_step}"
    if process.seccomp != FILTERED_CALLS:
        yield Weight.MEDIUM, f"{name} makes any system call: no seccomp filter", next_step


def _options(host: AuditedHost, name: str, inspected: Mapping[str, Any]) -> Iterator[ContainerOption]:
    lab, config = host.lab.name, inspected["HostConfig"]
    yield from _privileges(config)
    spec = _spec(host, name)
    if spec:
        yield from _limits(config, spec)
        # dockerd keeps what was in the file. That a container is unconfined is said already.
        profiled = {f"seccomp={PROFILE}", "seccomp=unconfined"} & {*(config.get("SecurityOpt") or ())}
        yield ContainerOption("whether it has another seccomp profile", False, not profiled, Weight.HIGH)
        folders = [f"{access_folder(lab)}/{name}", spec.home, terminals(lab, name)]
    else:
        folders = [lab_folder(lab)] if name == site.container_name(lab) else []
    capabilities = sorted(f"CAP_{capability}" for capability in spec.capabilities) if spec else []
    added = sorted(f"CAP_{added.removeprefix('CAP_')}" for added in config.get("CapAdd") or ())
    yield ContainerOption("what it has of capabilities", capabilities, added, Weight.HIGH)
    sources = [
        mount.get("Source", "") for mount in inspected.get("Mounts") or () if mount.get("Type") == "bind"
    ]
    foreign = sorted(
        source for source in sources if not any(f"{source}/".startswith(f"{folder}/") for folder in folders)
    )
    yield ContainerOption("what it mounts of the host beyond its own", [], foreign, Weight.HIGH)
    networks = sorted(inspected.get("Networks") or ())
    yield ContainerOption("its networks", [lab], networks, Weight.HIGH)


def _privileges(config: Mapping[str, Any]) -> Iterator[ContainerOption]:
    security = config.get("SecurityOpt") or []
    dropped = [capability.upper() for capability in config.get("CapDrop") or ()]
    gains = not any(
        option.startswith("no-new-privileges") and not option.endswith("false") for option in security
    )
    yield ContainerOption("--privileged", False, bool(config.get("Privileged")), Weight.HIGH)
    yield ContainerOption("whether it can gain privileges", False, gains, Weight.HIGH)
    yield ContainerOption("what it drops of capabilities", ["ALL"], dropped, Weight.HIGH)
    yield ContainerOption("--read-only", True, bool(config.get("ReadonlyRootfs")), Weight.MEDIUM)
    unconfined = [option for option in security if option.endswith("unconfined")]
    yield ContainerOption("what it is not confined by", [], unconfined, Weight.HIGH)
    devices = [device.get("PathOnHost", "") for device in config.get("Devices") or ()]
    yield ContainerOption("its devices of the host", [], devices, Weight.HIGH)
    modes = [f"--{kind}" for kind in ("pid", "ipc", "uts", "userns") if config.get(_MODES[kind]) == "host"]
    yield ContainerOption("what it shares with the host", [], modes, Weight.HIGH)


_MODES = {"pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode", "userns": "UsernsMode"}


def _limits(config: Mapping[str, Any], spec: ContainerSpec) -> Iterator[ContainerOption]:
    memory = spec.memory * MIB
    files = [(limit.get("Name"), limit.get("Hard")) for limit in config.get("Ulimits") or ()]
    wanted: tuple[tuple[str, object, object], ...] = (
        (
            "its slice, which limits its use of disks",
            container_slice(spec.network, spec.name),
            config.get("CgroupParent"),
        ),
        ("its memory", memory, config.get("Memory")),
        ("its memory with swap", memory, config.get("MemorySwap")),
        ("its limit of processes", spec.pids, config.get("PidsLimit")),
        ("its limit of processors (in billionths)", round((spec.cpus or 0) * 1e9), config.get("NanoCpus")),
        ("its limit of open files", [("nofile", spec.files)], files),
    )
    for name, limit, observed in wanted:
        yield ContainerOption(name, limit, observed, Weight.MEDIUM)


def _spec(host: AuditedHost, name: str) -> ContainerSpec | None:
    planned = [container for container in host.containers if container.name == name]
    if not planned or host.container is None:
        return None
    (spec,) = container_specs(host.lab.name, planned, host.container, {planned[0].tp_image: ""})
    return spec


def _word(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value).lower()
