"""Connections to machines: real shells of this machine, an ssh that cannot connect, and recorded answers."""

import time
from pathlib import Path
from typing import Any

import pytest
from testinfra.backend.base import CommandResult
from testinfra.backend.local import LocalBackend

from minetlab.checks.modules import Reader, capabilities
from minetlab.ssh import backend
from minetlab.ssh.backend import BatchingBackend, LabSshBackend, UnreachableError, Utf8, connect
from tests.support.fake_program import put_first_in_path


class CountingBackend(Utf8, LocalBackend):  # type: ignore[misc]
    """This machine's own shell, and what it was asked to run."""

    def __init__(self) -> None:
        super().__init__("local")
        self.asked: list[str] = []

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        self.asked.append(self.quote(command, *args))
        return super().run(command, *args, **kwargs)


def test_a_batch_is_one_round_trip_and_answers_as_its_commands_would() -> None:
    commands = (
        "printf 'a\\nb\\n'",
        "true",
        "echo 'it''s \"quoted\" $HOME %s'",
        "echo é",
        "echo to-stderr >&2",
    )
    inner = CountingBackend()
    host = connect(inner, commands)
    for command in commands:
        batched, direct = host.run(command), LocalBackend().run(command)
        assert (batched.rc, batched.stdout.rstrip("\n")) == (0, direct.stdout.rstrip("\n"))
    assert len(inner.asked) == 1


def test_a_command_of_a_batch_that_fails_says_why_and_spares_the_others() -> None:
    inner = CountingBackend()
    host = connect(inner, ("echo one", "ls /nonexistent", "exit 3", "echo two"))
    assert host.run("echo two").stdout.strip() == "two"
    failed = host.run("ls /nonexistent")
    assert failed.rc == 2
    assert "/nonexistent" in failed.stderr
    assert host.run("exit 3").rc == 3
    assert len(inner.asked) == 3


def test_a_command_of_no_batch_runs_every_time() -> None:
    inner = CountingBackend()
    host = connect(inner, ("echo one",))
    assert host.run("echo %s", "other; echo two").stdout == "other; echo two\n"
    host.run("echo %s", "other; echo two")
    assert len(inner.asked) == 2


def test_commands_can_be_put_together_later() -> None:
    inner = CountingBackend()
    host = connect(inner)
    assert isinstance(host.backend, BatchingBackend)
    for command, said in {"echo one": "one\n", "echo two": "two\n"}.items():
        host.backend.add_batch(["echo one", "echo two"])  # as each of several checks does
        assert host.run(command).stdout == said
    assert len(inner.asked) == 1


def test_a_command_gets_a_terminal_only_if_it_is_to_have_one(tmp_path: Path, monkeypatch) -> None:
    put_first_in_path(tmp_path, "ssh", 'echo "$1"', monkeypatch)
    host = connect(LabSshBackend("hv1", tmp_path / "config", sudo=False, next_step=""))
    assert host.run("true", terminal=True).stdout == "-tt\n"
    with host.backend.start("true") as process:
        assert process.communicate(timeout=20) == (b"-o\n", None)
    assert host.run("true").stdout == "-o\n"


def ssh_to(tmp_path: Path, options: str) -> LabSshBackend:
    config = tmp_path / "config"
    config.write_text(f"Host hv1\n  HostName 127.0.0.1\n  {options}\n")
    return LabSshBackend("hv1", config, sudo=False, next_step="see whether it runs")


def test_a_machine_that_does_not_answer_is_named_with_ssh_s_reason_and_tried_once(tmp_path: Path) -> None:
    backend = ssh_to(tmp_path, "Port 1")
    with pytest.raises(UnreachableError, match=r"(?s)hv1 cannot be reached.*refused.*→ see whether it runs"):
        backend.run("true")
    (tmp_path / "config").unlink()
    with pytest.raises(UnreachableError, match="refused"):
        backend.run("true")


def test_a_machine_that_prints_too_much_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_first_in_path(tmp_path, "ssh", 'for last; do :; done; exec sh -c "$last"', monkeypatch)
    config = tmp_path / "config"
    host = connect(LabSshBackend("minet-bob", config, sudo=False, next_step="", max_bytes=1000))
    assert host.run("head -c 1000 /dev/zero").rc == 0
    with pytest.raises(UnreachableError, match=r"minet-bob .*: it printed more than 1000 bytes"):
        host.run("cat /dev/zero")


@pytest.mark.parametrize("limit", [0.3, 0.6])
def test_a_machine_that_hangs_is_given_up_after_the_limit_of_the_command(
    tmp_path: Path, limit: float
) -> None:
    host = connect(ssh_to(tmp_path, "ProxyCommand sleep 60"))
    with pytest.raises(UnreachableError, match=f"hv1 cannot be reached over SSH: no answer within {limit} s"):
        host.run("true", limit=limit)


def test_a_command_that_goes_on_printing_is_not_given_up_before_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_first_in_path(tmp_path, "ssh", 'for last; do :; done; exec sh -c "$last"', monkeypatch)
    host = connect(ssh_to(tmp_path, ""))
    printed = host.run("for i in 1 2 3 4 5 6; do echo $i; echo $i >&2; sleep 0.4; done; exit 3", limit=2)
    assert (printed.stdout, printed.stderr, printed.rc) == ("1\n2\n3\n4\n5\n6\n",) * 2 + (3,)
    monkeypatch.setattr(backend, "TOTAL_LIMIT_FACTOR", 1)
    with pytest.raises(UnreachableError, match=r"not done within 0\.5 s"):
        host.run("while :; do echo; sleep 0.1; done", limit=0.5)


def test_what_is_no_utf8_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_first_in_path(tmp_path, "ssh", 'for last; do :; done; exec sh -c "$last"', monkeypatch)
    host = connect(ssh_to(tmp_path, ""), ["printf '\\303\\251\\377'"])
    assert host.run("printf '\\303\\251\\377'").stdout == "é\ufffd"
    assert host.run("printf '\\377' >&2; exit 1").stderr == "\ufffd"


def test_a_failing_command_names_machine_command_and_reason() -> None:
    host = connect(CountingBackend())
    with pytest.raises(AssertionError, match=r"local.*: `cat /sys/module/none/parameters/x` failed with 1"):
        Reader.on(host).read("cat /sys/module/none/parameters/x")


def test_a_capability_without_a_name_is_still_one() -> None:
    assert capabilities("0") == set()
    assert capabilities("8000000000000001") == {"CHOWN", "63"}


def test_a_mask_of_a_million_digits_is_none() -> None:
    began = time.monotonic()
    with pytest.raises(ValueError, match="524288 digits are too many"):
        capabilities("f" * 2**19)
    assert time.monotonic() - began < 1


def test_all_batches_are_fetched_beforehand() -> None:
    inner = CountingBackend()
    host = connect(inner, ["echo one", "echo two"], ["echo three"])
    host.backend.fetch()
    assert len(inner.asked) == 2
    assert [host.run(f"echo {each}").stdout.strip() for each in ("two", "three")] == ["two", "three"]
    assert len(inner.asked) == 2


class LyingBackend(CountingBackend):
    """A machine that answers whatever it is asked with the same bytes."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        return self.result(0, command.encode(), self.answer, b"")


def test_an_answer_without_an_end_is_read_in_no_time() -> None:
    """A regular expression that looks for the end of each answer would look at each byte again and again."""
    host = connect(LyingBackend(b"x" * 2**19), ["echo one"])
    began = time.monotonic()
    host.backend.fetch()
    assert host.run("echo one").stdout == "x" * 2**19
    assert time.monotonic() - began < 5


def test_what_is_noted_can_be_shown_and_has_an_end() -> None:
    host = connect(LyingBackend(b"\x1b[2Jgood" * 10), max_noted=9)
    assert Reader.on(host).read("uname") == "\x1b[2Jgood" * 10
    assert host.backend.transcript == [("local", "uname", "␛[2Jgood␛… (71 more characters)")]


def test_why_a_machine_cannot_be_reached_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_first_in_path(tmp_path, "ssh", "printf 'a\\nb\\033[2J%0999d\\n' 1 >&2; exit 255", monkeypatch)
    with pytest.raises(UnreachableError) as refused:
        ssh_to(tmp_path, "").run("true")
    assert str(refused.value) == f"hv1 cannot be reached over SSH: b␛[2J{'0' * 295}…\n  → see whether it runs"


class SilentBackend(CountingBackend):
    """A machine that cannot be reached."""

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        super().run("true")
        raise UnreachableError("no route")


def test_a_machine_that_is_silent_beforehand_says_so_when_it_is_asked() -> None:
    inner = SilentBackend()
    host = connect(inner, ["echo one"], ["echo two"])
    host.backend.fetch()
    assert len(inner.asked) == 1, "it was tried again for each batch"
    with pytest.raises(UnreachableError):
        host.run("echo one")
