"""Twelve thousand hostile answers, consoles and archives do no harm to who reads them."""

import re
import subprocess
import sys
from random import Random

import pytest

from minetlab.util.paths import PROJECT_ROOT
from tests.e2e.slowness import slowness
from tests.fuzz import run_cases
from tests.fuzz.consumers import CONSUMERS

CASES = 12_000
MOST_MEMORY = 200
"""MiB, of which the program with its modules takes half before the first case."""
SECONDS = 120
"""For a case; the longest took a second."""


def test_hostile_answers_do_no_harm_to_who_reads_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run_cases", "0", str(CASES), str(int(SECONDS * slowness()))],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=3600 * slowness(),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (cases, wrong, memory) = map(int, re.findall(r"\d+", done.stdout.splitlines()[-1]))
    assert (cases, wrong) == (CASES, 0)
    assert memory <= MOST_MEMORY


@pytest.mark.parametrize(
    ("shown", "problem"), [("\x1b[2J", "it shows '\\x1b'"), ("two\nlines", ""), ("\u202e", "it shows")]
)
def test_what_would_control_a_terminal_is_wrong(
    monkeypatch: pytest.MonkeyPatch, shown: str, problem: str
) -> None:
    monkeypatch.setitem(CONSUMERS, "check", lambda _: shown)  # type: ignore[arg-type]
    assert problem in run_cases.run(0)
    assert bool(run_cases.run(0)) == bool(problem)


def test_what_is_raised_or_does_not_end_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: Random) -> str:
        while True:
            pass

    monkeypatch.setitem(CONSUMERS, "check", lambda _: 1 / 0)  # type: ignore[arg-type]
    assert "ZeroDivisionError" in run_cases.run(0)
    monkeypatch.setitem(CONSUMERS, "check", endless)  # type: ignore[arg-type]
    assert run_cases.main(0, 1, seconds=1) == 1
