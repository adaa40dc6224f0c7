"""Programs that run on the lab's machines while they are measured, and answer line by line."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Thread
from time import monotonic

from testinfra.host import Host

from minetlab.claims.measurements import Workload
from minetlab.util.process import Process, end

READY, END = "pret", "fin"
"""Words of ``tp/emulation/home/calcul.c``."""
# Seconds. A machine that is emulated inside an emulated host needs minutes to boot.
BOOT_LIMIT, ANSWER_LIMIT = 1800.0, 300.0
LAST_WORDS = 5


class Program:
    """A workload that waits for orders, natively or as all that a machine runs.

    :param what: its name in messages.
    :param process: whose standard input and output lead to it.
    """

    def __init__(self, what: str, process: Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("its standard input and output have to be pipes")
        self.what = what
        self._process, self._orders, self._answers = process, process.stdin, process.stdout
        self._lines: Queue[str | None] = Queue()
        self._said: list[str] = []
        Thread(target=self._read, daemon=True).start()
        started = monotonic()
        self._await(READY, BOOT_LIMIT)
        self.boot = monotonic() - started

    def measure(self, load: Workload) -> float:
        """Microseconds for a unit of this load.

        :raises AssertionError: it does not answer; says what it said last.
        """
        self._order(load)
        return float(self._await(load, ANSWER_LIMIT))

    def end(self) -> None:
        """Have it end, by itself or not."""
        if self._process.poll() is None:
            self._order(END)
        end(self._process, grace=30)

    def _order(self, word: str) -> None:
        try:
            self._orders.write(f"{word}\n".encode())
            self._orders.flush()
        except BrokenPipeError:
            pass  # that it has ended is seen, with its last words, where its answer is awaited

    def _read(self) -> None:
        for line in self._answers:
            self._lines.put(line.decode(errors="replace").strip())
        self._lines.put(None)

    def _await(self, word: str, limit: float) -> str:
        """What stands behind this word, where it begins a line; the echo of an order is alone on its line."""
        deadline = monotonic() + limit
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                raise AssertionError(self._problem(f"did not answer within {limit:.0f} s")) from None
            if line is None:
                raise AssertionError(self._problem("ended"))
            self._said.append(line)
            first, _, rest = line.partition(" ")
            if first == word and (rest or word == READY):
                return rest

    def _problem(self, what: str) -> str:
        said = "\n".join(self._said[-LAST_WORDS:]) or "nothing"
        return f"{self.what} {what}; it said last:\n{said}"


@contextmanager
def running(what: str, host: Host, command: str) -> Iterator[Program]:
    """A workload, started on a machine by this command, and ended."""
    process = host.backend.start(command)
    try:
        program = Program(what, process)
        yield program
        program.end()
    finally:
        process.kill()
        process.wait()


def send(host: Host, content: bytes, file: str) -> None:
    """Write a file on a machine, where everybody may run it.

    :param file: its path, a word for a shell.
    :raises AssertionError: it cannot be written.
    """
    process = host.backend.start(f"cat >{file} && chmod 755 {file}")
    process.communicate(content, timeout=ANSWER_LIMIT)
    if process.returncode:
        raise AssertionError(f"{host.backend.hostname}: cannot write {file}")
