"""What the image cache loses when it is too large, and what it keeps in any case."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from minetlab.images.toolbox import toolbox_folder
from minetlab.sandbox import prune as prune_module
from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.in_use import register
from minetlab.sandbox.machine import HostRecord, SandboxHost
from minetlab.sandbox.prune import CacheEntry, cache_entries, keep_within_bounds, limit_gib, prune
from minetlab.sandbox.replace import READY_FOLDER
from minetlab.sandbox.spec import SandboxSpec
from minetlab.util.errors import LabError

MIB = b"x" * 2**20
DAY = 86400.0


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MINETLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "state").mkdir()
    for kind in ("images", "booted", "toolbox"):
        (tmp_path / "cache" / kind).mkdir(parents=True)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def image(cache: Path, name: str, days: float) -> Path:
    """An image of a MiB that was last used so many days ago."""
    file = cache / "images" / f"{name}.qcow2"
    file.write_bytes(MIB)
    checksum = file.with_name(f"{file.name}.sha256")
    checksum.write_text("0  x\n")
    file.with_suffix(".log").write_text("made")
    used(checksum, days)
    return file


def booted(cache: Path, name: str, days: float) -> Path:
    folder = cache / "booted" / name
    (folder / "memory").mkdir(parents=True)
    (folder / "memory" / "memory").write_bytes(MIB)
    used(folder, days)
    return folder


def used(path: Path, days: float) -> None:
    when = time.time() - days * DAY
    os.utime(path, (when, when))


def host(image: Path, booted: Path | None = None, folder: Path | None = None) -> None:
    """A sandbox host that stands on these."""
    machine = SandboxHost("hv1", folder)
    machine.folder.mkdir(parents=True)
    machine.record = HostRecord(
        spec=SandboxSpec(),
        image=image,
        image_sha256="0",
        booted=booted / "disk.qcow2" if booted else None,
        booted_sha256="0" if booted else None,
        accelerator=Accelerator("tcg", "for the test"),
    )
    register()


def left(cache: Path) -> set[str]:
    """All but the locks, which are never removed."""
    return {path.name for kind in ("images", "booted") for path in (cache / kind).glob("[!.]*")}


def test_what_was_not_used_for_longest_goes_first(cache: Path) -> None:
    image(cache, "old", 30)
    image(cache, "older", 60)
    booted(cache, "oldest", 90)
    said: list[str] = []
    freed = prune(said.append, limit=1.5 / 1024)
    assert left(cache) == {"old.qcow2", "old.qcow2.sha256", "old.log"}
    assert [line.split()[1] for line in said] == ["booted/oldest", "images/older.qcow2"]
    assert 2 * 2**20 <= freed < 3 * 2**20


def test_the_log_of_a_root_file_system_goes_with_it(cache: Path) -> None:
    tar = image(cache, "tp", 60)
    for name in ("tp.qcow2", "tp.qcow2.sha256"):
        (tar.parent / name).rename(tar.parent / name.replace("qcow2", "tar.gz"))
    prune(print, limit=0)
    assert left(cache) == set()


def test_what_fits_stays(cache: Path) -> None:
    image(cache, "old", 300)
    assert prune(print, limit=1) == 0
    assert len(left(cache)) == 3


def test_what_a_host_stands_on_stays(cache: Path) -> None:
    below, state = image(cache, "below", 300), booted(cache, "state", 300)
    image(cache, "unused", 2)
    host(below, state)
    prune(print, limit=0)
    assert left(cache) == {"below.qcow2", "below.qcow2.sha256", "below.log", "state"}


def test_what_a_checkpoint_stands_on_stays(cache: Path, tmp_path: Path) -> None:
    below = image(cache, "below", 300)
    host(below, folder=tmp_path / "state" / "labs" / "minet" / "checkpoints" / "before" / "hv1")
    prune(print, limit=0)
    assert "below.qcow2" in left(cache)


@pytest.mark.parametrize(
    "folder", [".hv1.old", f".hv1.{READY_FOLDER}.partial/hv1", f".hv1.0a1b2c3d.{READY_FOLDER}/hv1"]
)
def test_what_a_host_stands_on_that_is_just_being_restored_stays(
    cache: Path, tmp_path: Path, folder: str
) -> None:
    below = image(cache, "below", 300)
    host(below, folder=tmp_path / "state" / "sandbox" / folder)
    prune(print, limit=0)
    assert "below.qcow2" in left(cache)


def test_what_somebody_has_removed_by_hand_is_no_obstacle(cache: Path) -> None:
    image(cache, "gone", 300).unlink()
    image(cache, "old", 300)
    prune(print, limit=0)
    assert left(cache) == set()


def test_what_somebody_removes_meanwhile_is_no_obstacle(cache: Path) -> None:
    gone = cache / "images" / "gone.tar"
    assert prune_module._remove(CacheEntry((gone,), gone, needed=False), print) == 0


def test_a_host_that_was_made_does_not_fail_as_the_cache_cannot_be_made_smaller(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINETLAB_CACHE_GIB", "much")
    said: list[str] = []
    keep_within_bounds(said.append)
    (line,) = said
    assert "MINETLAB_CACHE_GIB is 'much'" in line


def test_what_another_state_folders_host_stands_on_stays(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = image(cache, "below", 300)
    host(below)
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "another"))
    prune(print, limit=0)
    assert "below.qcow2" in left(cache)
    (tmp_path / "state").rename(tmp_path / "gone")
    prune(print, limit=0)
    assert left(cache) == set()


def test_what_was_used_just_now_stays(cache: Path) -> None:
    image(cache, "new", 0)
    prune(print, limit=0)
    assert "new.qcow2" in left(cache)


def test_the_toolbox_of_now_stays_and_others_go(cache: Path) -> None:
    toolbox_folder().mkdir()
    (cache / "toolbox" / "trixie-of-before").mkdir()
    for folder in (cache / "toolbox").iterdir():
        used(folder, 300)
        (folder / "qemu").write_bytes(MIB)
        used(folder, 300)
    prune(print, limit=0)
    assert [path.name for path in (cache / "toolbox").glob("[!.]*")] == [toolbox_folder().name]


def test_what_a_killed_run_has_left_goes_and_what_is_being_made_stays(cache: Path) -> None:
    for name in ("killed", "running"):
        (cache / "images" / f".{name}.partial").mkdir()
        (cache / "images" / f".{name}.lock").touch()
    with (cache / "images" / ".running.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prune(print)
    assert not (cache / "images" / ".killed.partial").exists()
    assert (cache / "images" / ".running.partial").exists()


def test_what_a_killed_run_has_left_is_nobody_elses_while_it_goes(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "images" / ".killed.partial").mkdir()
    (cache / "images" / ".killed.lock").touch()

    def remove(folder: Path, *, ignore_errors: bool) -> None:
        with (cache / "images" / ".killed.lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert ignore_errors
        folder.rmdir()

    monkeypatch.setattr("shutil.rmtree", remove)
    prune(print)
    assert not (cache / "images" / ".killed.partial").exists()


def test_what_a_run_used_while_others_were_removed_stays(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image(cache, "older", 60)
    old = image(cache, "old", 30)

    def said(line: str) -> None:
        if "older" in line:
            used(old.with_name("old.qcow2.sha256"), 0)

    prune(said, limit=0)
    assert left(cache) == {"old.qcow2", "old.qcow2.sha256", "old.log"}


def test_the_limit_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINETLAB_CACHE_GIB", "7.5")
    assert limit_gib() == 7.5
    monkeypatch.setenv("MINETLAB_CACHE_GIB", "much")
    with pytest.raises(LabError, match="MINETLAB_CACHE_GIB is 'much'"):
        limit_gib()


def test_everything_in_the_cache_is_listed_with_its_size(cache: Path) -> None:
    image(cache, "one", 1)
    booted(cache, "two", 1)
    sizes = {entry.name: entry.size for entry in cache_entries()}
    assert sizes.keys() == {"images/one.qcow2", "booted/two"}
    assert all(size >= 2**20 for size in sizes.values())


def test_what_is_freed_is_the_room_that_it_took(cache: Path) -> None:
    image(cache, "one", 5)
    booted(cache, "two", 4)
    (cache / "images" / ".killed.partial").mkdir()
    (cache / "images" / ".killed.partial" / "disk").write_bytes(MIB)
    kept = [file for file in cache.glob("*/[!.]*") if file.is_file()]
    gone = [*kept, *(cache / "booted" / "two").rglob("*"), cache / "images" / ".killed.partial" / "disk"]
    room = sum(file.lstat().st_blocks * 512 for file in gone)
    assert room > 3 * 2**20
    said: list[str] = []
    assert prune(said.append, limit=0) == room
    assert said[0] == "removing images/.killed.partial (1 MiB)"
    assert left(cache) == set()


@pytest.mark.parametrize(("limit", "stays"), [(0, False), (-1, True)])
def test_a_cache_that_is_just_as_large_as_it_may_be_stays(cache: Path, limit: int, stays: bool) -> None:
    image(cache, "old", 5)
    size = sum(entry.size for entry in cache_entries())
    prune(print, limit=(size - 1 - limit) / 2**30)
    assert bool(left(cache)) == stays


def test_the_limit_is_that_of_the_environment_or_twenty_gib(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image(cache, "old", 5)
    monkeypatch.delenv("MINETLAB_CACHE_GIB", raising=False)
    assert limit_gib() == 20
    assert prune(print) == 0
    monkeypatch.setenv("MINETLAB_CACHE_GIB", "0")
    assert prune(print) > 2**20
    assert left(cache) == set()


@pytest.mark.parametrize(("hours", "stays"), [(0.9, True), (1.1, False)])
def test_what_was_used_within_the_hour_stays(cache: Path, hours: float, stays: bool) -> None:
    image(cache, "old", hours / 24)
    prune(print, limit=0)
    assert bool(left(cache)) == stays


def test_what_a_run_has_locked_stays(cache: Path) -> None:
    image(cache, "old", 30)
    with (cache / "images" / ".old.qcow2.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert prune(print, limit=0) == 0
    assert len(left(cache)) == 3


def test_a_machine_that_a_killed_run_has_left_running_is_ended(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Path] = []
    monkeypatch.setattr(SandboxHost, "kill", lambda host: ended.append(host.folder))
    (cache / "booted" / ".warm-1.partial").mkdir()
    prune(print)
    assert ended == [cache / "booted" / ".warm-1.partial"]


def test_what_another_run_is_removing_was_used_now_and_takes_no_room(cache: Path) -> None:
    entry = CacheEntry((cache / "gone",), cache / "gone", needed=False)
    assert entry.last_used == pytest.approx(time.time(), abs=60)
    assert entry.size == 0
    assert entry.name == "cache/gone"


def test_no_room_for_a_lock_is_only_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*of: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(prune_module, "locked", full)
    said: list[str] = []
    keep_within_bounds(said.append)
    assert said == ["the image cache was not made smaller: No space left on device"]
