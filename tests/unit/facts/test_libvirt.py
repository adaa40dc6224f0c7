"""What a KVM host says of its libvirt, and what is made of it."""

import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.libvirt import (
    LINE_BYTES,
    OPEN_SOCKETS,
    ActiveDomains,
    EmptyDisks,
    FailedBoots,
    Files,
    LibvirtState,
    Snapshots,
    SshAnswers,
)
from minetlab.resources.layout import Layout, overlay
from minetlab.resources.libvirt import LibvirtObserved


def said(command: str, folder: Path | None = None) -> list[str]:
    """What this machine says to a command, with the programs of a folder before its own."""
    path = f"{folder}:{os.environ['PATH']}" if folder else os.environ["PATH"]
    done = subprocess.run(
        ["sh", "-c", command], env={"PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_a_host_without_libvirt_has_nothing() -> None:
    assert LibvirtState().default() == LibvirtObserved()
    assert SshAnswers().default() == ActiveDomains().default() == EmptyDisks().default() == frozenset()
    assert FailedBoots().default() == Files().default() == {}
    assert Snapshots().default() == {}


def test_xml_that_is_cut_is_refused() -> None:
    with pytest.raises(FactProcessError, match="libvirt's XML cannot be read"):
        LibvirtState().process(["@installed", "@domains", "@xml", "<domain><name>minet-a"])


def test_a_socket_is_open_if_every_account_may_connect(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as refusing, socket.socket(socket.AF_UNIX) as obeying:
        for end, name, mode in ((refusing, "libvirt-sock", 0o660), (obeying, "libvirt-sock-ro", 0o666)):
            end.bind(str(tmp_path / name))
            (tmp_path / name).chmod(mode)
        (tmp_path / "common").mkdir(mode=0o777)
        lines = said(OPEN_SOCKETS.replace("/run/libvirt", shlex.quote(str(tmp_path))))
    (path,) = LibvirtState().process(["@open-sockets", *lines]).open_sockets
    assert path == str(tmp_path / "libvirt-sock-ro")


def test_names_and_addresses_are_one_a_line() -> None:
    assert ActiveDomains().process(["minet-a", " minet-b ", ""]) == {"minet-a", "minet-b"}
    assert SshAnswers().process(["", "10.77.0.16"]) == {"10.77.0.16"}


def test_a_boot_fails_for_one_reason() -> None:
    lines = ["off minet-a", "", "broken minet-b"]
    assert FailedBoots().process(lines) == {"minet-a": "off", "minet-b": "broken"}


def test_snapshots_are_told_apart_by_domain_and_of_one_without_any_nothing_is_said() -> None:
    lines = ["@minet-a", "lab-1", " mine", "", "@minet-b", "", "@minet-c", "lab-2"]
    assert Snapshots().process(lines) == {"minet-a": ["lab-1", "mine"], "minet-c": ["lab-2"]}


def test_a_disk_is_empty_if_qemu_says_that_nothing_of_it_is_allocated(tmp_path: Path) -> None:
    """One has been written to, one has not, and of one nothing can be said, as it is not there."""
    layout = Layout("minet")
    written, empty = (layout.disk(overlay(name)) for name in ("minet-a", "minet-b"))
    qemu_img = tmp_path / "qemu-img"
    qemu_img.write_text(
        f"""#!/bin/sh
case "$1 $3" in
    "check "{shlex.quote(written)}) echo '{{"allocated-clusters": 7, "check-errors": 0}}' ;;
    "check "{shlex.quote(empty)}) echo '{{"check-errors": 0}}' ;;
    *) exit 1 ;;
esac
"""
    )
    qemu_img.chmod(0o755)
    lines = said(EmptyDisks().command("minet", ("minet-a", "minet-b", "minet-c")), tmp_path)
    assert EmptyDisks().process([*lines, ""]) == {"minet-b"}


def test_of_long_lines_the_end_is_read_and_of_bytes_only_utf8(tmp_path: Path) -> None:
    """A guest may write anything to its console; pyinfra's connectors stumble over what is no UTF-8."""
    console = tmp_path / "console.log"
    console.write_bytes(b"x" * 10**6 + "\n\xe9t\xe9 ".encode() + b"\xff\xc3\npanic\n")
    text = Files().process(said(Files().command((str(console),), 2)))[str(console)]
    assert text == "été \npanic\n"
    console.write_text("x" * 10**6 + "\npanic\n")
    text = Files().process(said(Files().command((str(console),), 2)))[str(console)]
    assert text.endswith("x\npanic\n")
    assert len(text) == 2 * LINE_BYTES


@pytest.mark.parametrize(
    ("last", "texts"),
    [
        (None, {"a b.log": "one\n@two\n\nlogin: \n", "c.log": "three\n"}),
        (2, {"a b.log": "\nlogin: \n", "c.log": "three\n"}),
    ],
)
def test_files_are_read_as_they_are_or_their_ends(
    last: int | None, texts: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a b.log").write_text("one\n@two\n\nlogin: ")
    (tmp_path / "c.log").write_text("three\n")
    (tmp_path / "empty.log").write_text("")
    names = ("a b.log", "none.log", "empty.log", "c.log")
    command = Files().command(tuple(str(tmp_path / name) for name in names), last)
    assert Files().process(said(command)) == {str(tmp_path / name): text for name, text in texts.items()}
