"""The lines that facts have hosts print are taken apart by key and by section."""

from minetlab.resources.printed import sections, text, values_by_key


def test_a_key_has_the_values_of_all_its_lines() -> None:
    assert values_by_key(["a 1", "b", "a 2  3", "c "]) == {"a": ["1", "2  3"], "b": [""], "c": [""]}


def test_lines_belong_to_the_section_above_them() -> None:
    lines = ["before", "@a ", "1", "", "@b", "@a", " 2"]
    assert sections(lines) == {"a": ["1", "", " 2"], "b": []}


def test_a_section_may_hold_lines_with_another_mark() -> None:
    assert sections(["@@a", "@b", "1"], "@@") == {"a": ["@b", "1"]}


def test_lines_of_a_file_each_have_an_end() -> None:
    assert (text(["a", "", "b"]), text([])) == ("a\n\nb\n", "")
