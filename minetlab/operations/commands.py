"""What operations yield: commands, and failures with a message on which the administrator can act."""

from collections.abc import Generator, Mapping
from typing import Any, TypeAlias

from pyinfra import logger
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import state

from minetlab.util.errors import LabError

Commands: TypeAlias = Generator[PyinfraCommand, None, None]


def failure(error: LabError) -> FunctionCommand:
    """Return a command that fails the operation on this host, and shows the error."""
    # An exception raised in an operation would end the run on every host.
    return FunctionCommand(fail, (error,), {})


def first_pass() -> bool:
    """Tell whether an operation is evaluated for the first time, when it announces what it is about to do."""
    return not (state.is_executing and state.check_for_changes)


def fail(state: State, host: Host, error: LabError) -> bool:
    """Show the error of a host, and return False, so that pyinfra fails the command."""
    host.log_styled(str(error), log_func=logger.error, fg="red")
    return False


def connector_arguments(host: Host) -> dict[str, Any]:
    """Return how the present operation runs its commands, such as with sudo, as arguments for connectors."""
    arguments: Mapping[str, Any] = host.current_op_global_arguments or {}
    return {key: value for key, value in arguments.items() if key in CONNECTOR_ARGUMENT_KEYS}


def attempt(state: State, host: Host, command: StringCommand, failures: list[str]) -> bool:
    """Run a command, and let the operation go on even if it fails.

    :param state: pyinfra's state.
    :param host: the host on which to run the command.
    :param command: the command, run as the present operation runs its own.
    :param failures: where the output of a failed command is added, after it was shown.
    :return: always True, so that pyinfra does not fail the operation yet: see :func:`none_failed`.
    """
    arguments = {**connector_arguments(host), **command.connector_arguments}
    success, output = host.run_shell_command(command, **arguments)
    if not success:
        message = output.stderr or output.stdout
        failures.append(message)
        host.log_styled(message, log_func=logger.error, fg="red")
    return True


def none_failed(state: State, host: Host, failures: list[str]) -> bool:
    """Tell whether all attempts succeeded; :func:`attempt` has shown those that failed."""
    return not failures
