"""What operations are made of: commands, and failures with a message on which the administrator can act."""

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec

from paramiko import SSHException
from pyinfra import logger
from pyinfra.api.arguments import CONNECTOR_ARGUMENT_KEYS
from pyinfra.api.arguments_typed import PyinfraOperation
from pyinfra.api.command import FunctionCommand, PyinfraCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.context import host as current_host, state
from pyinfra.operations.util.files import generate_color_diff

from minetlab.util.errors import LabError

Parameters = ParamSpec("Parameters")


def lab_operation(function: Callable[Parameters, Iterator[PyinfraCommand]]) -> PyinfraOperation[Parameters]:
    """Make a pyinfra operation; if it raises a LabError, it fails on that host, and shows the error.

    With pyinfra's own decorator, the error would end the run on every host.

    :param function: a generator that yields the operation's commands.
    :return: the operation.
    """

    @wraps(function)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Generator[PyinfraCommand]:
        try:
            yield from function(*args, **kwargs)
        except LabError as error:
            yield FunctionCommand(fail, (error,), {})

    return operation()(run)


def call(function: Callable[..., bool], *arguments: Any) -> FunctionCommand:
    """Return a command that calls a function; the operation fails if that returns False or raises a LabError.

    :param function: it gets pyinfra's state, the host, and these arguments.
    :param *arguments: further arguments.
    :return: the command.
    """

    def run(state: State, host: Host) -> bool:
        try:
            return function(state, host, *arguments)
        except LabError as error:
            return fail(state, host, error)

    return FunctionCommand(run, (), {})


def first_pass() -> bool:
    """Tell whether an operation is evaluated for the first time, when it announces what it is about to do."""
    return not (state.is_executing and state.check_for_changes)


def warn(message: str) -> None:
    """Show a warning about the host on which the present operation runs."""
    current_host.log_styled(message, log_func=logger.warning, fg="yellow")


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
    try:
        success, output = host.run_shell_command(command, **arguments)
        message = output.stderr or output.stdout or "the command failed, and printed nothing"
    except (OSError, SSHException) as error:
        success, message = False, f"the connection was lost: {error}"
    if not success:
        failures.append(message)
        host.log_styled(message, log_func=logger.error, fg="red")
    return True


def show_diff(name: str, old: str, new: str) -> None:
    """Show line by line what changes in a text."""
    current_host.log(f"{name} changes:")
    for line in generate_color_diff(old.splitlines(), new.splitlines()):
        current_host.log(line)


def none_failed(state: State, host: Host, failures: list[str]) -> bool:
    """Tell whether all attempts succeeded; :func:`attempt` has shown those that failed."""
    return not failures
