"""How much of students' work a machine may send here."""

from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What a machine may take.

    :param seconds: to send all of it.
    :param bytes: of what it sends, and of what that is unpacked.
    """

    seconds: float = 600
    bytes: int = 1024 * MIB
