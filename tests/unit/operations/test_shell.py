"""Shell commands that several operations share, run as a host would run them."""

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand

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


def test_it_fails_where_virsh_was_ended_without_a_word(tmp_path: Path) -> None:
    done = run_by_a_host(shell.virsh_side_by_side([[["start", "a"]]]), "kill -KILL $$", tmp_path)
    assert done.returncode != 0
    assert "virsh ended with 137" in done.stderr


def test_a_text_is_written_as_it_is_with_its_folder_and_mode(tmp_path: Path) -> None:
    path, text = tmp_path / "a folder" / "it's.conf", "100 % $HOME\n'two'\n"
    command = shell.install_text(text, str(path))
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", command.get_raw_value()], check=True)
        assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (text, 0o644)
        path.chmod(0o600)
    assert list(path.parent.iterdir()) == [path]
    path = path.with_name("never")
    failing = shell.all_of(StringCommand("false"), shell.install_text(text, str(path)))
    assert subprocess.run(["/bin/sh", "-c", failing.get_raw_value()], check=False).returncode != 0
    assert not path.exists()


def test_words_of_virsh_are_quoted_and_its_command_is_not() -> None:
    command = shell.virsh("net-update", "a b", "c d", "--live")
    assert command.get_raw_value() == "virsh -q -c qemu:///system net-update 'a b' 'c d' --live"


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


def test_a_large_file_passes_through_no_folder_in_memory(tmp_path: Path) -> None:
    command = shell.upload(tmp_path / "image.tar.gz", "/srv/image.tar.gz")
    assert (command.src, command.dest) == (str(tmp_path / "image.tar.gz"), "/srv/image.tar.gz")
    assert command.remote_temp_filename == "/var/tmp/minet-lab-image.tar.gz"  # noqa: S108
