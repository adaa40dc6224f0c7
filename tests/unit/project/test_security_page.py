"""The page on security names tests that there are, and shows what was measured."""

import re

import pytest

from minetlab.util.paths import PROJECT_ROOT

PAGE = (PROJECT_ROOT / "docs" / "security.md").read_text()
TEST_FILES = [*(PROJECT_ROOT / "tests").rglob("*.py")]
PROMISES = PAGE.partition("## What is promised")[2].partition("\n## ")[0]
# A file of tests, or a folder of them; and words of the names of some of its tests.
TESTS = set(re.findall(r"`(tests/[\w/.]+|test_\w+\.py)`(?:: ([a-z_]+(?:, [a-z_]+)*))?", PROMISES))


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if "`test" not in row.rstrip("| ").rpartition("|")[2]] == []


@pytest.mark.parametrize(("file", "words"), sorted(TESTS))
def test_it_is_there(file: str, words: str) -> None:
    files = [path for path in TEST_FILES if f"/{file}/" in f"{path}/" or path.name == file]
    assert files
    names = " ".join(re.findall(r"def test_\w+", "".join(path.read_text() for path in files)))
    assert [word for word in words.split(", ") if word not in names] == []


def test_the_table_of_what_neighbours_notice_is_the_measured_one() -> None:
    measured = (PROJECT_ROOT / "docs" / "benchmarks.md").read_text().partition("(`neighbours`)")[2]
    rows = [line for line in measured.partition("\n## ")[0].splitlines() if line.startswith("|")]
    assert len(rows) > 8
    assert "\n".join(rows) in PAGE
