"""Shell commands that several operations share, run as a host would run them."""

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from minetlab.operations import shell
from tests.support.fake_host import run_by_a_host


@pytest.mark.parametrize("number", [1, 3, 50])
def test_virsh_is_told_words_and_not_what_a_shell_makes_of_them(number: int, tmp_path: Path) -> None:
    words = ["define", "/a b/it's.xml", '$(id) "', "$*"]
    things = [([*words, str(each)], ["start", str(each)]) for each in range(number)]
    command = shell.virsh_side_by_side(things)
    done = run_by_a_host(command, 'printf "%s" "$4" >"${0%/*}/said-$$"', tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    told = [re.split("; ?", path.read_text()) for path in tmp_path.glob("said-*")]
    assert len(told) <= 4 * (os.cpu_count() or 1)
    steps = sorted((shlex.split(each) for some in told for each in some), key=lambda step: int(step[-1]))
    assert steps == [step for thing in things for step in thing]


def test_it_fails_by_what_virsh_says_also_where_its_last_command_succeeds(tmp_path: Path) -> None:
    command = shell.virsh_side_by_side([[["start", "a"], ["list"]]])
    done = run_by_a_host(command, "echo error: no such domain >&2", tmp_path)
    assert done.returncode != 0
    assert done.stderr == "error: no such domain\n"


def test_files_are_received_whole_and_only_for_root(tmp_path: Path) -> None:
    for folder in ("disks", "specs"):
        (tmp_path / folder).mkdir()
    files = {f"disks/s{number}.iso": bytes([number]) * 5000 for number in range(40)} | {
        "specs/a.xml": b"<a/>"
    }
    command = shell.install_private_files(files, str(tmp_path))
    sent = str(command.connector_arguments["_stdin"]).encode()
    script = command.get_raw_value()
    subprocess.run(["/bin/sh", "-c", script], input=sent, check=True)
    there = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in there.items()} == files
    assert {stat.S_IMODE(path.stat().st_mode) for path in there.values()} == {0o600}
    for path in there.values():
        path.unlink()
    assert subprocess.run(["/bin/sh", "-c", script], input=sent[:400], check=False).returncode != 0
    assert not [path for path in tmp_path.glob("[ds]*/*") if path.is_file()]
