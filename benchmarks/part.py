"""What ``lab bench`` is made of: parts, each of which measures something and has a section of the page."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import kept
from benchmarks.kept import Kept, KeptRow
from benchmarks.markdown import where
from minetlab.images import Progress

FILE = "benchmarks.md"
"""The page."""
FOLDER = "benchmarks"
"""The folder of the plots, and of the measurements, beside the page."""


@dataclass(frozen=True)
class Options:
    """How to measure.

    :param quick: small, to see whether it works.
    :param rounds: how often everything is measured; None: as often as the part has it.
    :param seed: of the order in which things take their turns.
    :param resume: leave what is measured, and go on from there.
    :param only: the contestants of the comparison; none: all.
    """

    quick: bool = False
    rounds: int | None = None
    seed: int = 1
    resume: bool = False
    only: tuple[str, ...] = ()


class Part(Protocol):
    """One part."""

    @property
    def name(self) -> str:
        """As it is typed."""

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Measure, and keep what was measured below the folder; whether nothing failed.

        :raises LabError: it could not be measured to its end; what was measured until then is kept.
        """

    def section(self, folder: Path) -> str | None:
        """Its section of the page, in Markdown, with its plots written to the folder; None: not measured."""


@dataclass(frozen=True)
class Simple:
    """A part whose measurements are rows, kept in one file.

    :param rows: measures them.
    :param text: what the page says of them.
    :param figures: plots of them, as SVG, by the name of the file.
    """

    name: str
    rows: Callable[[Options, Progress], Iterator[KeptRow]]
    text: Callable[[Kept], str]
    figures: Callable[[Kept], dict[str, str]] = lambda kept: {}

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Measure it, unless it is to be resumed and all there."""
        kept.keep(self.rows(options, progress), self._file(folder), resume=options.resume)
        return True

    def section(self, folder: Path) -> str | None:
        """Of what was measured, be it all or not."""
        if not self._file(folder).exists():
            return None
        found = kept.load(self._file(folder))
        for name, content in self.figures(found).items():
            (folder / name).write_text(content)
        unfinished = "" if found.whole else "\n*This part was not measured to its end.*\n"
        return f"{self.text(found)}{unfinished}\n{where(found.machine)}\n"

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"
