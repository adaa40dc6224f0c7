"""dockerd's configuration, which all labs of a host share. No I/O."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from minetlab.lab.settings import AddressPool

DAEMON_CONFIG = "/etc/docker/daemon.json"
POOLS = "default-address-pools"
REPAIR_CONFIG = f"mend {DAEMON_CONFIG}, or remove it"
"""The next step where the file cannot be read."""
SAME_POOLS = "give all labs of the host the same docker_address_pools, in their group_data/container_hosts.py"
"""The next step where two labs want different address pools."""


@dataclass(frozen=True)
class DaemonState:
    """dockerd's configuration on a host.

    :param config: the content of the file; None if there is no file.
    :param stale: whether the file is newer than the running dockerd, which then has not read it.
    :param fault: why the file cannot be read, for the administrator; it is not ours to replace then.
    """

    config: dict[str, Any] | None = None
    stale: bool = False
    fault: str = ""


def pools_setting(pools: Collection[AddressPool]) -> list[dict[str, Any]]:
    """Return address pools as dockerd's configuration writes them."""
    return [{"base": str(pool.base), "size": pool.size} for pool in pools]


def foreign_pools(current: Mapping[str, Any] | None, ours: Collection[AddressPool]) -> Any:
    """Return the address pools of dockerd's configuration; None if it has none, or has ours."""
    pools = (current or {}).get(POOLS)
    return pools if pools != pools_setting(ours) else None


def pools_conflict(present: Any, ours: Collection[AddressPool], labs: Collection[str]) -> str:
    """Return the message that other labs of a host need the address pools that dockerd has.

    :param present: the pools that dockerd has now, as its configuration writes them.
    :param ours: the pools that this lab wants.
    :param labs: the other labs that have something on the host.
    :return: the problem, for the administrator to read.
    """
    return (
        f"dockerd has the address pools {json.dumps(present)} for the lab {' and the lab '.join(labs)}; "
        f"this lab wants {json.dumps(pools_setting(ours))}, but all labs of a host share one setting"
    )
