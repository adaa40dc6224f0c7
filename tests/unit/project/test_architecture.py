"""The rules of docs/architecture.md: one plan of the house, in which one guess finds any room."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from docs import architecture
from minetlab.cli.students import DeployName
from minetlab.util.paths import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "minetlab"
MODULES = sorted(PACKAGE.glob("**/*.py"))
UNITS = PROJECT_ROOT / "tests" / "unit"
COLLECTORS = {"Verdicts"}
"""The data classes that may be changed, as they collect something while pytest runs."""


def public_classes(module: Path) -> list[str]:
    tree = ast.parse(module.read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


def test_every_module_is_in_a_package() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(architecture.packages())


def test_data_cannot_be_changed() -> None:
    """A reader need not look for who changes an object; those that collect something are named here."""
    changeable = set()
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            decorators = map(ast.unparse, getattr(node, "decorator_list", ()))
            changeable |= {
                node.name  # type: ignore[attr-defined]
                for decorator in decorators
                if decorator.startswith("dataclass") and "frozen=True" not in decorator
            }
    assert changeable == COLLECTORS


def public_constants(module: Path) -> list[str]:
    names: list[str] = []
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [
                name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            ]
    return [name for name in names if name.isupper() and not name.startswith("_")]


@pytest.mark.parametrize(("public_names", "at_least"), [(public_classes, 100), (public_constants, 200)])
def test_no_two_public_things_share_a_name(public_names: Callable[[Path], list[str]], at_least: int) -> None:
    homes = defaultdict(list)
    for module in MODULES:
        for name in public_names(module):
            homes[name].append(str(module.relative_to(PROJECT_ROOT)))
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}
    assert len(homes) > at_least


def test_a_unit_test_is_named_after_what_it_tests() -> None:
    """Of the project itself, and of what is beside the package, there are tests without a module."""
    tests = [path for path in UNITS.glob("*/test_*.py") if path.parent.name not in {"project", "benchmarks"}]
    tested = [PACKAGE / path.parent.name / path.name.removeprefix("test_") for path in tests]
    # A package as a whole is tested in a file of its name.
    assert [str(path) for path in tested if not path.exists() and path.stem != path.parent.name] == []
    assert len(tested) > 50


def test_nothing_of_the_package_imports_tests() -> None:
    for module in MODULES:
        assert not re.search(r"^(from|import) tests\b", module.read_text(), re.MULTILINE), module


def test_no_test_imports_another_one() -> None:
    """What several need is in a module beside them; the verification's checks are tested themselves."""
    imports = re.compile(r"^(?:from|import) (tests\.(?:\w+\.)*(?:test_\w+|conftest))\b", re.MULTILINE)
    found = {
        (str(path.relative_to(PROJECT_ROOT)), name)
        for path in (PROJECT_ROOT / "tests").glob("**/*.py")
        for name in imports.findall(path.read_text())
        if not name.startswith("tests.hosts.")
    }
    assert found == set()


def test_each_deploy_for_chosen_students_is_a_file() -> None:
    assert [
        name for name in get_args(DeployName) if not (PROJECT_ROOT / "deploys" / f"{name}.py").is_file()
    ] == []


def test_the_walks_lead_to_files_that_there_are() -> None:
    named = set(re.findall(r"`([\w./-]+\.(?:py|j2|conf))`", architecture.PAGE.read_text()))
    real = {path for path in named if not re.search("WORD|MODULE|^(facts|resources)/", path)}
    assert [path for path in real if not (PROJECT_ROOT / path).is_file()] == []
    assert len(real) > 8


def test_the_walks_name_functions_that_there_are() -> None:
    named = re.findall(r"`(\w+)` in `(minetlab/[\w/]+\.py)`", architecture.PAGE.read_text())
    assert len(named) >= 6
    for function, path in named:
        tree = ast.parse((PROJECT_ROOT / path).read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, path


def test_the_page_shows_the_packages_of_today() -> None:
    again = "→ run: python docs/architecture.py"
    assert architecture.page() == architecture.PAGE.read_text(), again
    assert architecture.picture() == architecture.PICTURE.read_text(), again
