"""Lines that machines run, over an ssh that has a shell of this machine run them."""

from io import BytesIO
from pathlib import Path

import pytest

from minetlab.ssh.run import NoAnswerError, run
from minetlab.ssh.ssh_config import CONNECTION_LOST
from minetlab.util.process import ProgramResult, TooMuchError
from tests.support.fake_program import put_first_in_path

CONFIG = Path("ssh_config")


@pytest.fixture(autouse=True)
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh that keeps its words, and has a shell run the last of them."""
    words = tmp_path / "words"
    script = f'echo "$@" >{words}\nfor line; do :; done\nexec sh -c "$line"'
    put_first_in_path(tmp_path, "ssh", script, monkeypatch)
    return words


def test_a_machine_runs_a_line_and_ssh_asks_for_nothing(ssh: Path) -> None:
    assert run(CONFIG, "hv1", "cat; echo wrong >&2; exit 3", 20, stdin="é") == ProgramResult(
        3, "é", "wrong\n"
    )
    assert ssh.read_text() == "-F ssh_config -o BatchMode=yes -- hv1 cat; echo wrong >&2; exit 3\n"


def test_errors_are_among_the_output_or_the_output_is_in_a_file() -> None:
    line, file = "echo out; echo wrong >&2", BytesIO()
    assert run(CONFIG, "hv1", line, 20, merge_errors=True) == ProgramResult(0, "out\nwrong\n", "")
    assert run(CONFIG, "hv1", line, 20, output_file=file) == ProgramResult(0, "", "wrong\n")
    assert file.getvalue() == b"out\n"


def test_a_line_is_bounded_in_time_and_output() -> None:
    with pytest.raises(NoAnswerError, match=r"^not done within 1 s$"):
        run(CONFIG, "hv1", "exec sleep 60", 1)
    with pytest.raises(TooMuchError, match="it printed more than 100000 bytes"):
        run(CONFIG, "hv1", "exec yes", 60, max_bytes=100_000)


@pytest.mark.parametrize(
    ("line", "reason", "output"),
    [
        ("echo got this far; echo Connection reset >&2; exit 255", "Connection reset", "got this far\n"),
        ("echo got this far; exit 255", "got this far", "got this far\n"),
        ("exit 255", CONNECTION_LOST, ""),
    ],
)
def test_an_ssh_that_fails_is_no_answer_and_says_why(line: str, reason: str, output: str) -> None:
    with pytest.raises(NoAnswerError) as raised:
        run(CONFIG, "hv1", line, 20)
    assert (str(raised.value), raised.value.output) == (reason, output)
