"""``lab bench``: compare, and write what came of it."""

from pathlib import Path

from benchmarks.compare import results
from benchmarks.compare.contestant import HERE
from benchmarks.compare.contestants import CONTESTANTS, FLOOR, LAB
from benchmarks.compare.page import FIGURES, FILE, figures, page
from benchmarks.compare.rows import plan
from benchmarks.compare.run import TP_IMAGE, compare
from minetlab.files import make_folder
from minetlab.images import Progress

MEASUREMENTS = "measurements.json"


def bench(
    output: Path,
    progress: Progress,
    *,
    quick: bool,
    rounds: int | None,
    seed: int,
    resume: bool,
    only: tuple[str, ...],
) -> bool:
    """Compare, and write the page, its plots and the measurements; whether nothing failed.

    What was measured until then is written as well when it is interrupted.

    :param output: the folder of the page; the rest is in a folder beside it.
    :param quick: small loads and few rounds.
    :param rounds: None: as many as such a run has.
    :param seed: of the order in which contestants take their turns.
    :param resume: go on from the measurements that are there.
    :param only: names of contestants; none: all.
    :raises LabError: nothing could be compared.
    """
    folder = output / FIGURES
    make_folder(folder)
    kept = folder / MEASUREMENTS
    words = ["./lab bench", *(["--quick"] if quick else []), *(f"--only '{name}'" for name in only)]
    try:
        found = compare(plan(quick=quick, rounds=rounds, seed=seed), kept, progress, resume=resume, only=only)
    finally:
        if kept.exists():
            _write(results.load(kept), output, " ".join(words))
    progress(f"written: {output / FILE}")
    return not found.problems() and not any(each.absent for each in found.entrants)


def _write(found: results.Results, output: Path, command: str) -> None:
    names = [each.name for each in CONTESTANTS]
    said = {**found.machine, "rounds": found.plan["rounds"], "command": command, "tp_image": TP_IMAGE}
    introduction = (HERE / "introduction.md").read_text().format(**said)
    (output / FILE).write_text(page(found, introduction, names, FLOOR))
    for name, content in figures(found, names, LAB):
        (output / FIGURES / name).write_text(content)
