"""Hosts that fail in a run with ``--no-wait``: pyinfra 3.10 forgets them, and ends with exit status 0."""

from typing import Any

from gevent import get_hub
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import BaseStateCallback, State


class FailedHosts(BaseStateCallback):
    """What pyinfra calls as operations begin and fail."""

    @staticmethod
    def operation_host_start(state: State, host: Host, op_hash: str) -> None:
        """Begin no further operation on a host that has failed meanwhile, as one whose lock was broken.

        :raises PyinfraError: with which pyinfra ends the run on this host.
        """
        if host in state.failed_hosts:
            raise PyinfraError(f"{host} has failed")

    @staticmethod
    def operation_host_error(state: State, host: Host, op_hash: str, *_: Any, **__: Any) -> None:
        """Take note of a host whose operation has failed, unless that is to be ignored."""
        if not state.get_op_data_for_host(host, op_hash).global_arguments["_ignore_errors"]:
            state.failed_hosts.add(host)


def watch(state: State) -> None:
    """Have pyinfra's exit status say, with ``--no-wait`` too, that hosts have failed; any number of times."""
    if not any(isinstance(handler, FailedHosts) for handler in state.callback_handlers):
        state.add_callback_handler(FailedHosts())  # type: ignore[no-untyped-call]
        # It ends a host's greenlet so, of which gevent would show a traceback below what the operation said.
        hub = get_hub()
        hub.NOT_ERROR = (*hub.NOT_ERROR, PyinfraError)
