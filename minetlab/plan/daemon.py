"""dockerd's configuration. No I/O."""

from collections.abc import Mapping
from typing import Any


def merged(current: Mapping[str, Any] | None, ours: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with our settings in it: what the administrator has set beyond them stays.

    :param current: what /etc/docker/daemon.json says; None where there is no such file.
    """
    return {**(current or {}), **ours}
