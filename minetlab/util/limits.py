"""How much of a student's work is collected from one machine."""

from dataclasses import dataclass

MIB = 2**20
"""Bytes in a MiB."""


@dataclass(frozen=True)
class Limits:
    """Limits for the work that one machine sends.

    :param seconds: time until all of it has to be here.
    :param bytes: size of what is sent, and of the files unpacked from it.
    """

    seconds: float = 600
    bytes: int = 1024 * MIB
