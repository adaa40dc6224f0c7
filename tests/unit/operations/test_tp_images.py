"""TP images come to a host that answers from a script; building them is left out."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from minetlab.images import Progress
from minetlab.images.editions import forget_editions, record_edition
from minetlab.images.recipe import ImageRecipe
from minetlab.operations import site, tp_images as operations
from minetlab.site import server
from minetlab.tp import tp_images
from minetlab.util.errors import LabError
from tests.support.container_host import BRIDGE, STATE, image_line
from tests.support.fake_host import Operation, Run, run_operation
from tests.support.mirror import edition

ROOM = "df --output=avail"
MIB = 2**20
FOLDER = "/var/lib/minet-lab/minet/tp-images"
NAMES = ("isa", "processus")
REFERENCES = tp_images.references("minet", NAMES)
ANSWERS, SILENT = json.dumps(BRIDGE), '{"kind":"silence"}'
UPLOADS = json.dumps({"kind": "uploads"})


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that were built, in order: each is a file of two MiB, and that of ``emulation`` fails."""
    names: list[str] = []

    def build(recipe: ImageRecipe, progress: Progress) -> Path:
        if recipe.name == "tp-emulation":
            raise LabError("no mirror", next_step="see the network")
        names.append(recipe.name)
        tar = tmp_path / f"{recipe.name}.tar.gz"
        tar.write_bytes(bytes(2 * MIB))
        tar.with_name(f"{tar.name}.sha256").write_text(f"{64 * '1'}  {tar.name}\n")
        return tar

    monkeypatch.setattr(operations, "build_rootfs", build)
    return names


def run(operation: Operation, *lines: str, names: tuple[str, ...] = NAMES, room: int = 14 * MIB) -> Run:
    return run_operation(operation, {STATE: lines or [ANSWERS], ROOM: [str(room)]}, lab="minet", names=names)


def test_images_that_are_there_are_not_built(built: list[str]) -> None:
    loaded = run(operations.load, *map(image_line, REFERENCES.values()))
    assert (len(loaded.commands), loaded.idle, built) == (1, True, [])


def test_a_missing_image_is_received_whole_and_imported_and_what_was_received_goes(built: list[str]) -> None:
    loaded = run(operations.load, image_line(REFERENCES["isa"]))
    assert (loaded.changed, loaded.failed, loaded.noops, built) == (True, False, (), ["tp-processus"])
    _, folder, room, check, imported, removed = loaded.commands
    uploaded = f"{FOLDER}/tp-processus.tar.gz"
    assert folder == f"install --directory --mode=0700 {FOLDER}"
    assert ROOM in room
    assert check == f"echo '{64 * '1'}  {uploaded}' | sha256sum --check --quiet"
    assert imported.startswith("docker import ")
    assert imported.endswith(f" {uploaded} {REFERENCES['processus']}")
    assert removed.startswith(f"rm -rf {FOLDER} && ")


def test_images_are_imported_in_the_order_in_which_they_are_wanted(built: list[str]) -> None:
    imported = run(operations.load).sent("docker import")
    assert [command.split()[-1] for command in imported] == [REFERENCES[name] for name in NAMES]


def test_what_a_killed_run_has_left_is_removed_also_where_no_image_is_missing(built: list[str]) -> None:
    loaded = run(operations.load, *map(image_line, REFERENCES.values()), UPLOADS)
    assert loaded.changed
    assert loaded.commands[-1].startswith(f"rm -rf {FOLDER} && ")
    assert built == []


@pytest.mark.parametrize("room", [14 * MIB, 15 * MIB, 1000 * MIB])
def test_an_image_is_imported_where_there_is_just_room_for_it(built: list[str], room: int) -> None:
    assert not run(operations.load, names=("isa",), room=room).failed


def test_an_image_is_not_sent_where_there_is_no_room_for_it(
    built: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    loaded = run(operations.load, names=("isa",), room=14 * MIB - 1)
    assert loaded.failed
    assert not loaded.sent("docker import")
    assert f"{REFERENCES['isa']} needs 14 MiB, Docker has 13 MiB left" in caplog.text


def test_an_image_that_cannot_be_built_fails_the_host(
    built: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert run(operations.load, names=("emulation",)).failed
    assert "no mirror" in caplog.text


@pytest.mark.parametrize("operation", [operations.load, operations.prune])
def test_a_tp_that_there_is_not_fails_the_host(
    operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(operation, names=("unix",)).failed
    assert "'unix'" in caplog.text


def test_nothing_is_built_for_a_dockerd_that_is_silent(
    built: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for loaded in (
        run(operations.load, SILENT),
        run_operation(site.image, {STATE: [SILENT]}, lab="minet"),
    ):
        assert (loaded.failed, len(loaded.commands)) == (True, 1)
    assert caplog.text.count("dockerd does not answer") == 2
    assert built == []


def test_the_web_servers_image_comes_the_same_way(built: list[str]) -> None:
    loaded = run_operation(site.image, {STATE: [ANSWERS], ROOM: [str(14 * MIB)]}, lab="minet")
    (imported,) = loaded.sent("docker import")
    assert imported.endswith(f" {server.spec('minet').reference}")
    assert built == [server.recipe().name]


def test_an_image_is_imported_under_the_name_of_the_edition_that_was_built(
    built: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record_the_edition_of_what_is_built(monkeypatch, tmp_path)
    (imported,) = run(operations.load, names=("isa",)).sent("docker import")
    reference = tp_images.references("minet", ["isa"])["isa"]
    assert reference != REFERENCES["isa"]
    assert imported.endswith(f" {reference}")


def test_what_was_built_anew_and_is_what_the_host_has_is_not_sent(
    built: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record_the_edition_of_what_is_built(monkeypatch, tmp_path)
    run(operations.load, names=("isa",))
    there = tp_images.references("minet", ["isa"])["isa"]
    forget_editions([tp_images.recipe(image) for image in tp_images.read(["isa"])])
    loaded = run(operations.load, image_line(there), names=("isa",))
    assert built == ["tp-isa", "tp-isa"]
    assert not loaded.failed
    assert not loaded.sent("docker import")


def record_the_edition_of_what_is_built(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have a build do what the real one does, in a state of the test's own: record its edition."""
    monkeypatch.setenv("MINETLAB_STATE", str(folder / "state"))
    build: Callable[[ImageRecipe, Progress], Path] = vars(operations)["build_rootfs"]

    def build_and_record(recipe: ImageRecipe, progress: Progress) -> Path:
        record_edition(recipe, edition())
        return build(recipe, progress)

    monkeypatch.setattr(operations, "build_rootfs", build_and_record)


def test_an_image_out_of_use_is_removed_and_no_other() -> None:
    kept = list(map(image_line, REFERENCES.values()))
    old = json.dumps({"kind": "image", "identifier": "sha256:9", "repository": "minet/isa", "tag": "old"})
    pruned = run(operations.prune, *kept, old)
    assert (pruned.commands[1:], pruned.noops) == (["docker image rm minet/isa:old"], ())
    assert run(operations.prune, *kept).idle
