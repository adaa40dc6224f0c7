"""The parts of ``lab bench``: what is kept of them, and what the page makes of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from benchmarks import boot_storm, command, creation, kept, lab_up, scale
from benchmarks.command import bench
from benchmarks.kept import Kept, KeptRow
from benchmarks.part import FILE, FOLDER, Options, Simple
from benchmarks.timeline import LAB, Span, figure, spans
from benchmarks.usage import PEAK_EVERY, used
from minetlab.cli.app import app
from minetlab.images import Progress
from minetlab.util.errors import LabError

SAID = """0.2 --> Connecting to hosts...
5.2     [@sandbox/hv1] Connected
6.2     [@sandbox/ct1] Connected
6.5 --> Starting operation: Take the host's lock
6.6 --> Starting operation: deploys/kvm_host.py | Install QEMU and libvirt
7.0     [@sandbox/hv1] Success
8.0     [@sandbox/ct1] Success
8.1     [@sandbox/ct1] Skipped
20.0     [@sandbox/hv1] not yet done (10 s)
37.0     [@sandbox/hv1] No changes
38.0 asking 6 machines
50.0 88 passed, 16 deselected in 12.00s
"""
MACHINE = {
    "processors": "2 processors",
    "memory": "24 GiB",
    "kernel": "6.1",
    "day": "2026-11-28",
    "revision": "a",
}
ROWS: dict[str, list[KeptRow]] = {
    "up": [
        {"stage": lab_up.NOTHING, "seconds": each, "spans": [["hv1", "x | Install", 0.0, 9.0]]}
        for each in (200.0, 210.0)
    ],
    "creation": [{"load": "10 guests", "verb": "create", "lab": 1.1, "floor": 1.0, "ratio": 1.1}],
    "boots": [
        {"guests": 10, "bound": bound, "seconds": seconds}
        for bound, seconds in (("10", 150.0), ("automatic", 110.0), ("2", 100.0))
    ],
    "scale": [
        {"hosts": hosts, "students": students, "deploy": deploy, name: 1.0 + hosts + students}
        for hosts in (1, 5)
        for students in (1, 30)
        for name, deploy in scale.TABLES
    ],
}


def test_the_page_says_what_was_aimed_at() -> None:
    memory: KeptRow = {"hosts": 10, "students": 300, "deploy": scale.REPEAT, "peak": 100.0}
    turns: list[KeptRow] = [{**scale.GROWTH._asdict(), "growth": each} for each in (1.2, 1.3, 1.4)]
    said = scale._aims(Kept(MACHINE, [memory, *turns]))
    assert (
        "300 students on 10 hosts take so many times what 10 take, in turns | 1.30 (1.25 … 1.35) | 1.5 |"
        in said
    )
    assert "| 105 | 150 |" in said
    assert "take so many times" not in scale._aims(Kept(MACHINE, [memory]))


def lines() -> list[tuple[float, str]]:
    return [(float(at), line) for at, _, line in (each.partition(" ") for each in SAID.splitlines())]


def test_a_timeline_has_a_span_for_each_thing_that_took_long() -> None:
    assert spans(lines(), 55.0) == [
        Span("ct1", "boot or resume, connect", 0.2, 6.2),
        Span("hv1", "boot or resume, connect", 0.2, 5.2),
        Span("hv1", "Take the host's lock", 5.2, 7.0),
        Span("ct1", "Take the host's lock", 6.2, 8.0),
        Span("hv1", "deploys/kvm_host.py | Install QEMU and libvirt", 7.0, 37.0),
        Span(LAB, "verify", 38.0, 50.0),
        Span(LAB, "save a checkpoint", 50.0, 55.0),
    ]


def test_its_picture_names_hosts_and_what_took_longest() -> None:
    picture = figure(spans(lines(), 55.0))
    for name in ("hv1", "ct1", "Install QEMU and libvirt", "verify"):
        assert f">{name}<" in picture


def rows(progress: Progress, number: int = 3) -> Iterator[KeptRow]:
    for each in range(number):
        if each == 2:
            raise LabError("it broke", next_step="mend it")
        yield {"number": each}


def test_each_row_is_kept_as_soon_as_it_is_there(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    with pytest.raises(LabError, match="it broke"):
        kept.keep(rows(print), file, resume=False)
    assert (kept.load(file).rows, kept.load(file).whole) == ([{"number": 0}, {"number": 1}], False)
    assert kept.keep(rows(print, 1), file, resume=True).rows == [{"number": 0}]
    # Whole now: there is nothing to resume.
    assert kept.keep(rows(print), file, resume=True).rows == [{"number": 0}]
    file.write_text("[]")
    with pytest.raises(LabError, match="cannot read the measurements"):
        kept.load(file)


@pytest.mark.parametrize("part", [lab_up.PART, creation.PART, boot_storm.PART, scale.PART])
def test_a_part_says_what_was_measured_and_whether_that_is_all(part: Simple, tmp_path: Path) -> None:
    assert part.section(tmp_path) is None
    found = Kept(MACHINE, ROWS[part.name])
    found.save(tmp_path / f"{part.name}.json")
    section = part.section(tmp_path)
    assert section
    assert f"(`{part.name}`)" in section
    assert "not measured to its end" in section
    found.whole = True
    found.save(tmp_path / f"{part.name}.json")
    assert "not measured to its end" not in str(part.section(tmp_path))


def test_what_the_lab_chooses_is_compared_with_the_best() -> None:
    said = boot_storm.PART.text(Kept(MACHINE, ROWS["boots"]))
    table = [line for line in said.splitlines() if line.startswith("| ")]
    assert table[1:] == ["| automatic | 110 | 1.10 |", "| 2 | 100 | 1.00 |", "| 10 | 150 | 1.50 |"]


def test_a_campus_is_what_the_slopes_say() -> None:
    said = scale.PART.text(Kept(MACHINE, ROWS["scale"]))
    assert "| hosts | 1 student | 30 students |" in said
    assert "| 5 | 7.00 | 36.0 |" in said
    assert f"**{1 + sum(scale.CAMPUS)}**" in said


def test_medians_stand_with_their_quartiles() -> None:
    said = lab_up.PART.text(Kept(MACHINE, ROWS["up"]))
    assert f"| {lab_up.NOTHING} | 205 (200 … 210) |" in said
    assert "| hv1 | Install | 9.00 |" in said


def test_the_page_is_made_of_all_that_was_ever_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (
        Simple(name, lambda options, progress: rows(progress, 2), lambda found: f"## {len(found.rows)} rows")
        for name in "ab"
    )
    monkeypatch.setattr(command, "PARTS", (one, two))
    assert bench(["b"], tmp_path, Options(), print)
    assert (tmp_path / FILE).read_text().count("## 2 rows") == 1
    assert bench(["a"], tmp_path, Options(), print)
    assert (tmp_path / FILE).read_text().count("## 2 rows") == 2
    assert json.loads((tmp_path / FOLDER / "a.json").read_text())["whole"]
    with pytest.raises(LabError, match="there is no part c") as raised:
        bench(["c"], tmp_path, Options(), print)
    assert "choose of: a, b" in str(raised.value)


def test_the_help_names_every_part() -> None:
    command_parts = typer.main.get_command(app).commands["bench"].params[0]  # type: ignore[attr-defined]
    assert all(part.name in command_parts.help for part in command.PARTS)


def test_a_command_s_use_of_this_machine_is_known() -> None:
    script = "memory = bytearray(64 << 20); memory[::4096] = b'x' * len(memory[::4096]); print('done')"
    # It is looked at every PEAK_EVERY seconds: what it has for less may be missed.
    usage, said = used(["python3", "-c", f"{script}; import time; time.sleep({50 * PEAK_EVERY})"], {})
    assert said == "done\n"
    assert usage.peak > 64
    assert usage.processor > 0
    assert usage.seconds > 0
    ours = bytearray(256 << 20)
    ours[::4096] = b"x" * len(ours[::4096])
    assert used(["sleep", "0.2"], {})[0].peak < 64, "what started it counts for nothing"
    with pytest.raises(LabError, match="status 3:\nwhy"):
        used(["sh", "-c", "echo why >&2; exit 3"], {})
