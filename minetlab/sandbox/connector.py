"""The ``@sandbox`` connector of pyinfra: boots a virtual host at connect, then is SSH."""

import os
from collections.abc import Iterator
from typing import Any

from pyinfra import logger
from pyinfra.api.exceptions import ConnectError, InventoryError
from pyinfra.connectors.base import DataMeta
from pyinfra.connectors.ssh import ConnectorData, SSHConnector, connector_data_meta
from pyinfra.connectors.sshuserclient.client import get_host_keys

from minetlab.inventory.hosts import CONTAINER_HOSTS, KVM_HOSTS
from minetlab.sandbox import Connection, spec_of, start
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.spec import DATA_PREFIX, SandboxSpec
from minetlab.util.errors import LabError


class SandboxData(ConnectorData):
    """Host data of a sandbox host, SSH's own included.

    Any: pyinfra ends the whole run at a wrong type, and does not say whose; the spec says it at connect.
    """

    sandbox_memory: Any
    sandbox_vcpus: Any
    sandbox_debian: Any
    sandbox_image: Any
    sandbox_disk: Any


ROLES = frozenset({CONTAINER_HOSTS, KVM_HOSTS})
"""Groups whose hosts have daemons of their own. An inventory's file name is one of a host's groups, too."""
_DEFAULTS = SandboxSpec()
_META = {
    "sandbox_memory": DataMeta("Memory in MiB", _DEFAULTS.memory),
    "sandbox_vcpus": DataMeta("Number of virtual processors", _DEFAULTS.vcpus),
    "sandbox_debian": DataMeta("Major version of Debian: 12 or 13", _DEFAULTS.debian),
    "sandbox_image": DataMeta("`bare`, or `warm` with the roles' packages already in", _DEFAULTS.image),
    "sandbox_disk": DataMeta("Size of the disk in GiB", _DEFAULTS.disk),
}


class SandboxConnector(SSHConnector):
    """Boot a virtual host on this machine, unless it runs already, and connect to it over SSH.

    .. code:: shell

        pyinfra @sandbox/hv1 exec -- uname -a
    """

    data_cls = SandboxData  # type: ignore[assignment]
    data_meta = {**connector_data_meta, **_META}  # noqa: RUF012 (as pyinfra declares it)

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        """Name the host; nothing is booted before pyinfra connects to it."""
        try:
            SandboxHost(name or "")
        except LabError as error:
            raise InventoryError(str(error)) from error
        yield f"@sandbox/{name}", {}, ["@sandbox"]

    def connect(self) -> None:
        """Boot the host if need be, and connect.

        :raises ConnectError: it cannot be booted or reached; the other hosts go on.
        """
        name = self.host.name.removeprefix("@sandbox/")
        try:
            spec = spec_of(name, **{f: self.data.get(f"{DATA_PREFIX}{f}") for f in SandboxSpec.model_fields})
            self._aim(start(name, spec, self._say, ROLES.intersection(self.host.groups)))
        except (LabError, OSError) as error:
            raise ConnectError(str(error)) from error
        super().connect()

    def _say(self, message: str) -> None:
        logger.info(f"{self.host.print_prefix}{message}")

    def _aim(self, connection: Connection) -> None:
        # pyinfra remembers known_hosts files by name, and this one changes with the port at every boot.
        get_host_keys.cache.clear()
        self.data.update(
            {
                "ssh_hostname": connection.hostname,
                "ssh_port": connection.port,
                "ssh_user": connection.user,
                "ssh_key": str(connection.key),
                "ssh_known_hosts_file": str(connection.known_hosts),
                "ssh_strict_host_key_checking": "yes",
                # Nothing in the administrator's own configuration is meant for this machine.
                "ssh_config_file": os.devnull,
            }
        )
