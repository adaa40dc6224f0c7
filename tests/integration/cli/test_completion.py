"""Completion as an administrator meets it: installed by the command itself, and used at a bash's prompt."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minetlab.util.paths import PROJECT_ROOT

LIMIT = 60
PROMPT = "what next? "
ANOTHER_LINE = "\x15"  # Ctrl-U: what has been typed goes


class Terminal:
    """A bash at a terminal, in the project's folder."""

    def __init__(self, home: Path) -> None:
        self._ours, theirs = pty.openpty()
        environment = {"HOME": str(home), "TERM": "dumb", "PATH": "/usr/bin:/bin"}
        self.shell = subprocess.Popen(
            ["setsid", "--ctty", "bash", "--noprofile", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            cwd=PROJECT_ROOT,
        )
        os.close(theirs)
        self.said = ""

    def type(self, keys: str) -> None:
        """Press these keys; what has been said before does not count any more."""
        self.said = ""
        os.write(self._ours, keys.encode())

    def until(self, words: str) -> None:
        """Wait until these words are on the terminal."""
        deadline = time.monotonic() + LIMIT
        while words not in self.said:
            ready, _, _ = select.select([self._ours], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{words!r} is not in {self.said!r}"
            self.said += os.read(self._ours, 4096).decode(errors="replace")

    def close(self) -> None:
        self.shell.kill()
        self.shell.wait()
        os.close(self._ours)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One where completion has been installed."""
    home = tmp_path_factory.mktemp("home")
    (home / ".bashrc").write_text(f"PS1='{PROMPT}'\n")
    (home / ".inputrc").write_text("set enable-bracketed-paste off\n")
    opened = Terminal(home)
    try:
        opened.until(PROMPT)
        opened.type("./lab --install-completion\n")
        opened.until("bash completion installed in")
        opened.until(PROMPT)
        opened.type("exec bash --noprofile -i\n")
        opened.until(PROMPT)
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("./lab veri", "./lab verify "),
        ("./lab sandbox l", "./lab sandbox ls "),
        ("./lab verify --cl", "./lab verify --claim "),
        ("./lab verify --claim C1", "./lab verify --claim C1"),
        ("./lab cards --language f", "./lab cards --language fr "),
        ("./lab reset al", "./lab reset alice "),
        ("./lab ssh minet-alice-", "./lab ssh minet-alice-processus "),
        ("./lab ssh ct", "./lab ssh ct1 "),
        ("./lab console minet-b", "./lab console minet-bob "),
        ("./lab exec --containers p", "./lab exec --containers processus "),
        ("./lab check -i inventories/cou", "./lab check -i inventories/course.py "),
    ],
)
def test_tab_completes(terminal: Terminal, typed: str, completed: str) -> None:
    terminal.type(f"{ANOTHER_LINE}{typed}\t")
    terminal.until(completed)


def test_two_tabs_show_the_choice(terminal: Terminal) -> None:
    terminal.type(f"{ANOTHER_LINE}./lab re\t\t")
    terminal.until("remove")
    for name in ("report", "reset", "revert"):
        assert name in terminal.said


def test_an_inventory_that_cannot_be_read_completes_nothing_and_says_nothing(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("kvm_hosts = [\n")
    words = f"./lab reset -i {wrong} "
    done = subprocess.run(
        [str(PROJECT_ROOT / "lab")],
        env={**os.environ, "COMP_WORDS": words, "COMP_CWORD": "4", "_LAB_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
