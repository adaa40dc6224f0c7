"""Sheets of the practical work: what is read of them, run, and compared."""

import subprocess

import pytest

from minetlab.tp.sheet import Step, claims, outputs, script, steps

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
