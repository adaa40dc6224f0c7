"""``lab bench``: measure the parts, and write the page with the latest measurements of all parts."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import boot_storm, creation, lab_up, neighbours, scale
from benchmarks.compare.part import Comparison
from benchmarks.part import FILE, FOLDER, Options, Part
from minetlab.images import Progress
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder

INTRODUCTION = Path(__file__).with_name("introduction.md")
PARTS: tuple[Part, ...] = (
    lab_up.PART,
    Comparison(),
    creation.PART,
    boot_storm.PART,
    scale.PART,
    neighbours.PART,
)
"""In the order of the page."""


def bench(names: Sequence[str], output: Path, options: Options, progress: Progress) -> bool:
    """Measure parts, and write the page, its plots and the measurements.

    The page is written also if this is interrupted. For all other parts it shows their last run.

    :param names: the names of the parts to measure; empty: all.
    :param output: the folder of the page; plots and measurements are in a folder beside it.
    :param options: how to measure.
    :param progress: called with each line that says what is done.
    :return: whether nothing failed.
    :raises LabError: there is no such part, or one could not be measured.
    """
    chosen = _chosen(names)
    folder = output / FOLDER
    make_folder(folder)
    try:
        successes = [part.measure(folder, options, progress) for part in chosen]
    finally:
        _write(output)
    progress(f"written: {output / FILE}")
    return all(successes)


def _chosen(names: Sequence[str]) -> list[Part]:
    existing = [part.name for part in PARTS]
    if unknown := [name for name in names if name not in existing]:
        raise LabError(
            f"there is no part {', '.join(unknown)}", next_step=f"choose of: {', '.join(existing)}"
        )
    return [part for part in PARTS if not names or part.name in names]


def _write(output: Path) -> None:
    sections = [section for part in PARTS if (section := part.section(output / FOLDER))]
    (output / FILE).write_text("\n".join([INTRODUCTION.read_text(), *sections]))
