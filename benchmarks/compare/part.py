"""The comparison as a part of ``lab bench``."""

from pathlib import Path

from benchmarks.compare import results
from benchmarks.compare.contestant import HERE
from benchmarks.compare.contestants import CONTESTANTS, FLOOR, LAB
from benchmarks.compare.page import figures, section
from benchmarks.compare.rows import plan
from benchmarks.compare.run import TP_IMAGE, compare
from benchmarks.markdown import where
from benchmarks.part import Options
from minetlab.images import Progress


class Comparison:
    """The part that compares the lab with other tools."""

    name = "peers"

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Compare, and return whether all contestants took part and none failed."""
        comparison = compare(
            plan(quick=options.quick, rounds=options.rounds, seed=options.seed),
            self._file(folder),
            progress,
            resume=options.resume and self._file(folder).exists(),
            only=options.only,
        )
        return not comparison.problems() and not any(entrant.absent for entrant in comparison.entrants)

    def section(self, folder: Path) -> str | None:
        """Return the section, also if not everything was measured, and write the plots."""
        if not self._file(folder).exists():
            return None
        comparison = results.load(self._file(folder))
        names = [contestant.name for contestant in CONTESTANTS]
        for name, content in figures(comparison, names, LAB):
            (folder / name).write_text(content)
        template = (HERE / "introduction.md").read_text()
        introduction = template.format(rounds=comparison.plan["rounds"], tp_image=TP_IMAGE)
        return f"{section(comparison, introduction, names, FLOOR)}\n{where(comparison.machine)}\n"

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"
