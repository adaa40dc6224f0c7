"""The sheets: each command, typed in a student's container, prints what the sheet says."""

import pytest

from minetlab.verification.machines import ContainerMachine
from minetlab.verification.sheets import not_as_the_sheet_says


@pytest.mark.claim("C19")
def test_commands_print_what_the_sheet_says(container: ContainerMachine) -> None:
    wrong = list(not_as_the_sheet_says(container))
    assert not wrong, "\n".join(wrong)


def test_sheet_shows(container: ContainerMachine, claim: str) -> None:
    """What the sheet names as a claim's proof, by itself: this verdict is the claim's."""
    wrong = list(not_as_the_sheet_says(container, claim))
    assert not wrong, "\n".join(wrong)
