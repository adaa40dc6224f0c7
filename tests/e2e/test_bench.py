"""``lab bench``, small: the lab and the floor are timed, and the page is written."""

import json
import re
import subprocess

from benchmarks.compare.contestants import FLOOR, LAB
from minetlab.util.paths import PROJECT_ROOT
from tests.e2e.lab_under_test import LAB as LAB_COMMAND, MOST_COMMANDS, NEEDS_NATIVE_HOSTS

pytestmark = NEEDS_NATIVE_HOSTS


def test_a_quick_run_measures_all_that_it_says_and_goes_on_where_it_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    command = [*LAB_COMMAND, "bench", "peers", "--quick", "--rounds", "1", "-o", str(tmp_path)]
    command += ["--only", FLOOR, "--only", LAB]

    def bench(*options: str) -> list[dict[str, object]]:
        done = subprocess.run(
            [*command, *options], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=2400, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return list(json.loads((tmp_path / "benchmarks/peers.json").read_text())["measurements"])

    measured = bench()
    rows = {(each["contestant"], each["verb"], each["kind"]) for each in measured}
    verbs, kinds = ("create", "repeat", "remove"), ("guests", "containers", "class")
    assert rows == {(name, verb, kind) for name in (FLOOR, LAB) for verb in verbs for kind in kinds}
    page = (tmp_path / "benchmarks.md").read_text()
    assert len(re.findall(rf"^\| {LAB} \| [\d.]+ \(", page, re.MULTILINE)) == len(verbs)
    assert "What failed" not in page
    assert {file.name for file in (tmp_path / "benchmarks").glob("*.svg")} == {
        f"{verb}.svg" for verb in verbs
    }

    kept = [each for each in measured if (each["contestant"], each["kind"]) != (LAB, "containers")]
    file = tmp_path / "benchmarks/peers.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "measurements": kept}))
    again = bench("--resume")
    assert again[: len(kept)] == kept
    assert {(each["contestant"], each["kind"]) for each in again[len(kept) :]} == {(LAB, "containers")}


def test_the_parts_that_are_the_lab_s_own_measure_all_that_they_say(tmp_path, monkeypatch):
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    parts = ("creation", "boots", "scale")
    command = [*LAB_COMMAND, "bench", *parts, "--quick", "-o", str(tmp_path)]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=2400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kept = {part: json.loads((tmp_path / f"benchmarks/{part}.json").read_text()) for part in parts}
    assert all(each["whole"] for each in kept.values())
    assert {(row["load"], row["verb"]) for row in kept["creation"]["rows"]} == {
        (load, verb) for load in ("2 guests", "2 containers") for verb in ("create", "remove")
    }
    assert {row["bound"] for row in kept["boots"]["rows"]} == {"automatic", "1"}
    *cells, turn = kept["scale"]["rows"]
    assert turn["few"] < turn["many"]
    assert turn["growth"] > 0
    sizes = {(row["hosts"], row["students"]) for row in cells}
    assert sizes == {(hosts, students) for hosts in (1, 2) for students in (1, 4)}
    commands = [row["commands"] for row in cells if "commands" in row]
    assert len(commands) == len(sizes)
    assert max(commands) <= MOST_COMMANDS
    # A host without students has nothing to do, either.
    assert len(set(commands)) == 1
    page = (tmp_path / "benchmarks.md").read_text()
    assert [part for part in parts if f"(`{part}`)" in page] == list(parts)
