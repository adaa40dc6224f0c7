"""Sheets of the practical work: what is read of them, run, and compared."""

import re
import subprocess
import time

import pytest
from hypothesis import given, strategies as st

from minetlab.tp.sheet import Step, claims, outputs, script, steps
from minetlab.tp.tp_images import TP_FOLDER

SHEET = """# TP

Du texte, et `du code`.

```console
$ uname -s
Linux
$ cd /usr
```

```python
$ not a command
```

```console C16 C01
$ pwd; printf 'a\\nb\\n'; echo c >&2
/…r
…
c
```
"""


def run(markdown: str) -> dict[str, str]:
    """Each command to what it printed, in a real shell."""
    commands = steps(markdown)
    done = subprocess.run(["bash"], input=script(commands), capture_output=True, text=True, check=False)
    return {step.command: printed for step, printed in outputs(done.stdout, commands).items()}


def test_commands_and_what_they_print_are_read_with_their_lines() -> None:
    assert steps(SHEET) == (
        Step(6, "uname -s", ("Linux",)),
        Step(8, "cd /usr"),
        Step(16, "pwd; printf 'a\\nb\\n'; echo c >&2", ("/…r", "…", "c"), ("C16", "C01")),
    )
    assert claims(steps(SHEET)) == ("C01", "C16")


def test_output_without_a_command_is_refused_with_its_line() -> None:
    with pytest.raises(ValueError, match="line 2"):
        steps("```console\nLinux\n```\n")


def test_commands_share_one_shell_and_all_they_print_is_theirs() -> None:
    printed = run(SHEET)
    assert printed == {
        "uname -s": "Linux\n",
        "cd /usr": "",
        "pwd; printf 'a\\nb\\n'; echo c >&2": "/usr\na\nb\nc\n",
    }
    assert all(step.shows(printed[step.command]) for step in steps(SHEET))


def test_a_command_that_the_shell_cannot_parse_does_not_stop_the_others() -> None:
    printed = run("```console\n$ echo 'open\n$ cat\n$ echo on\non\n```\n")
    assert printed["cat"] == ""
    assert printed["echo on"] == "on\n"


def test_commands_after_the_death_of_the_shell_have_no_output() -> None:
    assert run("```console\n$ echo a\na\n$ exit 3\n$ echo b\nb\n```\n") == {"echo a": "a\n"}


@pytest.mark.parametrize(
    ("says", "printed"),
    [
        (("a",), "a\n"),
        (("a",), "a"),
        (("a",), "a \n"),
        ((), ""),
        (("a…c",), "a b c\n"),
        (("a.c",), "a.c\n"),
        (("…",), ""),
        (("a", "…", "z"), "a\nz\n"),
        (("a", "…", "z"), "a\nb\n\nz\n"),
    ],
)
def test_it_shows_what_the_sheet_says(says: tuple[str, ...], printed: str) -> None:
    assert Step(1, "", says).shows(printed)


@pytest.mark.parametrize(
    ("says", "printed"),
    [
        ((), "a\n"),
        (("a",), ""),
        (("a",), "a\nb\n"),
        (("a.c",), "abc\n"),
        (("a…c",), "a b\nc\n"),
        (("a", "…", "z"), "a\nz\nb\n"),
    ],
)
def test_it_shows_something_else(says: tuple[str, ...], printed: str) -> None:
    assert not Step(1, "", says).shows(printed)


@pytest.mark.parametrize(
    ("says", "printed"),
    [
        (("…a…b…c",), "ab" * 2**18),
        (("…", "a", "…", "b", "…", "c"), "a\nb\n" * 2**17),
        (("…", "…a…", "b", "…", "…a…", "c"), "a\nb\n" * 2**17),
    ],
)
def test_whatever_is_printed_is_compared_in_no_time(says: tuple[str, ...], printed: str) -> None:
    began = time.monotonic()
    assert not Step(1, "", says).shows(printed)
    assert time.monotonic() - began < 10


def _pattern(line: str) -> str:
    return r"(?:.*\n)*" if line.strip() == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n"


@given(
    says=st.lists(st.text("ab…", max_size=4), max_size=5),
    lines=st.lists(st.text("ab", max_size=4), max_size=6),
)
def test_ellipses_stand_for_what_a_regular_expression_would_find(says: list[str], lines: list[str]) -> None:
    found = re.fullmatch("".join(map(_pattern, says)), "".join(f"{line}\n" for line in lines))
    assert Step(1, "", tuple(says)).shows("\n".join([*lines, ""])) == bool(found)


PROSE = """Lisez-le (`$ less test.sh`), puis `$ sudo time
nano /etc/motd`, et essayez `./autre 8` ou `$ ./autre 8`.

```console
$ echo '`$ not prose`'
`$ not prose`
```
"""


def test_a_command_in_the_prose_is_not_run_but_could_be(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "test.sh").touch()
    commands = steps(PROSE)
    assert [(step.line, step.command, step.in_prose) for step in commands] == [
        (1, "less test.sh", True),
        (1, "sudo time nano /etc/motd", True),
        (2, "./autre 8", True),
        (5, "echo '`$ not prose`'", False),
    ]
    (tmp_path / "bin").mkdir()
    for program in ("less", "cat"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    done = subprocess.run(["/bin/bash"], input=script(commands), capture_output=True, text=True, check=False)
    printed = [outputs(done.stdout, commands)[step] for step in commands]
    assert printed[:3] == ["", "no program nano\n", "no program ./autre\n"]
    assert [step.shows(text) for step, text in zip(commands, printed, strict=True)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_file_that_is_to_be_read_and_is_not_there_is_named() -> None:
    assert run("`$ cat nothing /etc/passwd`") == {"cat nothing /etc/passwd": "no file nothing\n"}


@pytest.mark.parametrize("file", sorted(TP_FOLDER.glob("*/fiche.md")), ids=lambda file: file.parent.name)
def test_what_a_sheet_asks_to_open_in_its_prose_is_marked_as_typed(file) -> None:
    """Such programs wait for keys, so that they stand in no console block."""
    assert re.findall(r"`((?:less|more|man|nano|vi|vim|time) [^`]*)`", file.read_text()) == []
