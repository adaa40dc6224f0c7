"""The guest image comes to a host that answers from a script, from a file of this machine."""

from pathlib import Path
from typing import Any

import pytest

from minetlab.images import Progress
from minetlab.images.cache import record_checksum
from minetlab.images.editions import record_edition
from minetlab.images.recipe import ImageRecipe
from minetlab.lab import DebianImage, GuestImage, KvmHostSettings
from minetlab.operations import background, guest_images, guests as operations
from minetlab.tp import guest_image
from minetlab.util.errors import LabError
from tests.support.fake_host import Run, run_operation
from tests.support.guests import IMAGE, LAB, NETWORK, answer, guests
from tests.support.kvm_host import EMPTY, KVM, STATE, WORKING, image_at
from tests.support.mirror import edition

MIB = 2**20

pytestmark = pytest.mark.usefixtures("plain_images")


def upload(lines: list[str], folder: Path, size: int) -> Run:
    image = image_at(folder, b"QFI\xfb" + bytes(size - 4))
    return run_operation(guest_images.upload, {STATE: lines}, lab=LAB, image=image, tps=(), disk=8)


def with_free(mebibytes: int) -> list[str]:
    return ["@memory", "64000", "@disk", str(mebibytes), *EMPTY[4:]]


@pytest.mark.parametrize("free", [3, 4, 9])
def test_an_image_is_received_where_there_is_just_room_for_it(free: int, tmp_path: Path) -> None:
    run = upload(with_free(free), tmp_path, 3 * MIB + 5)
    assert (run.changed, run.failed, run.noops) == (True, False, ())
    cleared, received = run.commands[1:]
    uploaded = cleared.removeprefix("rm -f ")
    assert uploaded.startswith(f"/var/lib/libvirt/images/minet-lab/{LAB}/base-")
    assert f"chmod 0444 {uploaded} && mv -f {uploaded} " in received
    assert received.endswith(f" pool-refresh {LAB}")


def test_an_image_is_not_sent_where_there_is_no_room_for_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = upload(with_free(2), tmp_path, 3 * MIB + 5)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "the guest image needs 3 MiB, 2 MiB are free in /var/lib/libvirt/images" in caplog.text


def test_an_image_that_cannot_be_had_fails_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object) -> None:
        raise LabError("no mirror", next_step="see the network")

    monkeypatch.setattr(guest_image, "file", unreachable)
    run = upload(EMPTY, tmp_path, MIB)
    assert (run.failed, len(run.commands)) == (True, 2)
    assert "no mirror" in caplog.text


def test_nothing_is_fetched_for_a_libvirtd_that_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    run = run_operation(guest_images.upload, {STATE: ["@installed"]}, lab=LAB, image=IMAGE, tps=(), disk=8)
    assert (run.failed, len(run.commands)) == (True, 1)
    assert "libvirtd does not answer" in caplog.text


def test_an_image_that_is_there_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[object] = []
    monkeypatch.setattr(background, "begin", begun.extend)
    run = run_operation(guest_images.start_build, {STATE: answer(1)}, lab=LAB, image=IMAGE, tps=(), disk=8)
    assert (len(run.commands), run.idle, begun) == (1, True, [])
    run = run_operation(guest_images.start_build, {STATE: EMPTY}, lab=LAB, image=IMAGE, tps=(), disk=8)
    assert (run.idle, len(begun)) == (True, 1)


def present(lines: list[str], image: GuestImage, *tps: str) -> Run:
    return run_operation(guest_images.upload, {STATE: lines}, lab=LAB, image=image, tps=tps, disk=8)


def test_an_image_that_is_there_is_not_even_fetched() -> None:
    run = present(answer(1), IMAGE)
    assert (len(run.commands), run.idle) == (1, True)


def test_an_image_is_verified_on_the_host_before_it_is_put_in_place(tmp_path: Path) -> None:
    image = image_at(tmp_path, b"QFI\xfb and the rest")
    command = present(EMPTY, image).commands[-1]
    assert command.index(f"{image.sha256} ") < command.index("sha256sum --check") < command.index("mv -f")


def test_an_image_is_put_in_place_under_the_name_of_the_edition_that_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))

    def build(recipe: ImageRecipe, progress: Progress) -> Path:
        record_edition(recipe, edition())
        disk = tmp_path / "disk.qcow2"
        disk.write_text("Debian")
        record_checksum(disk, disk)
        return disk

    monkeypatch.setattr(guest_image, "build_disk", build)
    before = guest_image.volume(DebianImage(), ())
    command = present(EMPTY, DebianImage()).commands[-1]
    assert guest_image.volume(DebianImage(), ()) != before
    assert f"/{guest_image.volume(DebianImage(), ())} " in f"{command} "


def test_a_tp_that_there_is_not_fails_the_host_and_names_those_there_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = present(EMPTY, DebianImage(), "unix")
    assert (run.failed, run.changed) == (True, False)
    settings = KvmHostSettings(guest_network=NETWORK, guest_tps=("unix",))
    arguments: dict[str, Any] = {"settings": settings, "guests": guests(1), "require_kvm": False}
    assert run_operation(operations.run, {STATE: EMPTY, KVM: WORKING}, lab=LAB, **arguments).failed
    assert caplog.text.count("guest_tps: there is no TP for guests 'unix'") == 2
    assert "use one of these in group_data/kvm_hosts.py: conteneur, vm" in caplog.text


def test_a_wrong_checksum_and_another_format_fail_the_host(tmp_path: Path) -> None:
    image = image_at(tmp_path, b"raw bytes")
    assert present(EMPTY, image).failed
    assert present(EMPTY, image.model_copy(update={"sha256": 64 * "0"})).failed
