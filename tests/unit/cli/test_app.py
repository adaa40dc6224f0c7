"""The command line answers at once: what a command does is imported when it is called, and not before."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.core
import typer.main

from minetlab.cli.app import app

# What typer shows help with (rich looks whether attr is there), what it reads a command's options with,
# and beginnings of what each start of Python imports (Debian's own has a sitecustomize).
TO_SHOW = {"typer", "rich", "attr", "markdown_it", "mdurl", "pygments", "annotated_doc", "shellingham"}
TO_READ = {"pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions"}
TO_START = (
    *("__main__", "_distutils_hack", "__editable__", "_sysconfigdata", "sitecustomize", "usercustomize"),
    "minetlab",
)
# Of ours, the declarations and what is in them.
OURS = {
    "minetlab",
    *(
        f"minetlab.cli{name}"
        for name in ("", ".app", ".completion", ".options", ".project_commands", ".student_commands")
    ),
    *(f"minetlab.{name}" for name in ("handouts", "handouts.words", "inventory", "inventory.hosts")),
    *(
        f"minetlab.util{name}"
        for name in ("", ".errors", ".files", ".limits", ".process", ".progress", ".text")
    ),
}
SAID = """
import json, sys
sys.argv[0] = "lab"
from minetlab.cli import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def commands(group: typer.core.TyperGroup, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command, after the words that it is called by."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        yield (*path, name), command
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *path, name)


def imported(*words: str, **environment: str) -> tuple[str, set[str]]:
    """What a fresh interpreter prints for ``lab`` with these words, and the modules it has then."""
    done = subprocess.run(
        [sys.executable, "-c", SAID, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin:/bin", "TERM": "dumb", **environment},
    )
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


def others_than(few: set[str], modules: set[str]) -> set[str]:
    """Those modules of other projects that are not of these few, and those of ours that do something."""
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    theirs = {name for name in tops if not name.startswith(TO_START)}
    return (theirs - few) | ({name for name in modules if name.startswith("minetlab")} - OURS)


WAIT = """
import sys
from minetlab.cli import app, main
from minetlab.util.process import capture

@app.command()
def wait():
    try:
        print("begun", flush=True)
        capture(["sleep", "60"], limit=60)
    finally:
        print("cleared up")

sys.argv = ["lab", "wait"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_ended_clears_up(number: signal.Signals) -> None:
    # Whoever runs the tests may ignore it.
    heeded = f"import signal; signal.signal({number}, signal.SIG_DFL)\n"
    command = [sys.executable, "-c", heeded + WAIT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout
        assert waiting.stdout.readline() == "begun\n"
        waiting.send_signal(number)
        assert waiting.stdout.read() == "cleared up\n"
    assert waiting.returncode == 128 + number


def test_who_was_started_by_nohup_goes_on() -> None:
    command = ["nohup", sys.executable, "-c", WAIT.replace('"60"', '"1"')]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout
        assert waiting.stdout.readline() == "begun\n"
        waiting.send_signal(signal.SIGHUP)
        assert waiting.stdout.read() == "cleared up\n"
    assert waiting.returncode == 0


def test_help_imports_nothing_of_what_commands_do() -> None:
    said, modules = imported("--help")
    assert "Usage: lab [OPTIONS] COMMAND" in said
    assert not others_than(TO_SHOW, modules)


def test_nor_does_that_of_a_command() -> None:
    said, modules = imported("status", "--help")
    assert "Usage: lab status [OPTIONS]" in said
    assert not others_than(TO_SHOW | TO_READ, modules)


def test_nor_does_completion() -> None:
    said, modules = imported(_LAB_COMPLETE="complete_bash", COMP_WORDS="./lab re", COMP_CWORD="1")
    assert said.split() == ["report", "remove", "reset", "revert"]
    assert not others_than(TO_SHOW | TO_READ, modules)


def test_every_command_says_what_it_does() -> None:
    helps = {path: command.help for path, command in commands(typer.main.get_group(app))}
    assert {("up",), ("exec",), ("sandbox",), ("sandbox", "ls"), ("sandbox", "ssh")} <= helps.keys()
    assert all(helps.values()), helps


@pytest.mark.parametrize("path", [("ssh",), ("sandbox", "ssh")])
def test_options_of_a_command_for_a_machine_are_that_commands(path: tuple[str, ...]) -> None:
    command = dict(commands(typer.main.get_group(app)))[path]
    given = command.make_context("ssh", ["alice", "grep", "-i", "foo"], resilient_parsing=True).params
    assert given["command"] == ["grep", "-i", "foo"]
