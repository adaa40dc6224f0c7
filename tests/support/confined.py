"""Run a program under the seccomp profile of students' containers: ``-m tests.support.confined PROGRAM …``.

libseccomp makes the filter of it, as it does for runc, and this machine's kernel answers.
"""

import ctypes
import json
import os
import sys

from minetlab.resources.seccomp import PROFILE

ACTIONS = {"SCMP_ACT_ALLOW": 0x7FFF0000, "SCMP_ACT_ERRNO": 0x00050000}
OPERATORS = {"SCMP_CMP_LT": 2, "SCMP_CMP_EQ": 4, "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7}
NOT_PERMITTED = 1
"""The error of calls that no rule fits, as runc has it."""


class Comparison(ctypes.Structure):
    """struct scmp_arg_cmp: seccomp_rule_add(3)."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def confine() -> None:
    """Confine this process, and those that it starts."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    profile = json.loads(PROFILE)
    context = ctypes.c_void_p(library.seccomp_init(ACTIONS[profile["defaultAction"]] | NOT_PERMITTED))
    for rule in profile["syscalls"]:
        action = ACTIONS[rule["action"]] | rule.get("errnoRet", 0)
        comparisons = [
            Comparison(arg["index"], OPERATORS[arg["op"]], arg["value"], arg.get("valueTwo", 0))
            for arg in rule["args"]
        ]
        for name in rule["names"]:
            number = library.seccomp_syscall_resolve_name(name.encode())
            # An older libseccomp does not know the newest calls, and refuses them.
            if number >= 0:
                arguments = (Comparison * len(comparisons))(*comparisons)
                added = library.seccomp_rule_add_array(context, action, number, len(comparisons), arguments)
                assert added == 0, (name, comparisons, added)
    assert library.seccomp_load(context) == 0


if __name__ == "__main__":
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 (it is the one to be confined)
