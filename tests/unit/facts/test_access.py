"""What a container host says of the files that let people in."""

import os
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from minetlab.facts.access import AccessFiles
from minetlab.resources.access import ObservedFile
from minetlab.resources.docker import access_folder


def files_in(folder: Path) -> Mapping[str, ObservedFile]:
    """What the fact finds if this folder is that of the keys."""
    command = AccessFiles().command("minet").replace(access_folder("minet"), str(folder))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return AccessFiles().process(done.stdout.splitlines())


def test_a_host_without_a_lab_has_no_files() -> None:
    assert AccessFiles().default() == {}


def test_a_file_that_vanished_meanwhile_is_not_there() -> None:
    lines = ["sha256 00  ./a", "sha256 11  ./b", "owner 7 ./b", "owner 7 ./c"]
    assert AccessFiles().process(lines) == {"b": ObservedFile("11", 7)}


def test_files_of_access_are_known_by_their_sums_whatever_their_names(tmp_path: Path) -> None:
    assert files_in(tmp_path / "access") == {}
    files = {"minet-a-isa/host_key": b"secret", "minet-a-isa/two words  more": b""}
    for path, content in files.items():
        (tmp_path / "access" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "access" / path).write_bytes(content)
    assert files_in(tmp_path / "access") == {
        path: ObservedFile(sha256(content).hexdigest(), os.geteuid()) for path, content in files.items()
    }
