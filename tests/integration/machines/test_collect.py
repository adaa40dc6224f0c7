"""``lab collect``: home directories, by a real tar, and whatever a student may send in place of one."""

import io
import os
import socket
import stat
import tarfile
from pathlib import Path

import pytest

from minetlab.cli import collect as cli
from minetlab.machines.collect import Collected, CollectSettings, collect
from minetlab.plan import allocate
from minetlab.ssh import ssh_config
from minetlab.util.errors import LabError
from minetlab.util.limits import MIB, Limits
from tests.support.machines import ALL, NOT_RUN, home_of, lab_of, stand
from tests.support.unpack import FILTERS, PROGRAMS, unpacks

LIMITS = Limits(seconds=30, bytes=4 * MIB)
MACHINES = allocate(lab_of("alice")).machines


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand(tmp_path, monkeypatch, *ALL)


@pytest.fixture
def folder(tmp_path: Path, inventory: Path) -> Path:
    folder = tmp_path / "collected"
    folder.mkdir()
    return folder


def of_alice(folder: Path, limits: Limits = LIMITS, *, out_of_reach: tuple[str, ...] = ()) -> Collected:
    away = dict.fromkeys(out_of_reach, "away")
    return collect("alice", MACHINES, CollectSettings(Path("ssh_config"), away, folder, limits))


def entries(path: Path | None) -> dict[str, tarfile.TarInfo]:
    assert path is not None
    with tarfile.open(path) as archive:
        return {each.name: each for each in archive}


def content(path: Path | None, name: str) -> bytes:
    assert path is not None
    with tarfile.open(path) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def sends(folder: Path, made: bytes, status: int = 0) -> None:
    """Have every machine's tar send this: a student is root there, and may put anything in its place."""
    (folder.parent / "made.tar").write_bytes(made)
    tar = folder.parent / "bin" / "tar"
    tar.write_text(f"#!/bin/sh\ncat '{folder.parent}/made.tar'\nexit {status}\n")
    tar.chmod(0o755)


def test_all_of_both_homes_is_in_one_archive_that_nobody_else_reads(folder: Path, tmp_path: Path) -> None:
    home = home_of(tmp_path, "minet-alice")
    (home / "rendu").mkdir()
    (home / "rendu" / "réponse à 1.txt").write_text("42")
    (home / os.fsdecode(b"latin-\xe9")).write_text("x")
    (home / "same").hardlink_to(home / "rendu" / "réponse à 1.txt")
    (home / "setuid").write_text("x")
    (home / "setuid").chmod(0o4755)
    (home_of(tmp_path, "minet-alice-processus") / ".zsh_history").write_text("ls")
    came = of_alice(folder)
    assert (came.problems, came.path) == ((), folder / "alice.tar.gz")
    assert content(came.path, "guest/rendu/réponse à 1.txt") == content(came.path, "guest/same") == b"42"
    assert content(came.path, "processus/.zsh_history") == b"ls"
    found = entries(came.path)
    assert "guest/latin-\ufffd" in found
    assert stat.filemode(found["guest/setuid"].mode) == "?rwxr-xr-x"
    assert stat.S_IMODE((folder / "alice.tar.gz").stat().st_mode) == 0o600
    assert came.size == (folder / "alice.tar.gz").stat().st_size
    assert [each.name for each in folder.iterdir()] == ["alice.tar.gz"]


def test_links_are_not_followed_and_sockets_and_pipes_are_not_there(folder: Path, tmp_path: Path) -> None:
    home = home_of(tmp_path, "minet-alice")
    (home / "out").symlink_to("/etc")
    (home / "beside").symlink_to("out")
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(home)
        bound.bind("socket")
    os.chdir(tmp_path)
    came = of_alice(folder)
    assert came.problems == ()
    assert content(came.path, "guest/out") == b"/etc"
    found = entries(came.path)
    assert found["guest/beside"].issym()
    assert set(found) == {"guest", "guest/out", "guest/beside", "processus"}
    os.mkfifo(home / "pipe")
    came = of_alice(folder)
    assert came.problems == ("minet-alice: pipe is left out: it is a device or a pipe",)
    assert set(entries(came.path)) == {"guest", "guest/out", "guest/beside", "processus"}


def test_holes_are_not_sent_and_what_is_too_large_is_left_out(folder: Path, tmp_path: Path) -> None:
    home = home_of(tmp_path, "minet-alice")
    with (home / "disk.img").open("wb") as file:
        file.truncate(2**40)
    with (home / "small.img").open("wb") as file:
        file.truncate(MIB)
        file.seek(500_000)
        file.write(b"data")
    (home / "z").write_text("also")
    came = of_alice(folder)
    assert came.problems == ("minet-alice: disk.img is left out: its 1048576 MiB are too many",)
    assert content(came.path, "guest/small.img")[500_000:500_004] == b"data"
    assert len(content(came.path, "guest/small.img")) == MIB
    assert content(came.path, "guest/z") == b"also"


def test_what_came_stays_where_a_machine_does_not_answer(folder: Path, tmp_path: Path) -> None:
    (home_of(tmp_path, "minet-alice-processus") / "work").write_text("42")
    (tmp_path / "machines" / "minet-alice").rename(tmp_path / "gone")
    came = of_alice(folder)
    assert came.path == folder / "alice.partial.tar.gz"
    assert came.problems == (
        "minet-alice: no answer: ssh: connect to host minet-alice port 22: No route to host",
    )
    assert set(entries(came.path)) == {"processus", "processus/work"}
    (tmp_path / "gone").rename(tmp_path / "machines" / "minet-alice")
    assert of_alice(folder).path == folder / "alice.tar.gz"
    assert [each.name for each in folder.iterdir()] == ["alice.tar.gz"]


def test_a_whole_archive_is_not_replaced_by_less(folder: Path) -> None:
    of_alice(folder)
    before = (folder / "alice.tar.gz").read_bytes()
    names = tuple(machine.name for machine in MACHINES)
    assert of_alice(folder, out_of_reach=names[:1]).path == folder / "alice.partial.tar.gz"
    nothing = of_alice(folder, out_of_reach=names)
    assert nothing.path is None
    assert nothing.problems == tuple(f"{name}: away" for name in names)
    assert (folder / "alice.tar.gz").read_bytes() == before
    assert {each.name for each in folder.iterdir()} == {"alice.tar.gz", "alice.partial.tar.gz"}


def test_a_home_that_is_not_there_is_said(folder: Path, tmp_path: Path) -> None:
    home_of(tmp_path, "minet-alice").rmdir()
    (problem,) = of_alice(folder).problems
    assert problem.startswith("minet-alice: tar: ")
    assert "No such file or directory" in problem


def archive_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return written.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def test_nothing_that_a_student_sends_gets_out_of_their_folder(folder: Path) -> None:
    out = "is left out: it is outside of the home directory"
    sends(
        folder,
        archive_of(
            (member("../bob/work"), b"x"),
            (member("/etc/passwd"), b"x"),
            (member("way", tarfile.SYMTYPE, "."), b""),
            (member("way/passwd"), b"x"),
            (member("other", tarfile.LNKTYPE, "../../etc/shadow"), b""),
            (member("null", tarfile.CHRTYPE), b""),
            (member("\033[2Jred"), b"x"),
            (member("fine"), b"x"),
        ),
    )
    came = of_alice(folder)
    assert [each for each in came.problems if each.startswith("minet-alice:")] == [
        f"minet-alice: ../bob/work {out}",
        f"minet-alice: /etc/passwd {out}",
        f"minet-alice: way/passwd {out}",
        "minet-alice: other is left out: it is a hard link to a file that is not in the archive",
        "minet-alice: null is left out: it is a device or a pipe",
    ]
    assert {each for each in entries(came.path) if each.startswith("guest")} == {
        "guest/way",
        "guest/␛[2Jred",
        "guest/fine",
    }


# What a student may send in the hope that it is unpacked: each of these has hurt somebody.
HOSTILE = archive_of(
    (member("fine"), b"x"),
    (member("../bob/work"), b"x"),
    (member("/absolute"), b"x"),
    (member("a/../../neighbour/file"), b"changed"),
    (member("up", tarfile.SYMTYPE, ".."), b""),
    (member("up/neighbour/file"), b"changed"),
    (member("out", tarfile.SYMTYPE, "/etc"), b""),
    (member("in", tarfile.SYMTYPE, "fine"), b""),
    (member("fine", tarfile.SYMTYPE, "../../neighbour/file"), b""),
    (member("hard", tarfile.LNKTYPE, "fine"), b""),
    (member("hard"), b"changed"),
    (member("shadow", tarfile.LNKTYPE, "../../../../etc/shadow"), b""),
    (member(".", tarfile.SYMTYPE, "../neighbour"), b""),
    (member("disk", tarfile.BLKTYPE), b""),
    (member("null", tarfile.CHRTYPE), b""),
    (member("pipe", tarfile.FIFOTYPE), b""),
    (member("line\nline"), b"x"),
    (member("\033]0;title\007\x9b2J\u202e"), b"x"),
    (member(os.fsdecode(b"\xff\xfe")), b"x"),
    (member("-rf"), b"x"),
    (member("--checkpoint-action=exec=sh"), b"x"),
    (member("deep/" * 199 + "f"), b"x"),
    (member("deep/" * 900 + "f"), b"x"),
    (member("n" * 255), b"x"),
    (member("n" * 300), b"x"),
)


def with_modes(archive: bytes, mode: int) -> bytes:
    """The archive with other rights, owners and times in every header."""
    written = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=written, mode="w", format=tarfile.GNU_FORMAT) as target,
    ):
        for each in source:
            each.mode, each.uid, each.gid, each.uname, each.mtime = mode, 1234, 4321, "daemon", 2**40
            target.addfile(each, source.extractfile(each) if each.isreg() else None)
    return written.getvalue()


@pytest.mark.parametrize("how", [*PROGRAMS, *FILTERS])
@pytest.mark.parametrize("mode", [0o644, 0o7777, 0])
def test_what_was_collected_can_be_unpacked_by_anybody(folder: Path, how: str, mode: int) -> None:
    sends(folder, with_modes(HOSTILE, mode))
    came = of_alice(folder)
    assert came.path is not None
    found = entries(came.path)
    assert {"guest/fine", "guest/in", "guest/hard", "guest/out", "guest/up", "guest/-rf"} <= set(found)
    assert content(came.path, "guest/hard") == content(came.path, "guest/fine") == b"x"
    unpacks(came.path, folder / "around", how)


@pytest.mark.parametrize("cut", [300, 512, 700, 1024, 1500, 1536])
def test_of_a_connection_that_is_lost_the_whole_files_stay(folder: Path, cut: int) -> None:
    whole = archive_of((member("a"), b"a" * 500), (member("b"), b"b" * 500))
    sends(folder, whole[:cut], status=255)
    came = of_alice(folder)
    assert came.problems[0] == f"minet-alice: no answer: {ssh_config.CONNECTION_LOST}: the rest did not come"
    files = [name for name in entries(came.path) if name.startswith("guest")] if came.path else []
    assert files == (["guest/a"] if cut >= 1024 else [])
    if files:
        assert content(came.path, "guest/a") == b"a" * 500


def test_a_machine_that_sends_without_end_is_stopped(folder: Path) -> None:
    tar = folder.parent / "bin" / "tar"
    tar.write_text("#!/bin/sh\nexec cat /dev/zero\n")
    tar.chmod(0o755)
    came = of_alice(folder)
    assert came.path is None
    assert came.problems[0] == "minet-alice: more than 4 MiB: the rest did not come"
    (folder.parent / "bin" / "ssh").write_text("#!/bin/sh\nexec sleep 60\n")
    came = of_alice(folder, Limits(seconds=0.3, bytes=MIB))
    assert came.problems[0] == "minet-alice: no answer: not done within 0.3 s"


def test_everybody_is_collected_and_what_is_missing_is_said(
    inventory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    assert cli.collect_work(inventory, output, None, LIMITS)
    said = capsys.readouterr().out
    assert "[1/2] " in said
    size = (output / "alice.tar.gz").stat().st_size
    assert f"alice: {output}/alice.tar.gz, {size} bytes" in said
    assert f"bob: {output}/bob.tar.gz" in said
    assert stat.S_IMODE(output.stat().st_mode) == 0o700
    (tmp_path / "machines" / "hv1").rename(tmp_path / "gone")
    assert not cli.collect_work(inventory, output, ["bob"], LIMITS)
    said = capsys.readouterr().out
    assert f"[1/1] bob: {output}/bob.partial.tar.gz" in said
    assert "minet-bob: its host hv1 does not answer: ssh: connect to host hv1 port 22" in said
    assert "incomplete for 1 of 1 students; what was collected is kept" in said


def test_a_guest_that_is_off_on_purpose_is_said_and_the_rest_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = stand(tmp_path, monkeypatch, *(set(ALL) - {"minet-alice"}), hosts=NOT_RUN)
    output = tmp_path / "output"
    assert not cli.collect_work(inventory, output, ["alice"], LIMITS)
    said = capsys.readouterr().out
    assert "minet-alice: off, as guests_run is False on hv1 → on hv1: virsh start NAME" in said
    assert set(entries(output / "alice.partial.tar.gz")) == {"processus", "isa", "emulation"}


def test_what_cannot_be_is_refused(inventory: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="not in the roster: eve"):
        cli.collect_work(inventory, tmp_path / "output", ["eve"], LIMITS)
    (tmp_path / "file").write_text("")
    with pytest.raises(LabError, match="cannot write"):
        cli.collect_work(inventory, tmp_path / "file", None, LIMITS)
