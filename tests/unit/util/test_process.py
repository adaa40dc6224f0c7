"""Programs that fail, do not end, do not stop printing, or are not there."""

import os
import sys
import time
from io import BytesIO
from pathlib import Path
from select import select

import pytest

from minetlab.util.errors import LabError
from minetlab.util.process import (
    MAX_ERRORS,
    PIPE,
    ProgramResult,
    TooMuchError,
    become,
    capture,
    end,
    own_age,
    run,
    run_attached,
    run_logged,
    running,
    start,
    tail,
)


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def test_a_program_that_succeeds_says_what_it_printed() -> None:
    assert run(shell('echo "$LC_ALL $WORD"; echo warning >&2'), env={"WORD": "é"}) == "C.UTF-8 é\n"


def test_a_program_that_fails_is_named_with_its_own_words() -> None:
    with pytest.raises(LabError, match="sh -c echo no room >&2; exit 3 failed with status 3: no room\n"):
        run(shell("echo no room >&2; exit 3"))


def test_a_quick_program_that_is_not_done_in_time_is_named() -> None:
    with pytest.raises(LabError, match="sleep did not end within 1 s"):
        run(["sleep", "60"], limit=1)


def test_a_quick_program_that_prints_without_end_is_named() -> None:
    with pytest.raises(LabError, match="yes: it printed more than 67108864 bytes"):
        run(["yes"])


def test_status_output_and_errors_are_apart_or_together() -> None:
    script = shell("echo out; echo wrong >&2; exit 3")
    assert capture(script, 20) == ProgramResult(3, "out\n", "wrong\n")
    assert capture(script, 20, merge_errors=True) == ProgramResult(3, "out\nwrong\n", "")


def test_a_program_that_a_signal_ends_has_its_number_for_a_status() -> None:
    assert capture(shell("kill -TERM $$"), 20).status == -15


def test_what_is_given_arrives_whole_also_where_as_much_comes_back() -> None:
    given = "é" * 300_000
    assert capture(["cat"], 60, stdin=given) == ProgramResult(0, given, "")
    assert capture(["true"], 20, stdin=given).status == 0


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert capture(shell(r"printf '\377'"), 20).output == "\ufffd"


def test_what_a_program_prints_goes_into_a_file_and_its_errors_are_returned() -> None:
    file = BytesIO()
    ended = capture(shell(r"printf '\000\377'; echo wrong >&2"), 20, output_file=file)
    assert (ended, file.getvalue()) == (ProgramResult(0, "", "wrong\n"), b"\x00\xff")


@pytest.mark.parametrize("script", ["exec sleep 60", "while :; do echo; sleep 0.1; done"])
def test_a_program_that_is_not_done_in_time_is_given_up(script: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="within 1 s"):
        capture(shell(script), 1)
    assert time.monotonic() - began < 30


def test_a_program_that_closes_its_output_and_goes_on_is_given_up() -> None:
    with pytest.raises(TimeoutError, match="no end within 1 s"):
        capture(shell("exec sleep 60 >&- 2>&-"), 1)


def test_a_program_that_goes_on_printing_is_stopped() -> None:
    with pytest.raises(TooMuchError, match="it printed more than 100000 bytes"):
        capture(["yes"], 60, max_bytes=100_000)


def test_of_many_errors_the_first_are_kept() -> None:
    ended = capture(shell(f"echo first >&2; head -c {2 * MAX_ERRORS} /dev/zero >&2"), 60)
    assert len(ended.errors) == MAX_ERRORS
    assert ended.errors.startswith("first\n")


def test_a_program_in_a_folder() -> None:
    assert capture(["pwd"], 20, cwd=Path("/usr")).output == "/usr\n"


def test_a_program_that_is_talked_to() -> None:
    with start(["cat"], stdin=PIPE) as cat:
        assert cat.communicate(b"word\n", timeout=20) == (b"word\n", b"")


def test_a_program_ends_by_itself_or_is_killed() -> None:
    with start(["sleep", "60"]) as sleeping, start(["true"]) as done:
        end(sleeping)
        end(done, grace=20)
    assert (sleeping.returncode, done.returncode) == (-9, 0)


def test_a_program_of_ours_ends_with_the_block(tmp_path: Path) -> None:
    with running(shell("echo begun; exec sleep 60"), tmp_path / "log") as process:
        while "begun" not in (tmp_path / "log").read_text():
            time.sleep(0.01)
        assert process.poll() is None
    assert process.returncode == -15


def test_a_program_that_has_our_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_attached(shell('echo "$WORD"; exit 3'), env={"WORD": "é"}) == 3
    assert capfd.readouterr().out == "é\n"


def test_ctrl_c_leaves_a_program_that_has_our_terminal_time_to_clean_up(tmp_path: Path) -> None:
    """The terminal interrupts both; so does the signal to the group here."""
    cleaned, begun, waits = (tmp_path / name for name in ("cleaned", "begun", "waits"))
    script = f"trap 'sleep 0.5; touch {cleaned}; exit' INT; touch {begun}; while :; do sleep 0.1; done"
    program = f"""
import pathlib, signal, subprocess
from minetlab.util.process import run_attached

class Observed(subprocess.Popen):
    def wait(self, timeout=None):
        pathlib.Path({str(waits)!r}).touch()
        return super().wait(timeout)

subprocess.Popen = Observed
# Whoever starts the tests in the background may have them ignore the signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
run_attached(["sh", "-c", {script!r}])
"""
    with running([sys.executable, "-c", program], tmp_path / "log") as process:
        while not (begun.exists() and waits.exists()):
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        os.killpg(process.pid, 2)
        process.wait(20)
    assert cleaned.exists()
    assert "KeyboardInterrupt" in (tmp_path / "log").read_text()


def test_a_process_becomes_a_program(tmp_path: Path) -> None:
    program = "from minetlab.util.process import become; become(['sh', '-c', 'echo $PPID'])"
    assert run([sys.executable, "-c", program]) == f"{os.getpid()}\n"


def test_a_failed_program_shows_the_end_of_its_output(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"building failed \(status 3\)(?s:.)*line 30\n") as caught:
        run_logged(["sh", "-c", "seq -f 'line %g' 30; exit 3"], tmp_path / "log", "building", print)
    assert "line 11" in caught.value.problem
    assert "line 10\n" not in caught.value.problem


def test_a_program_over_its_limit_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(LabError, match="did not end within"):
        run_logged(["sh", "-c", f"(sleep 1; touch {mark}) & wait"], tmp_path / "log", "x", print, limit=0.1)
    time.sleep(1.2)
    assert not mark.exists()


def test_a_program_that_is_given_up_is_ended_with_its_children(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as reader:
        with pytest.raises(TimeoutError):
            capture(shell(f"(echo begun; exec sleep 60) >{pipe} & wait"), 0.5)
        assert reader.read(100) == b"begun\n"
        # The end of the pipe comes when nobody has it open for writing any more.
        assert select([reader], [], [], 20)[0]
        assert reader.read(100) == b""


@pytest.mark.parametrize("how", [run, run_attached, become, start, lambda words: capture(words, 1)])
def test_a_missing_program_is_named(how) -> None:
    with pytest.raises(LabError, match="no-such-program is not installed"):
        how(["no-such-program"])


def test_tail_shows_no_control_characters(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"old\r\n\x1b[1mnew\x1b[0m\xff\x1b[2J\ta\r\n\n")
    assert tail(log, lines=1) == "    new\ufffd␛[2J\ta"


def test_the_age_of_this_process_is_what_ps_says_of_it() -> None:
    before, seen, after = own_age(), run(["ps", "-o", "etimes=", "-p", str(os.getpid())]), own_age()
    assert before - 1 <= int(seen) <= after
