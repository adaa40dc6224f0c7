"""What a host is handed of who it is."""

import io
import tarfile
from pathlib import Path

from minetlab.sandbox.identity import ensure_identity, identity_archive


def files(archive: bytes) -> dict[str, tuple[bytes, int]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            member.name: (member_file.read(), member.mode)
            for member in tar
            if (member_file := tar.extractfile(member))
        }


def test_a_host_that_does_not_boot_gets_the_same_identity_as_one_that_does(tmp_path: Path) -> None:
    credentials = ensure_identity(tmp_path, "hv1")
    found = files(identity_archive(tmp_path, "hv1"))
    _, mode = found.pop("minetlab.machine_id")
    assert found == {name: (file.read_bytes(), 0o600) for name, file in credentials.items()}
    assert mode == 0o600
    assert found["minetlab.hostname"][0] == b"hv1"
    assert found["minetlab.authorized_keys"][0].startswith(b"ssh-ed25519 ")
    assert b"PRIVATE KEY" in found["minetlab.host_key"][0]


def test_each_time_a_host_is_another_machine(tmp_path: Path) -> None:
    ids = {files(identity_archive(tmp_path, "hv1"))["minetlab.machine_id"][0].decode() for _ in range(2)}
    assert len(ids) == 2
    for machine_id in ids:
        assert int(machine_id, 16) > 0
        assert len(machine_id) == 33
        assert machine_id.endswith("\n")
