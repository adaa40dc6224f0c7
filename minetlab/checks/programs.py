"""The workload as it runs on a lab's machines: it gets orders over its input, and answers line by line."""

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector
from time import monotonic

from testinfra.host import Host

from minetlab.claims.measurements import Workload
from minetlab.util.process import READ_SIZE, Process, TooMuchError, end, read_to_end

WORKLOAD_READY, WORKLOAD_END = "pret", "fin"
ORDERS: Mapping[Workload, str] = {"processor": "processeur", "kernel": "noyau", "memory": "memoire"}
"""Words of ``tp/emulation/home/calcul.c``, which students read."""
# Seconds. A machine that is emulated inside an emulated host needs minutes to boot.
WORKLOAD_BOOT_LIMIT, WORKLOAD_ANSWER_LIMIT = 1800.0, 300.0
MAX_PRINTED = 2**20
"""Bytes that a workload may print until it answers; the log of a whole kernel has some 100 KB."""
LAST_LINES = 5
"""How many lines of a workload that failed are shown."""


class Program:
    """A workload that waits for orders; it may be the only program of a machine that is started for it.

    It is ready as soon as the object is made, and ``boot`` holds how many seconds that took.

    :param name: what it is called in messages.
    :param process: the process whose standard input and output lead to it.
    :raises AssertionError: it does not get ready; names its last lines.
    """

    def __init__(self, name: str, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("its standard input and output have to be pipes")
        self.name = name
        self._process, self._orders, self._answers = process, process.stdin, process.stdout
        self._lines: deque[bytes] = deque()
        self._rest = b""  # of a line whose end has not come yet
        self._printed: deque[str] = deque(maxlen=LAST_LINES)
        started = monotonic()
        self._await(WORKLOAD_READY, WORKLOAD_BOOT_LIMIT)
        self.boot = monotonic() - started

    def measure(self, load: Workload) -> float:
        """Measure one load.

        :param load: the load.
        :return: microseconds for one unit of it.
        :raises AssertionError: it does not answer; names its last lines.
        """
        self._order(ORDERS[load])
        return float(self._await(ORDERS[load], WORKLOAD_ANSWER_LIMIT))

    def end(self) -> None:
        """Order the workload to end, and end its process if it does not."""
        if self._process.poll() is None:
            self._order(WORKLOAD_END)
        end(self._process, grace=30)

    def _order(self, word: str) -> None:
        try:
            self._orders.write(f"{word}\n".encode())
            self._orders.flush()
        except BrokenPipeError:
            pass  # It has ended. Whoever waits for its answer notices that, and shows its last lines.

    def _await(self, word: str, limit: float) -> str:
        """Wait for a line that begins with this word, and return the rest of it.

        A machine's console echoes each order, which is then alone on its line: such a line is no answer.

        :param word: the first word of the line.
        :param limit: how many seconds to wait.
        :return: what follows the word.
        :raises AssertionError: there was no such line in time, or before the end, or before too many others.
        """
        deadline, room = monotonic() + limit, MAX_PRINTED
        while room > 0:
            while self._lines:
                line = self._lines.popleft().decode(errors="replace").strip()
                self._printed.append(line)
                first, _, rest = line.partition(" ")
                if first == word and (rest or word == WORKLOAD_READY):
                    return rest
            with DefaultSelector() as selector:
                selector.register(self._answers, EVENT_READ)
                if not selector.select(max(0.0, deadline - monotonic())):
                    raise AssertionError(self._problem(f"did not answer within {limit:.0f} s"))
            block = os.read(self._answers.fileno(), READ_SIZE)
            if not block and not self._rest:
                raise AssertionError(self._problem("ended"))
            room -= len(block)
            *lines, self._rest = (self._rest + (block or b"\n")).split(b"\n")
            self._lines += lines
        raise AssertionError(self._problem("prints without end"))

    def _problem(self, problem: str) -> str:
        last_lines = "\n".join(self._printed) or "nothing"
        return f"{self.name} {problem}; it said last:\n{last_lines}"


@contextmanager
def running(name: str, host: Host, command: str) -> Iterator[Program]:
    """Start a workload on a machine, and end it afterwards.

    :param name: what it is called in messages.
    :param host: the machine.
    :param command: the command that starts it there.
    :yields: the workload, ready for orders.
    :raises AssertionError: it does not get ready; names its last lines.
    """
    process = host.backend.start(command)
    try:
        program = Program(name, process)
        yield program
        program.end()
    finally:
        end(process)


def send(host: Host, content: bytes, file: str) -> None:
    """Write a file on a machine, and let everybody there run it.

    :param host: the machine.
    :param content: what the file holds.
    :param file: path of the file, quoted for a shell if need be.
    :raises AssertionError: it cannot be written.
    """
    command = f"cat >{file} && chmod 755 {file}"
    with tempfile.TemporaryFile() as input_file:
        input_file.write(content)
        input_file.seek(0)
        with host.backend.start(command, stdin=input_file) as process:
            try:
                read_to_end(
                    process, WORKLOAD_ANSWER_LIMIT, total_limit=WORKLOAD_ANSWER_LIMIT, max_bytes=MAX_PRINTED
                )
                problem = f"status {process.returncode}" if process.returncode else ""
            except (TimeoutError, TooMuchError) as error:
                problem = str(error)
            finally:
                end(process)
    if problem:
        raise AssertionError(f"{host.backend.hostname}: cannot write {file}: {problem}")
