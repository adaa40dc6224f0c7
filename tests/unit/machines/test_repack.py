"""What is left of an archive that a student made: it opens everywhere, and nothing leads out of it."""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from minetlab.machines import repack
from minetlab.machines.repack import Repacker
from minetlab.util.limits import MIB
from tests.support.unpack import unpacks

BLOCK = 512
OUT = "it is outside of the home directory"
TWICE = "there is another of this name"


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def symlink(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.SYMTYPE, target)


def hard_link(name: str, target: str) -> tarfile.TarInfo:
    return member(name, tarfile.LNKTYPE, target)


def archive_of(*members: tarfile.TarInfo, form: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive in which each file contains its name."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=form) as archive:
        for each in members:
            data = os.fsencode(each.name) if each.isreg() else b""
            each.size = len(data)
            archive.addfile(each, io.BytesIO(data))
    return written.getvalue()


def with_header(archive: bytes, number: int, at: int, data: bytes) -> bytes:
    """The archive with other bytes in one of its headers, whose checksum is right."""
    header = bytearray(archive[number * BLOCK : (number + 1) * BLOCK])
    header[at : at + len(data)] = data
    total = sum(header[:148]) + 8 * 32 + sum(header[156:])
    header[148:156] = b"%06o\0 " % total
    return archive[: number * BLOCK] + bytes(header) + archive[(number + 1) * BLOCK :]


def repacked(received: bytes, room: int = MIB) -> tuple[dict[str, tarfile.TarInfo], list[str]]:
    """What is in the archive that is written, and what is said to be left out of it."""
    written = io.BytesIO()
    problems = list(Repacker(written, "guest", room).add_all(io.BytesIO(received)))
    written.write(bytes(2 * BLOCK))
    written.seek(0)
    with tarfile.open(fileobj=written) as archive:
        return {each.name: each for each in archive}, problems


def test_what_leads_out_of_the_home_directory_is_left_out() -> None:
    found, problems = repacked(
        archive_of(
            member("../bob/work"),
            member("/etc/passwd"),
            symlink("way", "."),
            member("way/passwd"),
            hard_link("other", "../../etc/shadow"),
            member("null", tarfile.CHRTYPE),
            member("fine"),
            hard_link("same", "./fine"),
        )
    )
    assert problems == [
        f"../bob/work is left out: {OUT}",
        f"/etc/passwd is left out: {OUT}",
        f"way/passwd is left out: {OUT}",
        "other is left out: it is a hard link to a file that is not in the archive",
        "null is left out: it is a device or a pipe",
    ]
    assert set(found) == {"guest/way", "guest/fine", "guest/same"}
    assert found["guest/same"].linkname == "guest/fine"


def test_nothing_takes_the_place_of_another() -> None:
    """A link in place of a file, and a hard link to that file, would lead out where Python unpacks them."""
    found, problems = repacked(
        archive_of(
            member("file"),
            symlink("file", "folder"),
            hard_link("hard", "file"),
            member("folder", tarfile.DIRTYPE),
            member("folder", tarfile.DIRTYPE),
            symlink("folder", "file"),
            member("link/../file"),
            symlink("link", "file"),
            member("link", tarfile.DIRTYPE),
            member("file/below"),
            member("a/b"),
            symlink("a", "folder"),
        )
    )
    assert problems == [
        f"file is left out: {TWICE}",
        f"folder is left out: {TWICE}",
        f"link/../file is left out: {OUT}",
        f"link is left out: {TWICE}",
        "file/below is left out: it is in a file, not in a folder",
        f"a is left out: {TWICE}",
    ]
    assert {name: each.type for name, each in found.items()} == {
        "guest/file": tarfile.REGTYPE,
        "guest/hard": tarfile.LNKTYPE,
        "guest/folder": tarfile.DIRTYPE,
        "guest/link": tarfile.SYMTYPE,
        "guest/a/b": tarfile.REGTYPE,
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "..", "a/../../b", "x/..", "", "n" * 300, "n/" * 3000])
def test_a_symbolic_link_that_leads_out_or_cannot_be_made_becomes_a_file(target: str, tmp_path: Path) -> None:
    link = symlink("link", target)
    (tmp_path / "received").write_bytes(archive_of(link, symlink("d/in", "../beside")))
    repack.main(tmp_path / "received", tmp_path / "written", "guest", MIB)
    with tarfile.open(tmp_path / "written") as archive:
        file = archive.extractfile("guest/link")
        assert file is not None
        assert file.read() == target.encode()
        assert archive.getmember("guest/d/in").linkname == "../beside"


def test_entries_say_neither_who_owns_them_nor_more_than_who_may_read_them() -> None:
    found, _ = repacked(
        archive_of(
            member(
                "setuid", mode=0o4777, uid=1000, gid=1000, uname="alice", gname="alice", mtime=1_700_000_000
            ),
            member("closed", tarfile.DIRTYPE, mode=0),
            member("late", pax_headers={"mtime": "inf"}),
            member("early", mtime=-5.0),
            member("never", pax_headers={"mtime": "nan"}),
            form=tarfile.PAX_FORMAT,
        )
    )
    assert {name: (each.mode, each.mtime) for name, each in found.items()} == {
        "guest/setuid": (0o755, 1_700_000_000),
        "guest/closed": (0o700, 0),
        "guest/late": (0o644, 0),
        "guest/early": (0o644, 0),
        "guest/never": (0o644, 0),
    }
    assert {(each.uid, each.gid, each.uname, each.gname) for each in found.values()} == {(0, 0, "", "")}


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("a\nb\tc", "a␊b␉c"),
        ("\x1b[2J\x9b1m\u202e", "␛[2J\ufffd1m\ufffd"),
        (os.fsdecode(b"latin-\xe9"), "latin-\ufffd"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 8),
        ("é\u200dé 日本 -rf", "é\u200dé 日本 -rf"),
    ],
)
def test_names_can_be_shown_and_links_still_lead_to_them(name: str, becomes: str) -> None:
    found, problems = repacked(archive_of(member(name), hard_link("hard", name), symlink("soft", name)))
    assert problems == []
    assert set(found) == {f"guest/{becomes}", "guest/hard", "guest/soft"}
    assert (found["guest/hard"].linkname, found["guest/soft"].linkname) == (f"guest/{becomes}", becomes)


def pax(name: str, **more: Any) -> tarfile.TarInfo:
    """An entry whose name may contain what ends a name in other formats."""
    return member("x", pax_headers={"path": name}, **more)


def test_names_that_are_the_same_once_they_are_written_are_one() -> None:
    """A null byte ends a name where it is read: a link would take the place of a file."""
    found, problems = repacked(
        archive_of(
            pax("file\0one"),
            pax("file\0two", kind=tarfile.SYMTYPE, link="folder"),
            pax("red"),
            pax("\x1b[31mred\x1b[0m"),
            pax("a\x1b[0m"),
            form=tarfile.PAX_FORMAT,
        )
    )
    assert set(found) == {"guest/file␀one", "guest/file␀two", "guest/red", "guest/a"}
    assert problems == [f"red is left out: {TWICE}"]


def test_a_name_that_leads_out_once_it_is_written_is_left_out() -> None:
    names = (".\x1b[0m./x", "\x1b[0m/etc/passwd", "a/\x1b[m..\x1b[m/../x")
    link = pax("link", kind=tarfile.SYMTYPE, link=".\x1b[0m./..")
    found, problems = repacked(archive_of(*map(pax, names), link, form=tarfile.PAX_FORMAT))
    assert set(found) == {"guest/link"}
    assert found["guest/link"].isreg()
    assert problems == [f"{name} is left out: {OUT}" for name in ("../x", "/etc/passwd", "a/../../x")]


@pytest.mark.parametrize("name", [".", "./", "././.", ""])
def test_nothing_takes_the_place_of_the_home_directory(name: str) -> None:
    """A link there would lead out of its folder: to what is beside that."""
    found, problems = repacked(
        archive_of(
            pax(name, kind=tarfile.SYMTYPE, link=".ssh"),
            pax(name, kind=tarfile.LNKTYPE, link="fine"),
            pax(name),
            member("fine"),
            form=tarfile.PAX_FORMAT,
        )
    )
    assert set(found) == {"guest/fine"}
    assert problems == [". is left out: it is in place of the home directory"] * 3


def test_folders_are_as_deep_as_everybody_can_unpack_them(tmp_path: Path) -> None:
    """Python calls itself for each folder, and a path gets longer where it is unpacked."""
    deepest, longest = "d/" * (repack.MAX_DEPTH - 1) + "f", f"{'n' * 180}/" * 11
    made = [member(name) for name in (deepest, f"d/{deepest}", f"{longest}f", f"{'n' * 180}/{longest}f")]
    (tmp_path / "received").write_bytes(archive_of(*made))
    repack.main(tmp_path / "received", tmp_path / "written", "guest", MIB)
    with (tmp_path / "written").open("ab") as file:
        file.write(bytes(2 * BLOCK))
    with tarfile.open(tmp_path / "written") as archive:
        assert archive.getnames() == [f"guest/{deepest}", f"guest/{longest}f"]
    around = tmp_path / ("in a long folder" * 10)
    for number, unpack in enumerate(("GNU tar", "Python", "Python with the data filter")):
        unpacks(tmp_path / "written", around / str(number), unpack)


def test_what_does_not_fit_is_left_out_and_the_rest_is_kept() -> None:
    found, problems = repacked(
        archive_of(
            member("a" * 255), member("b" * 256), member("c/" * 1000 + "c"), member("large" * 20), member("z")
        ),
        room=300,
    )
    assert problems == [
        f"{'b' * 256} is left out: its name is too long",
        f"{('c/' * 1000)[:300]}… is left out: its name is too long",
        f"{'large' * 20} is left out: its 0 MiB are too many",
    ]
    assert set(found) == {f"guest/{'a' * 255}", "guest/z"}


def test_names_cannot_forge_a_line_or_control_a_terminal() -> None:
    name = "\033[2J\nalice: all is well\u202e\u2028\x9b" + os.fsdecode(b"\xff")
    _, problems = repacked(archive_of(member(name, tarfile.FIFOTYPE)))
    assert problems == [
        "␛[2J␊alice: all is well\ufffd\ufffd\ufffd\ufffd is left out: it is a device or a pipe"
    ]


@pytest.mark.parametrize("size", [-512, -1024, -(2**63), -1])
def test_a_size_that_leads_back_ends_the_archive(size: int) -> None:
    """CVE-2025-8194: tarfile reads such a header again and again."""
    archive = archive_of(member("a"), member("b"), member("c"))
    negative = b"\xff" + (size & (2**88 - 1)).to_bytes(11, "big")
    found, problems = repacked(with_header(archive, 2, 124, negative))
    assert (set(found), problems) == ({"guest/a"}, ["what comes after a cannot be read"])


def test_a_file_whose_parts_overlap_or_lead_back_has_its_size_or_is_left_out() -> None:
    sparse = with_header(archive_of(member("a"), member("b")), 0, 156, tarfile.GNUTYPE_SPARSE)
    for numbers in ((0, 1, 0, 1), (3, 1, 0, 0), (8, 1, 2, 1)):
        parts = b"".join(b"%011o\0" % number for number in numbers) + bytes(49) + b"%011o\0" % 4
        found, problems = repacked(with_header(sparse, 0, 386, parts))
        assert "guest/b" in found
        assert problems in ([], ["a is left out: it cannot be read"])


def test_there_is_an_end_to_files_and_to_what_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipes = [member(f"pipe{number}", tarfile.FIFOTYPE) for number in range(30)]
    (tmp_path / "received").write_bytes(
        archive_of(*pipes, *(member(f"file{number}") for number in range(30)))
    )
    monkeypatch.setattr(repack, "MAX_ENTRIES", 50)
    repack.main(tmp_path / "received", tmp_path / "written", "guest", MIB)
    *named, last = capsys.readouterr().out.splitlines()
    assert len(named) == repack.MAX_PROBLEMS
    assert last == "11 more are left out"
    with tarfile.open(tmp_path / "written") as archive:
        assert len(archive.getnames()) == 20


def test_a_name_that_does_not_fit_into_memory_ends_its_program(tmp_path: Path) -> None:
    received, written = tmp_path / "received", tmp_path / "written"
    header = with_header(archive_of(member("a")), 0, 156, tarfile.GNUTYPE_LONGNAME)[:BLOCK]
    with received.open("wb") as file:
        file.write(archive_of(member("first"))[: 2 * BLOCK])
        file.write(with_header(header, 0, 124, b"%011o\0" % 2**32))
        file.truncate(2**33)
    command = [sys.executable, "-m", "minetlab.machines.repack", str(received), str(written), "guest", "1000"]
    ended = subprocess.run(
        ["prlimit", f"--as={192 * MIB}", *command], check=False, timeout=60, capture_output=True
    )
    said = b"what comes after the beginning cannot be read\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, said, b"")
    assert written.read_bytes() == b""


@pytest.fixture(scope="module")
def real_archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a real tar sends: a file with holes, one with two names, a long name, links."""
    home = tmp_path_factory.mktemp("home")
    with (home / "holes").open("wb") as file:
        for each in range(8):
            file.seek(each * 100_000)
            file.write(b"data")
    (home / ("long" * 40)).write_text("x")
    (home / "same").hardlink_to(home / "holes")
    (home / "d").mkdir()
    (home / "d" / "link").symlink_to("../holes")
    (home / "out").symlink_to("/etc/passwd")
    tar = ["tar", "--create", "--format=gnu", "--sparse", f"--directory={home}", "."]
    return subprocess.run(tar, check=True, capture_output=True).stdout


Spoil = Callable[[bytes, st.DataObject], bytes]


def spoil_headers(archive: bytes, data: st.DataObject) -> bytes:
    """Change bytes of headers, whose checksums are right."""
    headers = [at for at in range(0, len(archive), BLOCK) if archive[at + 257 : at + 262] == b"ustar"]
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.sampled_from(headers)) // BLOCK
        at, byte = data.draw(st.integers(0, 511)), data.draw(st.integers(0, 255))
        archive = with_header(archive, number, at, bytes([byte]))
    return archive


def spoil_bytes(archive: bytes, data: st.DataObject) -> bytes:
    """Change any bytes, and cut the end off."""
    spoilt = bytearray(archive)
    for _ in range(data.draw(st.integers(1, 20))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    return bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])


@pytest.mark.parametrize("spoil", [spoil_headers, spoil_bytes])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_come_what_is_written_can_be_unpacked(
    real_archive: bytes, tmp_path: Path, spoil: Spoil, data: st.DataObject
) -> None:
    written = tmp_path / "written.tar"
    with written.open("wb") as file:
        list(Repacker(file, "guest", 4 * MIB).add_all(io.BytesIO(spoil(real_archive, data))))
        file.write(bytes(2 * BLOCK))
    for unpack in ("GNU tar", "Python", "Python with the data filter"):
        unpacks(written, Path(tempfile.mkdtemp(dir=tmp_path)), unpack)
