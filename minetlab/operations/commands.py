"""What operations yield: commands, and failures in words that the administrator can act on."""

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
    """Fail the operation on this host, when the command is reached.

    An exception raised in an operation would end the run on every host.
    """
    return FunctionCommand(fail, (error,), {})


def announces() -> bool:
    """Whether the operation is gone through for the first time: when to say what it is about to do."""
    return not (state.is_executing and state.check_for_changes)


def fail(state: State, host: Host, error: LabError) -> bool:
    """Show the error as this host's; False, as a failed command says."""
    host.log_styled(str(error), log_func=logger.error, fg="red")
    return False


def connector_arguments(host: Host) -> dict[str, Any]:
    """How the operation at work has its commands run."""
    given: Mapping[str, Any] = host.current_op_global_arguments or {}
    return {key: value for key, value in given.items() if key in CONNECTOR_ARGUMENT_KEYS}


def attempt(state: State, host: Host, command: StringCommand, failures: list[str]) -> bool:
    """Run a command; True also if it fails, as others go on: what it says is shown, and kept for the end."""
    # As the operation at work runs its own, sudo and all.
    arguments = {**connector_arguments(host), **command.connector_arguments}
    success, output = host.run_shell_command(command, **arguments)
    if not success:
        said = output.stderr or output.stdout
        failures.append(said)
        host.log_styled(said, log_func=logger.error, fg="red")
    return True


def none_failed(state: State, host: Host, failures: list[str]) -> bool:
    """Whether all attempts succeeded: what failed has been shown."""
    return not failures
