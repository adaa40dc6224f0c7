"""The report of recorded machines, opened in a browser; and pages that are not good, to be refused."""

from pathlib import Path

import pytest

from minetlab.report.page import MeasuredTable, Plot, page
from tests.e2e.browser import assert_report_is_good
from tests.support.evidence import (
    about,
    evidence_of,
    evidence_of_all_verdicts,
    recorded_shape,
    shape_of,
    spread,
)
from tests.support.recorded import CT1, HV1, RecordedLab

PLOT = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"><rect width="3" height="1" fill="navy"/></svg>'
)
GOOD = evidence_of(RecordedLab())
ALL_VERDICTS = evidence_of_all_verdicts()


@pytest.fixture(scope="module")
def text() -> str:
    figures = [Plot("Durée", "Une barre.", PLOT)]
    tables = [MeasuredTable("Durées", ("charge", "natif"), (("cpu", "1,0 s"),))]
    return page(about(GOOD), ALL_VERDICTS, recorded_shape(), figures, tables)


def written(folder: Path, text: str) -> Path:
    report = folder / "report.html"
    report.write_text(text, encoding="utf-8")
    return report


def test_a_report_with_every_verdict_is_good(tmp_path: Path, text: str) -> None:
    assert_report_is_good(written(tmp_path, text))


def test_a_report_of_a_class_is_good(tmp_path: Path) -> None:
    shape = shape_of(30, [f"@sandbox/{HV1}", "hv2.example.org"], [CT1])
    evidence = spread(ALL_VERDICTS, shape)
    assert_report_is_good(written(tmp_path, page(about(GOOD), evidence, shape)))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('<article id="C16"', '<article hidden="hidden" id="C16"', "C16 cannot be seen"),
        ("add x86 ≠ add ARM32", "add", "C02: .* is not said"),
        ("</main>", "<script>console.error('no')</script></main>", "the page complains"),
        ("</main>", '<img src="https://example.org/a.png" alt="a" /></main>', "the page asks for"),
        ("</main>", '<p style="width: 3000px">wide</p></main>', "pixels wide on a screen"),
        ("</main>", '<p style="color: #999; background: #fff">pale</p></main>', "color-contrast"),
        ("<summary>", '<summary tabindex="-1" inert="inert">', "by the keyboard"),
        ('<a class="skip" href="#claims">', '<a href="#C01">', "not past the page's head"),
    ],
)
def test_a_page_that_is_not_good_is_refused(tmp_path: Path, text: str, old: str, new: str, why: str) -> None:
    assert old in text
    with pytest.raises(AssertionError, match=why):
        assert_report_is_good(written(tmp_path, text.replace(old, new)))
