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
    """The lab beside other tools."""

    name = "peers"

    def measure(self, folder: Path, options: Options, progress: Progress) -> bool:
        """Compare; whether nobody failed and nobody was missing."""
        found = compare(
            plan(quick=options.quick, rounds=options.rounds, seed=options.seed),
            self._file(folder),
            progress,
            resume=options.resume and self._file(folder).exists(),
            only=options.only,
        )
        return not found.problems() and not any(each.absent for each in found.entrants)

    def section(self, folder: Path) -> str | None:
        """Of what was measured, be it all or not."""
        if not self._file(folder).exists():
            return None
        found = results.load(self._file(folder))
        names = [each.name for each in CONTESTANTS]
        for name, content in figures(found, names, LAB):
            (folder / name).write_text(content)
        said = {"rounds": found.plan["rounds"], "tp_image": TP_IMAGE}
        introduction = (HERE / "introduction.md").read_text().format(**said)
        return f"{section(found, introduction, names, FLOOR)}\n{where(found.machine)}\n"

    def _file(self, folder: Path) -> Path:
        return folder / f"{self.name}.json"
