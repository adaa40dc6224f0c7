"""The user as whom QEMU runs a machine where ``lab`` itself is run by root.

QEMU opens disks, credentials, console and sockets as root, and becomes this user before the machine starts.
The user owns nothing and has no account: what breaks out of a machine has the files that QEMU has open.
"""

import os
from pathlib import Path
from zlib import crc32

FIRST_USER, USERS = 0x71000000, 2**24
"""The range of their numbers, which systemd's UIDS-GIDS gives to nobody; students' containers have others."""
_MAP = Path("/proc/self/uid_map")


def user_arguments(folder: Path, uid_map: Path = _MAP) -> tuple[str, ...]:
    """Return the arguments with which QEMU stops being root; none if it is not, or cannot be anybody else.

    :param folder: the folder of the machine, each of which has a user of its own.
    :param uid_map: which users this process can become: user_namespaces(7).
    :return: QEMU's arguments.
    """
    user = FIRST_USER + crc32(str(folder).encode()) % USERS
    ranges = (map(int, line.split()) for line in uid_map.read_text().splitlines())
    if os.geteuid() or not any(first <= user < first + length for first, _, length in ranges):
        return ()
    return ("-run-with", f"user={user}:{user}")
