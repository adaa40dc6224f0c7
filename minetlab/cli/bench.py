"""``lab bench``: the lab beside other tools, measured here."""

import sys
from pathlib import Path

import typer

from minetlab.util.errors import LabError
from minetlab.util.paths import PROJECT_ROOT, state_dir


def measure(
    parts: tuple[str, ...],
    output: Path | None,
    *,
    quick: bool,
    rounds: int | None,
    seed: int,
    resume: bool,
    only: tuple[str, ...],
) -> bool:
    """Measure, and write the page; whether nothing failed.

    :param parts: what to measure; nothing: all of it.
    :param output: the folder to write to; None: the documentation's, or for a quick run one of the state's.
    :raises LabError: this is no checkout, there is no such part, or one could not be measured.
    """
    if not (PROJECT_ROOT / "benchmarks").is_dir():
        raise LabError(
            "benchmarks are not installed", next_step="run ./lab bench in a checkout of the project"
        )
    sys.path.insert(0, str(PROJECT_ROOT))
    # Not part of the installed package.
    from benchmarks.command import bench  # noqa: PLC0415
    from benchmarks.part import Options  # noqa: PLC0415

    folder = output or (state_dir() / "bench" if quick else PROJECT_ROOT / "docs")
    options = Options(quick=quick, rounds=rounds, seed=seed, resume=resume, only=only)
    return bench(parts, folder, options, typer.echo)
