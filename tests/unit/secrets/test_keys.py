import stat
import subprocess
import sys

import pytest

from minetlab.lab import Student
from minetlab.secrets import keys


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    pair = keys.student_key("course", "alice")
    assert stat.S_IMODE(pair.private.stat().st_mode) == 0o600
    assert keys.student_key("course", "alice") == pair
    assert keys.student_key("course", "bob").public != pair.public
    assert keys.student_key("other", "alice").public != pair.public
    assert sorted(path.name for path in pair.private.parent.iterdir()) == [
        "alice",
        "alice.pub",
        "bob",
        "bob.pub",
    ]


def test_a_students_own_key_is_used_and_none_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    own = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJbL2fV0nEwVbXqf4oXQp0nbDq3xGkq1fYk0yXk2aBcD"
    assert keys.student_public_key("course", Student(login="alice", name="Alice", ssh_key=own)) == own
    assert list(tmp_path.iterdir()) == []


KINDS = [keys.of_lab, lambda lab: keys.of_student(lab, "alice")]


@pytest.mark.parametrize("key_of", KINDS)
def test_a_key_is_replaced_in_two_steps_each_of_which_can_be_taken_again(key_of, tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    key = key_of("course")
    old = key.current.public
    assert key.accepted == (old,)
    new = key.next
    assert key.next == new
    assert stat.S_IMODE(new.private.stat().st_mode) == 0o600
    assert key.accepted == (old, new.public)
    assert key.current.public == old
    private = new.private.read_text()
    for _ in range(2):
        key.replace()
        assert key.accepted == (new.public,)
        assert key.current.private.read_text() == private
        assert key.revoked == old
    modes = {stat.S_IMODE(path.stat().st_mode) for path in new.private.parent.iterdir()}
    assert modes <= {0o600, 0o644}
    assert stat.S_IMODE(key.current.private.stat().st_mode) == 0o600
    key.forget_revoked()
    assert key.revoked is None
    assert {path.name for path in new.private.parent.iterdir()} == {key.file.name, f"{key.file.name}.pub"}


@pytest.mark.parametrize("key_of", KINDS)
def test_a_replacement_that_was_interrupted_is_ended(key_of, tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    key = key_of("course")
    old, new = key.current.public, key.next
    private, public = new.private.read_text(), new.private.with_name(f"{new.private.name}.pub")
    key.file.with_name(f"{key.file.name}.revoked.pub").write_text(f"{old}\n")
    public.rename(public.with_name(f"{key.file.name}.pub"))
    key.replace()
    assert key.current.public == new.public
    assert key.current.private.read_text() == private
    assert key.revoked == old


def test_keys_of_the_lab_and_of_a_student_are_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    assert keys.of_lab("course").current == keys.lab_key("course")
    assert (
        keys.of_student("course", "lab").current
        == keys.student_key("course", "lab")
        != keys.lab_key("course")
    )


MAKE = """
import sys
from minetlab.secrets import keys
real = keys.run
def run(command, **options):
    print("made", flush=True)
    return real(command, **options)
keys.run = run
print("ready", flush=True)
sys.stdin.readline()
print(keys.student_key("course", "alice").public)
"""


def test_two_runs_that_need_the_same_key_at_once_have_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path))
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for run in runs:
        assert run.stdin and run.stdout and run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin
        run.stdin.write("\n")
        run.stdin.flush()
    said = [run.communicate(timeout=60)[0].splitlines() for run in runs]
    pair = keys.student_key("course", "alice")
    of_private = subprocess.check_output(["ssh-keygen", "-y", "-f", pair.private], text=True).split()[:2]
    assert pair.public.split()[:2] == of_private
    assert {lines[-1] for lines in said} == {pair.public}
    assert sum("made" in lines for lines in said) == 1
