"""Tables as people and spreadsheets write them: what is read from them, and where their mistakes are."""

import pytest

from minetlab.lab.table import Problem, Row, decode, read_table, refusal
from minetlab.util.errors import LabError

COLUMNS = ("name", "group", "room")


def test_rows_know_their_lines_and_leave_out_what_is_empty() -> None:
    table = read_table('\nname, Room ,\nAlice,1,\n,,\n"Bob\nB",,\nEve, 2 ,\n', COLUMNS, ("name",))
    assert (table.columns, table.header, table.header_line) == (("name", "room"), ("name", "room", ""), 2)
    assert table.rows == (
        Row(3, 3, {"name": "Alice", "room": "1"}),
        Row(5, 6, {"name": "Bob\nB"}),
        Row(7, 7, {"name": "Eve", "room": "2"}),
    )
    assert table.problems == ()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_is_what_the_header_has_most_of(separator: str) -> None:
    table = read_table(f"name{separator}group{separator}room\nA{separator}B\n", COLUMNS, ())
    assert table.separator == separator
    assert table.rows == (Row(2, 2, {"name": "A", "group": "B"}),)


def test_separators_alone_are_no_header() -> None:
    table = read_table(",,\n , \nname,room\nA;B,1\n", COLUMNS, ())
    assert (table.separator, table.rows) == (",", (Row(4, 4, {"name": "A;B", "room": "1"}),))


def test_a_table_of_nothing_lacks_its_columns_in_line_1() -> None:
    table = read_table("", COLUMNS, ("name", "room"))
    assert (table.rows, table.header, table.columns) == ((), (), ())
    assert table.problems == (Problem(1, ": no column name"), Problem(1, ": no column room"))


def test_each_wrong_column_is_named_once_and_shortened() -> None:
    long = "x" * 31
    table = read_table(f"room,{long},room,{long}\n", COLUMNS, ("name",))
    assert table.problems == (
        Problem(1, ": no column name"),
        Problem(1, ": column room is there twice"),
        Problem(1, f": unknown column {'x' * 30}; use only: name, group, room"),
    )


def test_cells_without_a_column_are_counted_from_1() -> None:
    table = read_table("name,,room\nA,b,c\nA,,c,,d,e\n", COLUMNS, ())
    assert table.problems == tuple(
        Problem(line, f": cell {number} has no column; quote a cell that holds “,”")
        for line, number in ((2, 2), (3, 5), (3, 6))
    )


def test_a_cell_without_a_column_is_in_the_first_line_of_its_row() -> None:
    table = read_table('name\n"A\nB",x\n', COLUMNS, ())
    assert [problem.line for problem in table.problems] == [2]


def test_after_quotes_that_do_not_match_nothing_is_read() -> None:
    table = read_table('name\nA\n"B" C\nD\n', COLUMNS, ())
    assert table.rows == (Row(2, 2, {"name": "A"}),)
    assert [problem.line for problem in table.problems] == [3]


def test_mistakes_are_told_in_the_order_of_the_lines() -> None:
    error = refusal("r.csv", [Problem(10, ": b"), Problem(9, ", column c: d")], "correct them")
    assert str(error.problem) == "r.csv, line 9, column c: d\nr.csv, line 10: b"
    assert error.next_step == "correct them"


@pytest.mark.parametrize(("data", "line"), [(b"\xe9", 1), (b"\n\xe9", 2), (b"a\r\nb\n\n\xe9\n\n", 4)])
def test_a_letter_in_another_encoding_is_named_by_its_line(data: bytes, line: int) -> None:
    with pytest.raises(LabError, match=f"r.csv, line {line}: a letter is not encoded in UTF-8") as error:
        decode(data, "r.csv")
    assert "iconv -f CP1252 -t UTF-8 r.csv" in error.value.next_step


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfname\n", "r.csv") == "name\n"
    assert read_table("\ufeffname\n", COLUMNS, ("name",)).header == ("name",)


@pytest.mark.parametrize(
    "data", ["\ufeff王".encode("utf-16-le"), "\ufeff王".encode("utf-16-be"), b"name\0\n"]
)
def test_a_file_in_utf_16_is_refused_by_its_mark_or_by_a_zero(data: bytes) -> None:
    with pytest.raises(LabError, match=r"r\.csv is encoded in UTF-16, or is not a text"):
        decode(data, "r.csv")
