"""``lab bench``: measure the lab and other tools on this machine."""

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
    """Run benchmarks, and write the page with their results.

    :param parts: the names of the parts to measure; empty: all of them.
    :param output: the folder to write to; None: ``docs/``, or a folder of the state for a quick run.
    :param quick: measure small loads, in few rounds.
    :param rounds: how often everything is measured; None: each part's default.
    :param seed: of the random order of the measurements.
    :param resume: keep what an interrupted run has measured, and continue with the rest.
    :param only: names of the contestants to measure; empty: all of them.
    :return: whether nothing failed.
    :raises LabError: this is not a checkout of the project, there is no such part, or a part could not be
        measured.
    """
    if not (PROJECT_ROOT / "benchmarks").is_dir():
        raise LabError(
            "benchmarks are not installed", next_step="run ./lab bench in a checkout of the project"
        )
    sys.path.insert(0, str(PROJECT_ROOT))
    # Imported here, as the installed package does not contain it.
    from benchmarks.command import bench  # noqa: PLC0415
    from benchmarks.part import Options  # noqa: PLC0415

    folder = output or (state_dir() / "bench" if quick else PROJECT_ROOT / "docs")
    options = Options(quick=quick, rounds=rounds, seed=seed, resume=resume, only=only)
    return bench(parts, folder, options, typer.echo)
