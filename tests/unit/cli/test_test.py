"""The table in which ``lab test`` says where the time went."""

from pathlib import Path

from minetlab.cli.test import seconds_by_file

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.e2e.test_lab" name="a" time="1.5"/>
<testcase classname="tests.e2e.test_lab" name="b" time="2"/>
<testcase classname="tests.unit.secrets.test_keys" name="c" time="0.1"/>
</testsuite></testsuites>"""


def test_the_times_of_a_file_are_added_up(tmp_path: Path) -> None:
    written = tmp_path / "units.xml"
    written.write_text(JUNIT)
    assert seconds_by_file(written) == {"e2e.test_lab": 3.5, "unit.secrets.test_keys": 0.1}


def test_a_stage_that_has_written_nothing_has_no_times(tmp_path: Path) -> None:
    assert seconds_by_file(tmp_path / "nowhere.xml") == {}
    (tmp_path / "half.xml").write_text("<testsuites>")
    assert seconds_by_file(tmp_path / "half.xml") == {}
