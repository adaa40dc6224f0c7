"""``lab bench``: the lab beside other tools, measured here."""

import sys
from pathlib import Path

import typer

from minetlab.errors import LabError
from minetlab.paths import PROJECT_ROOT, state_dir


def run(
    output: Path | None, *, quick: bool, rounds: int | None, seed: int, resume: bool, only: tuple[str, ...]
) -> bool:
    """Measure, and write the page; whether nothing failed.

    :param output: the folder to write to; None: the documentation's, or for a quick run one of the state's.
    :raises LabError: this is no checkout, or nothing could be measured.
    """
    if not (PROJECT_ROOT / "benchmarks").is_dir():
        raise LabError(
            "benchmarks are not installed", next_step="run ./lab bench in a checkout of the project"
        )
    sys.path.insert(0, str(PROJECT_ROOT))
    from benchmarks.compare.command import bench  # noqa: PLC0415 (not part of the installed package)

    folder = output or (state_dir() / "bench" if quick else PROJECT_ROOT / "docs")
    return bench(folder, typer.echo, quick=quick, rounds=rounds, seed=seed, resume=resume, only=only)
