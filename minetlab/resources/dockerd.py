"""dockerd's configuration, which is one for all labs of a host. No I/O."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from minetlab.lab.settings import AddressPool

DAEMON_CONFIG = "/etc/docker/daemon.json"
POOLS = "default-address-pools"
MEND = f"mend {DAEMON_CONFIG}, or remove it"
SAME_POOLS = "give all labs of the host the same docker_address_pools, in their group_data/container_hosts.py"


@dataclass(frozen=True)
class DaemonState:
    """dockerd's configuration on a host.

    :param config: what the file says; None where there is none.
    :param stale: the file is younger than the running daemon, which so has not read it.
    :param fault: why it cannot be read: it is somebody's, and not ours to throw away.
    """

    config: dict[str, Any] | None = None
    stale: bool = False
    fault: str = ""


def merged(current: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with our settings in it: what the administrator has set beyond them stays.

    :param current: what /etc/docker/daemon.json says; None where there is no such file.
    """
    return {**(current or {}), **ours}


def pools_setting(pools: Collection[AddressPool]) -> list[dict[str, Any]]:
    """Address pools, as dockerd's configuration has them."""
    return [{"base": str(pool.base), "size": pool.size} for pool in pools]


def foreign_pools(current: Mapping[str, Any] | None, ours: Collection[AddressPool]) -> Any:
    """The address pools that are there in place of ours, as dockerd is told them; None: ours, or none."""
    theirs = (current or {}).get(POOLS)
    return theirs if theirs != pools_setting(ours) else None


def contested(theirs: Any, ours: Collection[AddressPool], labs: Collection[str]) -> str:
    """Why our address pools must not take the place of those: these labs would undo it when they deploy."""
    return (
        f"dockerd has the address pools {json.dumps(theirs)} for the lab {' and the lab '.join(labs)}; "
        f"this lab wants {json.dumps(pools_setting(ours))}, and a host has them but once"
    )
