"""Lines that machines run: their status, what they print, and those that do not end or do not stop."""

import time
from pathlib import Path

import pytest

from minetlab.ssh.run import Ended, TooMuchError, run

CONFIG = Path("ssh_config")


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh that has a shell of this machine run the line, as the last of its arguments."""
    program = tmp_path / "ssh"
    program.write_text('#!/bin/sh\nfor line; do :; done\nexec sh -c "$line"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def test_status_output_and_errors_are_apart_or_together() -> None:
    line = "echo out; echo wrong >&2; exit 3"
    assert run(CONFIG, "hv1", line, 20) == Ended(3, "out\n", "wrong\n")
    assert run(CONFIG, "hv1", line, 20, together=True) == Ended(3, "out\nwrong\n", "")


def test_what_is_given_arrives_whole_also_where_as_much_comes_back() -> None:
    given = "é" * 300_000
    assert run(CONFIG, "hv1", "cat", 60, given=given) == Ended(0, given, "")
    assert run(CONFIG, "hv1", "true", 20, given=given).status == 0


def test_what_is_no_text_is_read_all_the_same() -> None:
    assert run(CONFIG, "hv1", r"printf '\377'", 20).output == "\ufffd"


@pytest.mark.parametrize("line", ["exec sleep 60", "while :; do echo; sleep 0.1; done"])
def test_a_line_that_is_not_done_in_time_is_given_up(line: str) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="within 1 s"):
        run(CONFIG, "hv1", line, 1)
    assert time.monotonic() - began < 30


def test_a_machine_that_goes_on_printing_is_stopped() -> None:
    with pytest.raises(TooMuchError, match="it printed more than 100000 bytes"):
        run(CONFIG, "hv1", "exec yes", 60, most=100_000)
