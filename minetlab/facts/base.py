"""The base class of all facts."""

from typing import TypeVar

from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

Value = TypeVar("Value")


class HostFact(FactBase[Value]):
    """A fact that fails its host, and not the whole run, if the host's answer cannot be read."""

    def process(self, output: list[str]) -> Value:
        """Read the host's answer, as pyinfra asks for it.

        :param output: all lines.
        :return: the value of the fact.
        :raises FactProcessError: the answer cannot be read.
        """
        try:
            return self.parse(output)
        except FactProcessError:  # of another fact that is a part of this one
            raise
        except Exception as error:
            reason = error if isinstance(error, ValueError) else repr(error)
            raise FactProcessError(f"the host's answer cannot be read: {reason}") from error

    def parse(self, output: list[str]) -> Value:
        """Return the value of the fact; any error that this raises is the host's."""
        raise NotImplementedError
