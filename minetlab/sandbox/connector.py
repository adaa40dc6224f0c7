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
from minetlab.sandbox import start
from minetlab.sandbox.machine import SandboxHost
from minetlab.sandbox.spec import DATA_PREFIX, SandboxSpec, spec_of
from minetlab.util.errors import LabError


class SandboxData(ConnectorData):
    """Host data of a sandbox host, in addition to that of SSH.

    The types are ``Any`` because pyinfra ends the whole run at a wrong type, without naming the host.
    :func:`~minetlab.sandbox.spec.spec_of` checks them at connect, and names host and field.
    """

    sandbox_memory: Any
    sandbox_vcpus: Any
    sandbox_debian: Any
    sandbox_image: Any
    sandbox_disk: Any


ROLE_GROUPS = frozenset({CONTAINER_HOSTS, KVM_HOSTS})
"""The groups that decide which daemons a host runs; pyinfra also has a group for each inventory file."""
_META = {
    f"{DATA_PREFIX}{name}": DataMeta(str(field.description), field.default)
    for name, field in SandboxSpec.model_fields.items()
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
        """Yield the host's name, data and groups for pyinfra; nothing is booted before pyinfra connects."""
        try:
            SandboxHost(name or "")
        except LabError as error:
            raise InventoryError(str(error)) from error
        yield f"@sandbox/{name}", {}, ["@sandbox"]

    def connect(self) -> None:
        """Boot or resume the host if it does not run, and connect to it.

        :raises ConnectError: it cannot be started or reached; pyinfra continues with the other hosts.
        """
        name = self.host.name.removeprefix("@sandbox/")
        host_data = {field: self.data.get(f"{DATA_PREFIX}{field}") for field in SandboxSpec.model_fields}
        try:
            spec = spec_of(name, **host_data)
            connection = start(name, spec, self._show_progress, ROLE_GROUPS.intersection(self.host.groups))
        except (LabError, OSError) as error:
            raise ConnectError(str(error)) from error
        # pyinfra caches known_hosts files by name, and this one changes with the port at every boot.
        get_host_keys.cache.clear()
        self.data.update(
            {
                "ssh_hostname": connection.hostname,
                "ssh_port": connection.port,
                "ssh_user": connection.user,
                "ssh_key": str(connection.key),
                "ssh_known_hosts_file": str(connection.known_hosts),
                "ssh_strict_host_key_checking": "yes",
                # The administrator's own SSH configuration must not apply to this host.
                "ssh_config_file": os.devnull,
            }
        )
        super().connect()

    def _show_progress(self, message: str) -> None:
        logger.info(f"{self.host.print_prefix}{message}")
