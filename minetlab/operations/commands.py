"""What operations yield: commands, and failures in words that the administrator can act on."""

from collections.abc import Generator
from typing import TypeAlias

from pyinfra import logger
from pyinfra.api.command import FunctionCommand, PyinfraCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import state

from minetlab.errors import LabError

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
