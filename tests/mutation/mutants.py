"""A sample of the code's mutants, made by cosmic-ray: small changes that the fast tests are to notice."""

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem, WorkResult

from minetlab.util.paths import PROJECT_ROOT

PACKAGES = ("checks", "facts", "lab", "operations", "plan", "resources", "sandbox")
SESSION, CONFIG = "session.sqlite", "cosmic-ray.toml"
CONSTANT = re.compile(r"[A-Z_]+(, [A-Z_]+)*(: [^=]+)? = ")
Result = tuple[WorkItem, WorkResult]
SETTINGS = """\
[cosmic-ray]
module-path = "minetlab"
timeout = {limit}
excluded-modules = []
test-command = "{python} tests/mutation/run_units.py"

[cosmic-ray.distributor]
name = "local"
"""


def copy_tree(folder: Path, limit: float) -> Path:
    """Copy the project into a git repository of its own, where its files can be changed.

    :param folder: where to; it is made.
    :param limit: seconds that the tests of one mutant may take.
    :return: the folder.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (source := PROJECT_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name, follow_symlinks=False)
    (folder / CONFIG).write_text(SETTINGS.format(limit=limit, python=sys.executable))
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["-c", "user.name=tests", "-c", "user.email=tests@localhost", "commit", "--quiet", "--message=copy"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def all_mutants(tree: Path) -> list[WorkItem]:
    """Return every mutant of :data:`PACKAGES` that a test could notice, in the same order each time.

    :param tree: a copy of the project, which is the working directory.
    """
    modules = sorted(
        file.relative_to(tree) for name in PACKAGES for file in tree.glob(f"minetlab/{name}/*.py")
    )
    with use_db(str(tree / "all.sqlite")) as database:
        init(modules, database, {})
        mutants = list(database.work_items)
    lines = {module: (tree / module).read_text(encoding="utf-8").splitlines() for module in modules}
    noticeable = []
    for mutant in mutants:
        (mutation,) = mutant.mutations
        if is_noticeable(mutation, lines[mutation.module_path]):
            noticeable.append(mutant)
    return sorted(noticeable, key=lambda mutant: _place(mutant.mutations[0]))


def is_noticeable(mutation: MutationSpec, lines: Sequence[str]) -> bool:
    """Return whether a mutation changes what the code does, rather than a type, a limit or a cache.

    :param lines: of the module.
    """
    line = lines[mutation.start_pos[0] - 1]
    if "_BitOr_" in mutation.operator_name:  # nearly all of them are in types: `str | None`
        return False
    if mutation.operator_name == "core/NumberReplacer" and CONSTANT.match(line):
        return False
    return line.strip() not in ("@cache", "@lru_cache")


def sample(mutants: Sequence[WorkItem], size: int, seed: int) -> list[WorkItem]:
    """Return so many of these mutants, the same ones for the same seed."""
    return random.Random(seed).sample(mutants, min(size, len(mutants)))  # noqa: S311 (nothing is secret)


def run_tests(trees: Sequence[Path], mutants: Sequence[WorkItem], limit: float) -> list[Result]:
    """Have the fast tests run on each mutant; in each tree, one mutant after the other.

    :param trees: copies of the project.
    :param limit: seconds for all of it.
    :return: each mutant with what came of it.
    """
    running = []
    for number, tree in enumerate(trees):
        with use_db(str(tree / SESSION)) as database:
            database.add_work_items(mutants[number :: len(trees)])
        command = [str(Path(sys.executable).with_name("cosmic-ray")), "exec", CONFIG, SESSION]
        running.append(subprocess.Popen(command, cwd=tree))
    try:
        for process in running:
            assert process.wait(limit) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()
    results = []
    for tree in trees:
        with use_db(str(tree / SESSION)) as database:
            results += list(database.completed_work_items)
    return results


def survivors(results: Iterable[Result]) -> list[str]:
    """Return what the tests did not notice, as diffs."""
    return [str(result.diff) for _, result in results if result.test_outcome == TestOutcome.SURVIVED]


def _place(mutation: MutationSpec) -> tuple[str, tuple[int, int], str, int]:
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence
