"""Feed hostile answers, consoles and archives to all that reads them, in a process of its own.

Prints how many cases there were, and the most memory that the process ever had. Ends with 1 if something was
raised, never ended, or would have controlled a terminal, and names the case, to be run again by itself.

Usage: python -m tests.fuzz.run_cases FIRST NUMBER SECONDS_FOR_EACH
"""

import re
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from types import FrameType

from tests.fuzz.consumers import CONSUMERS

CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What may not reach a terminal; a line feed and a tabulator may."""


def run(number: int) -> str:
    """Run a case; return what is wrong, or an empty string."""
    name = list(CONSUMERS)[number % len(CONSUMERS)]
    try:
        shown = CONSUMERS[name](Random(number))  # noqa: S311 (nothing secret)
    except Exception:
        return f"{name}, case {number}: {traceback.format_exc()}"
    control = CONTROLS.search(shown)
    return f"{name}, case {number}: it shows {control[0]!r}" if control else ""


def peak() -> int:
    """The most memory that this process ever had, in bytes: proc_pid_status(5)."""
    # Not getrusage(2), which begins with the memory of the process that started this one.
    (line,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(line) * 1024


def too_late(_: int, __: FrameType | None) -> None:
    """End the case that runs."""
    raise TimeoutError("it does not end")


def main(first: int, number: int, seconds: int) -> int:
    """Run the cases; return the exit status."""
    signal.signal(signal.SIGALRM, too_late)
    wrong = 0
    for case in range(first, first + number):
        signal.alarm(seconds)
        problem = run(case)
        signal.alarm(0)
        if problem:
            wrong += 1
            print(ascii(problem), flush=True)
    print(f"{number} cases, {wrong} wrong, {peak() >> 20} MiB")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
