import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from minetlab.images.cache import checksum_file, locked, make_once, require_free_space
from minetlab.util.errors import LabError
from minetlab.util.process import run


def write(text: str) -> Callable[[Path, Path], object]:
    return lambda made, _scratch: made.write_text(text)


def test_makes_a_thing_once(tmp_path: Path) -> None:
    said: list[str] = []
    target = tmp_path / "thing"
    assert make_once(target, write("first"), "thing", said.append) == target
    assert make_once(target, write("second"), "thing", said.append).read_text() == "first"
    assert [line.split(" in ")[0] for line in said] == ["thing: done"]


@pytest.mark.parametrize("damage", ["content", "no record", "truncated"])
def test_makes_a_corrupt_thing_again_and_says_so(tmp_path: Path, damage: str) -> None:
    said: list[str] = []
    target = make_once(tmp_path / "thing", write("right"), "thing", said.append)
    if damage == "no record":
        checksum_file(target).unlink()
    else:
        target.write_text("wrong" if damage == "content" else "")
    assert make_once(target, write("right"), "thing", said.append).read_text() == "right"
    assert "does not match its checksum" in said[1]


def test_leaves_nothing_half_made(tmp_path: Path) -> None:
    def fail(made: Path, scratch: Path) -> None:
        made.write_text("half")
        (scratch / "more").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_once(tmp_path / "thing", fail, "thing", print)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]


def test_two_runs_make_a_thing_only_once(tmp_path: Path) -> None:
    makers: list[str] = []

    def make(made: Path, scratch: Path) -> None:
        makers.append(str(scratch))
        time.sleep(0.3)
        made.write_text("made")

    runs = [
        threading.Thread(target=make_once, args=(tmp_path / "thing", make, "thing", print)) for _ in range(3)
    ]
    for each in runs:
        each.start()
    for each in runs:
        each.join(timeout=10)
    assert len(makers) == 1


def test_a_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        locked(lock, "thing", print),
        pytest.raises(LabError, match="thing has been locked by another run"),
        locked(lock, "thing", print, limit=0.1),
    ):
        pytest.fail("two hold the lock")
    with locked(lock, "thing", print, limit=0.1):
        pass


def test_too_little_room_names_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"image needs 1000000000\.0 GiB of free disk"):
        require_free_space(tmp_path, 1e9, "image")
    require_free_space(tmp_path, 0, "image")


def test_what_is_dropped_at_exit_is_cleaned_up(tmp_path: Path) -> None:
    program = (
        "import sys, threading, time; from pathlib import Path; from minetlab.images.cache import make_once;"
        "run = lambda made, scratch: (scratch.joinpath('begun').touch(), time.sleep(60));"
        "target = Path(sys.argv[1]);"
        "threading.Thread(target=make_once, args=(target, run, 'thing', print), daemon=True).start();"
        "begun = target.with_name('.thing.partial') / 'begun'\n"
        "while not begun.exists(): time.sleep(0.01)"
    )
    run([sys.executable, "-c", program, str(tmp_path / "thing")], limit=20)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
