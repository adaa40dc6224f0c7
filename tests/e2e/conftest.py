"""A lab of the tests' own: inventory, state folder and virtual hosts; only the image cache is shared."""

from collections.abc import Generator

import pytest

from tests.e2e.lab_under_test import LabUnderTest
from tests.e2e.progress import Progress

LONGEST_FIRST = ("test_course.py", "test_lab.py", "test_sandbox.py", "test_class.py")


def pytest_configure(config: pytest.Config) -> None:
    """Say at once what is known."""
    config.pluginmanager.register(Progress(config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What every change runs goes first, and of that what takes longest."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}

    def order(item: pytest.Item) -> tuple[bool, int]:
        return item.get_closest_marker("long") is not None, place.get(item.path.name, len(place))

    items.sort(key=order)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a test that failed say what its guests' consoles showed last: a panic is told nowhere else."""
    report = yield
    if report.failed:
        fixtures = getattr(item, "funcargs", {}).values()
        for lab in {id(lab): lab for lab in fixtures if isinstance(lab, LabUnderTest)}.values():
            report.sections.append((f"Ends of the consoles of {lab.folder}", lab.consoles()))
    return report
