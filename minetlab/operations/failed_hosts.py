"""Record the hosts that fail in a run with ``--no-wait``: pyinfra 3.10 does not, and exits with status 0."""

from typing import Any

from gevent import get_hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State


class FailedHosts(BaseStateCallback):
    """Callbacks that pyinfra calls when an operation starts on a host, and when it fails there."""

    @staticmethod
    def operation_host_start(state: State, host: Host, op_hash: str) -> None:
        """Start no further operation on a host that has failed, for example because its lock was broken.

        :param state: pyinfra's state.
        :param host: the host on which pyinfra is about to start an operation.
        :param op_hash: pyinfra's identifier of the operation.
        :raises PyinfraError: the host has failed; pyinfra ends the run on this host.
        """
        if host in state.failed_hosts:
            raise PyinfraError(f"{host} has failed")

    @staticmethod
    def operation_host_error(state: State, host: Host, op_hash: str, *_: Any, **__: Any) -> None:
        """Record that a host has failed, unless the operation is one whose errors are ignored."""
        if not state.get_op_data_for_host(host, op_hash).global_arguments["_ignore_errors"]:
            state.failed_hosts.add(host)


def watch(state: State) -> None:
    """Let pyinfra exit with status 1 if a host has failed, also with ``--no-wait``; idempotent."""
    if not any(isinstance(handler, FailedHosts) for handler in state.callback_handlers):
        state.add_callback_handler(FailedHosts())  # type: ignore[no-untyped-call]
        # pyinfra ends the host's greenlet with this exception, for which gevent would print a traceback.
        hub = get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError)
