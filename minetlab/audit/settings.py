"""Which settings of group data are weaker than the defaults, field by field. No I/O."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from minetlab.audit.weaknesses import AuditedHost, Look, Weight
from minetlab.lab import ContainerHostSettings, KvmHostSettings
from minetlab.lab.base import Frozen
from minetlab.resources.firewall import OPEN

Weaker = Callable[[Any, Any], bool]


def more(value: float | None, default: float | None) -> bool:
    """Tell whether a limit is higher than the default; None is no limit."""
    return (inf if value is None else value) > (inf if default is None else default)


def beyond(value: Any, default: Any) -> bool:
    """Tell whether a list has something that the default has not; :data:`OPEN` has everything."""
    return default != OPEN and (value == OPEN or not set(value) <= set(default))


def other(value: Any, default: Any) -> bool:
    """Tell whether a value is another than the default."""
    return bool(value != default)


@dataclass(frozen=True)
class WeakSetting:
    """How a setting can be weaker than its default.

    :param weaker: tells it by the setting and its default.
    :param weight: how much it weighs.
    :param consequence: what it lets somebody do.
    """

    weaker: Weaker
    weight: Weight
    consequence: str


WEAKER: Mapping[type[Frozen], Mapping[str, WeakSetting]] = {
    KvmHostSettings: {
        "egress": WeakSetting(beyond, Weight.MEDIUM, "guests reach others than their host"),
        "guest_network.mode": WeakSetting(other, Weight.LOW, "guests are on a network with other machines"),
        "guest.iops": WeakSetting(more, Weight.LOW, "one guest takes more of the disk from others"),
        "guest.bandwidth": WeakSetting(more, Weight.LOW, "one guest takes more of the network from others"),
    },
    ContainerHostSettings: {
        "egress": WeakSetting(beyond, Weight.MEDIUM, "containers reach others than their host"),
        "container.capabilities": WeakSetting(beyond, Weight.HIGH, "containers have privileges of root"),
        "container.pids": WeakSetting(more, Weight.LOW, "one container takes more processes from others"),
        "container.cpus": WeakSetting(more, Weight.LOW, "one container takes more processors from others"),
        "container.files": WeakSetting(more, Weight.LOW, "one container takes more open files from others"),
        "container.iops": WeakSetting(more, Weight.LOW, "one container takes more of the disk from others"),
        "container.bandwidth": WeakSetting(more, Weight.LOW, "one container takes more of the network"),
        "cpu_weight": WeakSetting(more, Weight.LOW, "containers take more of processors from their host"),
        "module_autoload": WeakSetting(
            other, Weight.MEDIUM, "containers have the host's kernel look for modules"
        ),
    },
}
"""The settings that can be weaker than their default, by the class of settings."""
NEUTRAL: Mapping[type[Frozen], frozenset[str]] = {
    KvmHostSettings: frozenset(
        {
            *("guest_network.subnet", "guest_network.reserved", "guest_network.nameservers"),
            *("guest.memory", "guest.cores", "guest.disk", "guest.cpus", "guest_image.debian"),
            *("guest_tps", "capacity", "guests_run", "boots_at_once"),
        }
    ),
    ContainerHostSettings: frozenset(
        {
            *("docker_address_pools", "tp_images", "ssh_ports.first", "ssh_ports.last", "capacity"),
            # The defaults of these open most; that there is room for these sizes, lab check looks at.
            *("published_on", "site_port", "container.memory", "container.disk"),
            "site_certificate",
        }
    ),
}
"""The settings that cannot be weaker than their default, by the class of settings."""
UNCHECKED_HOST_KEYS = frozenset({"no", "off", "accept-new"})
"""Values of ``ssh_strict_host_key_checking`` with which any machine can pass for a host, if only at first."""


def settings(host: AuditedHost) -> Iterator[Look]:
    """Yield settings of a host that are weaker than the defaults."""
    for chosen in (host.kvm, host.container):
        if chosen is None:
            continue
        defaults = type(chosen)()
        for field, setting in WEAKER[type(chosen)].items():
            value, default = _value(chosen, field), _value(defaults, field)
            if setting.weaker(value, default):
                problem = (
                    f"{field} is {_word(value)}, where the default is {_word(default)}: {setting.consequence}"
                )
                yield setting.weight, problem, "set it back in inventories/group_data, if no sheet needs it"
    if host.kvm and not host.lab.require_kvm and not host.in_sandbox:
        problem = (
            "require_kvm is False, where the default is True: QEMU is not made to keep emulated guests in"
        )
        yield Weight.LOW, problem, "set it to True in inventories/group_data, if the host can"
    if host.host_key_checking in UNCHECKED_HOST_KEYS:
        yield (
            Weight.HIGH,
            f"ssh_strict_host_key_checking is {host.host_key_checking}: any machine can pass for this host",
            'remove it, or set it to "yes"',
        )


def _value(settings: Frozen, field: str) -> Any:
    value: Any = settings
    for name in field.split("."):
        value = getattr(value, name)
    return value


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "empty"
    return str(value)
