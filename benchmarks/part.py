"""The parts of ``lab bench``: each measures something, and has a section of the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import kept
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import where
from minetlab.images import Progress

FILE = "benchmarks.md"
"""The name of the page."""
FOLDER = "benchmarks"
"""The name of the folder beside the page that holds plots and measurements."""


@dataclass(frozen=True)
class Options:
    """How to measure.

    :param quick: measure little, only to see whether it works.
    :param rounds: how often everything is measured; None: as often as the part does by default.
    :param seed: the seed of the order in which things are measured.
    :param resume: keep what was measured before, and go on from there.
    :param only: the names of the contestants that take part in the comparison; empty: all.
    """

    quick: bool = False
    rounds: int | None = None
    seed: int = 1
    resume: bool = False
    only: tuple[str, ...] = ()


class Part(Protocol):
    """A part of ``lab bench``."""

    @property
    def name(self) -> str:
        """The name by which it is chosen on the command line."""

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Measure, and keep the measurements in a folder.

        :param folder: the folder of plots and measurements.
        :param options: how to measure.
        :param progress: called with each line that says what is done.
        :return: whether nothing failed.
        :raises LabError: not everything could be measured; what was measured before is kept.
        """

    def section(self, folder: Path) -> str | None:
        """Return the section of the page in Markdown, or None if nothing was measured; write its plots."""


@dataclass(frozen=True)
class Simple:
    """A part whose measurements are rows, kept in one file.

    :param name: the name by which it is chosen on the command line.
    :param rows: measures and yields the rows.
    :param text: makes the section of the page, in Markdown.
    :param figures: makes the plots, as SVG, by the names of their files.
    """

    name: str
    rows: Callable[[Options, Progress], Iterator[KeptRow]]
    text: Callable[[Kept], str]
    figures: Callable[[Kept], dict[str, str]] = lambda kept: {}

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Measure all rows, unless ``options.resume`` is set and all are there already."""
        kept.keep(self.rows(options, progress), self._file(folder), resume=options.resume)
        return True

    def section(self, folder: Path) -> str | None:
        """Return the section, also if not all rows were measured, and write the plots."""
        if not self._file(folder).exists():
            return None
        measurements = kept.load(self._file(folder))
        for name, content in self.figures(measurements).items():
            (folder / name).write_text(content)
        unfinished = "" if measurements.whole else "\n*This part was not measured to its end.*\n"
        return f"{self.text(measurements)}{unfinished}\n{where(measurements.machine)}\n"

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"
