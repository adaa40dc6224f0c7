"""Workloads that are talked to: the real one, compiled here, and some that do not do as they should."""

import subprocess
import time
from pathlib import Path
from typing import IO

import pytest
from testinfra.backend.local import LocalBackend
from testinfra.host import Host

from minetlab.checks import programs
from minetlab.checks.programs import Program, running, send
from minetlab.checks.snapshots import parse_history
from minetlab.claims.measurements import LOADS
from minetlab.ssh.backend import BatchingBackend
from minetlab.util.paths import PROJECT_ROOT
from minetlab.util.process import PIPE, Process, start
from tests.support.fake_program import put_first_in_path

SOURCE = PROJECT_ROOT / "tp" / "emulation" / "home" / "calcul.c"


class HereBackend(LocalBackend):  # type: ignore[misc]
    """This machine, where commands can be started and talked to."""

    def start(self, command: str, stdin: IO[bytes] | int = PIPE) -> Process:
        return start(["sh", "-c", command], stdin=stdin, merge_errors=True)


@pytest.fixture
def here() -> Host:
    return Host(BatchingBackend(HereBackend("here"), ()))


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("workload") / "calcul"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE], check=True)
    return program


def test_the_workload_measures_each_load_when_it_is_asked_to(here: Host, workload: Path) -> None:
    with running("the workload", here, f"{workload} -") as program:
        times = {load: program.measure(load) for load in (*LOADS, *LOADS)}
    assert times.keys() == set(LOADS)
    assert all(0 < each < 1e6 for each in times.values())


def test_the_workload_counts_right(workload: Path) -> None:
    said = subprocess.run([workload], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.partition(" :")[0] for line in said] == [
        "1229 nombres premiers sous 10000", "1000 appels système", "64 pages de mémoire",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no such machine; exit 1", "it ended; it said last:\nno such machine"),
        ("exit 1", "it ended; it said last:\nnothing"),
        ("echo pret; echo panic", "it ended; it said last:\npret\npanic"),
        ("echo booting; sleep 60", "it did not answer within 1 s; it said last:\nbooting"),
        ("echo pret; while read -r order; do echo $order; done; sleep 60", "it did not answer within 1 s"),
        ("yes", "it prints without end; it said last:\ny\ny\ny\ny\ny"),
        ("exec cat /dev/zero", "it prints without end; it said last:\nnothing"),
        ("printf 'booting'", "it ended; it said last:\nbooting"),
    ],
)
def test_a_workload_that_does_not_answer_is_an_error_with_its_last_words(
    here: Host, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setattr(programs, "WORKLOAD_BOOT_LIMIT", 1.0)
    monkeypatch.setattr(programs, "WORKLOAD_ANSWER_LIMIT", 1.0)
    with pytest.raises(AssertionError) as failure, running("it", here, command) as program:
        program.measure("kernel")
    assert said in str(failure.value)


def test_a_workload_that_does_not_end_is_ended(here: Host) -> None:
    process = here.backend.start("echo pret; sleep 60")
    try:
        assert Program("it", process).boot < 60
    finally:
        process.kill()
    assert process.wait() != 0


def test_a_workload_is_ordered_to_end_and_ends_by_itself(here: Host, tmp_path: Path) -> None:
    script = f"echo pret; read -r order; echo $order >{tmp_path}/order; exit 0"
    with running("it", here, script) as program:
        assert program.boot >= 0
    assert (tmp_path / "order").read_text() == "fin\n"


def test_a_workload_that_has_ended_is_ordered_nothing(here: Host) -> None:
    process = here.backend.start("echo pret; exec true")
    program = Program("it", process)
    process.wait(10)
    program.end()
    assert process.returncode == 0


def test_only_the_last_lines_of_a_workload_are_shown(here: Host) -> None:
    process = here.backend.start("seq 9")
    with pytest.raises(AssertionError) as failure:
        Program("it", process)
    assert str(failure.value) == "it ended; it said last:\n5\n6\n7\n8\n9"
    process.wait(10)


def test_other_words_and_echoes_are_no_answer(here: Host) -> None:
    answers = "echo aaa 1; echo zzz 2; echo $order; echo noya 3; echo $order 4.5"
    with running(
        "it", here, f"echo boot 9; echo pret; while read -r order && [ $order != fin ]; do {answers}; done"
    ) as program:
        assert program.measure("kernel") == 4.5
        assert program.measure("memory") == 4.5


@pytest.mark.parametrize("missing", ["stdin", "stdout"])
def test_a_workload_needs_an_input_and_an_output(missing: str) -> None:
    inlet, outlet = (None if name == missing else subprocess.PIPE for name in ("stdin", "stdout"))
    process = subprocess.Popen(["true"], stdin=inlet, stdout=outlet)
    with pytest.raises(ValueError, match="have to be pipes"):
        Program("it", process)
    process.communicate()


def test_a_file_is_sent_as_it_is(here: Host, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    send(here, content, f"{tmp_path}/file")
    assert (tmp_path / "file").read_bytes() == content
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o755
    with pytest.raises(AssertionError, match=r"cannot write .*nowhere/file: status [12]"):
        send(here, content, f"{tmp_path}/nowhere/file")


@pytest.mark.parametrize(
    ("program", "problem"), [("yes", "it printed more than"), ("sleep 60", r"not done within 0\.5 s")]
)
def test_a_machine_cannot_keep_who_sends_a_file(
    here: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, problem: str
) -> None:
    """A student is root there, and may have ``cat`` do what they like: print without end, or wait."""
    monkeypatch.setattr(programs, "WORKLOAD_ANSWER_LIMIT", 0.5)
    put_first_in_path(tmp_path, "cat", f"exec {program} >&2", monkeypatch)
    began = time.monotonic()
    with pytest.raises(AssertionError, match=f"local: cannot write .*: {problem}"):
        send(here, b"x", f"{tmp_path}/file")
    assert time.monotonic() - began < 30


def test_a_history_is_read_from_a_console() -> None:
    history = parse_history("3 6\n1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n4\r\n5\r\n6\r\n")
    assert (history.taken, history.returned, history.past) == (3, 6, (6, 4))
    assert parse_history("3 6\n1\n2\n3\n4\n5\n6\n7").past is None
