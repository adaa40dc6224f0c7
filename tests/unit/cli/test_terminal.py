"""The terminal shows names and answers as they are."""

import pytest

from minetlab.cli.tables import console_for, table_of
from minetlab.cli.terminal import console

NAME = "Bob [/b] [red]Martin[/red] :smile: [link=http://x]"


def test_nothing_is_taken_for_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console(soft_wrap=True).print(NAME)
    console(errors=True, soft_wrap=True).print(NAME)
    assert capsys.readouterr() == (f"{NAME}\n", f"{NAME}\n")


def test_nor_is_it_in_tables(capsys: pytest.CaptureFixture[str]) -> None:
    table = table_of("name", NAME, title=NAME)
    table.add_row(NAME, "x")
    console_for(table).print(table)
    assert capsys.readouterr().out.count(NAME) == 3
