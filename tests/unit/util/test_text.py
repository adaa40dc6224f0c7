"""What machines print is shown without what controls a terminal."""

from minetlab.util.text import first_line, last_line


def test_lines_are_shown_without_what_controls_a_terminal() -> None:
    text = "\n \n\x1b[2J first \n\nlast\x9b1m\x07 \n\n"
    assert (first_line(text), last_line(text)) == ("[2J first", "last1m")
    assert (first_line(" \n"), last_line("")) == ("", "")
