"""``lab bench``: measure the parts, and write the page of all that was ever measured there."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks import boot_storm, creation, lab_up, scale
from benchmarks.compare.part import Comparison
from benchmarks.part import FILE, FOLDER, Options, Part
from minetlab.images import Progress
from minetlab.util.errors import LabError
from minetlab.util.files import make_folder

INTRODUCTION = Path(__file__).with_name("introduction.md")
PARTS: tuple[Part, ...] = (lab_up.PART, Comparison(), creation.PART, boot_storm.PART, scale.PART)
"""In the order of the page."""


def bench(names: Sequence[str], output: Path, options: Options, progress: Progress) -> bool:
    """Measure parts, and write the page, its plots and the measurements; whether nothing failed.

    The page is written also when it is interrupted. What it says of other parts is of their last run.

    :param names: of the parts; none: all.
    :param output: the folder of the page; the rest is in a folder beside it.
    :raises LabError: there is no such part, or one could not be measured.
    """
    chosen = _chosen(names)
    folder = output / FOLDER
    make_folder(folder)
    try:
        fine = [part.measure(folder, options, progress) for part in chosen]
    finally:
        _write(output)
    progress(f"written: {output / FILE}")
    return all(fine)


def _chosen(names: Sequence[str]) -> list[Part]:
    known = {part.name: part for part in PARTS}
    if unknown := [name for name in names if name not in known]:
        raise LabError(f"there is no part {', '.join(unknown)}", next_step=f"choose of: {', '.join(known)}")
    return [part for part in PARTS if not names or part.name in names]


def _write(output: Path) -> None:
    sections = [section for part in PARTS if (section := part.section(output / FOLDER))]
    (output / FILE).write_text("\n".join([INTRODUCTION.read_text(), *sections]))
