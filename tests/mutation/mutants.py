"""A sample of the code's mutants, made by cosmic-ray: small changes that the fast tests are to notice."""

import ast
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkItem, WorkResult

from minetlab.util.paths import PROJECT_ROOT

PACKAGES = ("checks", "facts", "lab", "operations", "plan", "resources", "sandbox")
SESSION, CONFIG = "session.sqlite", "cosmic-ray.toml"
CONSTANT = re.compile(r"[A-Z_]+(, [A-Z_]+)*(: [^=]+)? = ")
ALIKE_WITHOUT = ("@cache", "@lru_cache", "@staticmethod")
Result = tuple[WorkItem, WorkResult]
Span = tuple[tuple[int, int], tuple[int, int]]
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
    sources = {module: (tree / module).read_text(encoding="utf-8") for module in modules}
    binary = {module: _binary_operators(source) for module, source in sources.items()}
    noticeable = []
    for mutant in mutants:
        (mutation,) = mutant.mutations
        module, row = mutation.module_path, mutation.start_pos[0] - 1
        above, line = ["", *sources[module].splitlines()][row : row + 2]
        if _is_noticeable(mutation, line, above, binary[module]):
            noticeable.append(mutant)
    return sorted(noticeable, key=_place)


def _is_noticeable(mutation: MutationSpec, line: str, above: str, binary: Sequence[Span]) -> bool:
    """Return whether a mutation changes what the code does.

    What changes a type, a limit or a cache only does not, nor what the interpreter refuses or treats alike.

    :param line: that the mutation changes.
    :param above: the line before it.
    :param binary: the module's binary operators.
    """
    name = mutation.operator_name.removeprefix("core/")
    if name.startswith("ReplaceBinaryOperator_"):  # `*` and `/` in signatures, `**` in calls are none
        is_binary = any(start <= mutation.start_pos < end for start, end in binary)
        return is_binary and "_BitOr_" not in name  # nearly all of them are in types: `str | None`
    if name in ("ReplaceComparisonOperator_Eq_Is", "ReplaceComparisonOperator_NotEq_IsNot"):
        return False  # numbers and texts of the code are one object each
    if name.startswith("ReplaceComparisonOperator_") and "monotonic()" in line:
        return not name.endswith(("_Gt_GtE", "_Lt_LtE", "_GtE_Gt", "_LtE_Lt"))
    if name == "NumberReplacer":
        return not CONSTANT.match(line)
    if name == "RemoveDecorator":
        return line.strip() not in ALIKE_WITHOUT and "_validator(" not in above
    return True


def sample(mutants: Sequence[WorkItem], size: int, seed: int) -> list[WorkItem]:
    """Return mutants of so many places, one of each; for one seed, always the same ones."""
    chance = random.Random(seed)  # noqa: S311 (nothing is secret)
    places = [list(group) for _, group in groupby(mutants, lambda mutant: _place(mutant)[:2])]
    return [chance.choice(group) for group in chance.sample(places, min(size, len(places)))]


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


def _binary_operators(source: str) -> list[Span]:
    """Return where a module's binary operators are: between which (row, column)."""
    return [
        (
            (node.left.end_lineno or 0, node.left.end_col_offset or 0),
            (node.right.lineno, node.right.col_offset),
        )
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.BinOp)
    ]


def _place(mutant: WorkItem) -> tuple[str, tuple[int, int], str, int]:
    (mutation,) = mutant.mutations
    return str(mutation.module_path), mutation.start_pos, mutation.operator_name, mutation.occurrence
