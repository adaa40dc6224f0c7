import stat

from minetlab import keys
from minetlab.model import Student


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
