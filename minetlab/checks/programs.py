"""The workload as it runs on a lab's machines: it gets orders over its input, and answers line by line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Thread
from time import monotonic

from testinfra.host import Host

from minetlab.claims.measurements import Workload
from minetlab.util.process import Process, end

WORKLOAD_READY, WORKLOAD_END = "pret", "fin"
ORDERS: Mapping[Workload, str] = {"processor": "processeur", "kernel": "noyau", "memory": "memoire"}
"""Words of ``tp/emulation/home/calcul.c``, which students read."""
# Seconds. A machine that is emulated inside an emulated host needs minutes to boot.
WORKLOAD_BOOT_LIMIT, WORKLOAD_ANSWER_LIMIT = 1800.0, 300.0
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
        self._lines: Queue[str | None] = Queue()
        self._printed: list[str] = []
        Thread(target=self._read, daemon=True).start()
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

    def _read(self) -> None:
        for line in self._answers:
            self._lines.put(line.decode(errors="replace").strip())
        self._lines.put(None)

    def _await(self, word: str, limit: float) -> str:
        """Wait for a line that begins with this word, and return the rest of it.

        A machine's console echoes each order, which is then alone on its line: such a line is no answer.

        :param word: the first word of the line.
        :param limit: how many seconds to wait.
        :return: what follows the word.
        :raises AssertionError: there was no such line in time, or the process has ended.
        """
        deadline = monotonic() + limit
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                raise AssertionError(self._problem(f"did not answer within {limit:.0f} s")) from None
            if line is None:
                raise AssertionError(self._problem("ended"))
            self._printed.append(line)
            first, _, rest = line.partition(" ")
            if first == word and (rest or word == WORKLOAD_READY):
                return rest

    def _problem(self, problem: str) -> str:
        last_lines = "\n".join(self._printed[-LAST_LINES:]) or "nothing"
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
        process.kill()
        process.wait()


def send(host: Host, content: bytes, file: str) -> None:
    """Write a file on a machine, and let everybody there run it.

    :param host: the machine.
    :param content: what the file holds.
    :param file: path of the file, quoted for a shell if need be.
    :raises AssertionError: it cannot be written.
    """
    process = host.backend.start(f"cat >{file} && chmod 755 {file}")
    process.communicate(content, timeout=WORKLOAD_ANSWER_LIMIT)
    if process.returncode:
        raise AssertionError(f"{host.backend.hostname}: cannot write {file}")
