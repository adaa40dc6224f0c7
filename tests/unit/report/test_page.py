"""The report's page: whole, valid, in French, and true to the evidence. It is opened in tests/e2e."""

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from lxml import etree

from benchmarks import kept
from minetlab.checks.modules import Libvirt
from minetlab.checks.versions import versions_of
from minetlab.claims.claims import CLAIMS
from minetlab.claims.evidence import Evidence, Observation
from minetlab.cli import report as report_command
from minetlab.report import words
from minetlab.report.output import readable
from minetlab.report.page import MeasuredTable, Plot, page
from minetlab.secrets.certificates import site_certificate
from tests.support.evidence import (
    about,
    evidence_of,
    evidence_of_all_verdicts,
    recorded_shape,
    shape_of,
    spread,
)
from tests.support.recorded import ALICE, CONTAINER, CT1, HV1, RecordedLab
from tests.support.site_lab import lab_of

HOSTILE = "</pre><script>alert('x')</script>&amp;\x1b[2J\x00\ufffe\u202e"
PLOT = '<svg xmlns="http://www.w3.org/2000/svg"><rect id="figure_1" width="1" height="1"/></svg>'


def parsed(evidence: list[Evidence], *, students: int = 2, **more: object) -> Any:
    """The page, which is well-formed XML too, so that what is not closed or not escaped is an error."""
    shape = recorded_shape() if students == 2 else shape_of(students, [HV1, "hv2"], [CT1])
    text = page(about(evidence), evidence, shape, **more)  # type: ignore[arg-type]
    return etree.fromstring(text.removeprefix("<!doctype html>\n").strip().encode())


def text_of(element: Any) -> str:
    return " ".join("".join(map(str, element.itertext())).split())


def at(document: Any, identifier: str) -> Any:
    (found,) = document.xpath(f"//*[@id='{identifier}']")
    return found


@pytest.fixture(scope="module")
def mixed() -> Any:
    return parsed(evidence_of_all_verdicts())


def test_a_machine_without_git_has_a_report_and_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """./lab installs none, and the project may have come in an archive."""
    monkeypatch.setenv("PATH", "/nowhere")
    assert report_command._revision() == ""
    assert kept.machine()["revision"] == "unknown"


def test_every_claim_is_there_in_the_slides_words(mixed: Any) -> None:
    for claim in CLAIMS:
        said = text_of(at(mixed, claim.id))
        assert claim.slide in said
        assert claim.observed in said
        assert claim.expected in said


@pytest.mark.parametrize("students", [2, 30])
def test_every_id_is_there_once_and_every_link_leads_somewhere(students: int) -> None:
    shape = shape_of(students, [HV1, "hv2"], [CT1])
    document = parsed(spread(evidence_of_all_verdicts(), shape), students=students)
    ids = Counter(document.xpath("//@id"))
    assert set(ids.values()) == {1}
    links = document.xpath("//@href")
    assert {str(link) for link in links} - {"data:,"} <= {f"#{each}" for each in ids}


def test_what_machines_print_stays_text() -> None:
    (good, *_) = (each for each in evidence_of(RecordedLab()) if each.claim == "C16")
    seen = (Observation(machine=ALICE, command=HOSTILE, output=HOSTILE),)
    bad = good.model_copy(update={"observations": seen, "reason": HOSTILE, "verdict": "violated"})
    document = parsed([bad])
    assert not document.xpath("//script")
    shown = "</pre><script>alert('x')</script>&amp;␛[2J␀\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    assert shown in text_of(at(document, "C16"))


def test_a_machine_that_does_not_answer_violates_nothing(mixed: Any) -> None:
    for claim in ("C08", "C09", "C19"):
        assert "non vérifié" in text_of(at(mixed, claim))
        assert "violé" not in text_of(at(mixed, claim))
    (problem,) = mixed.xpath("//div[contains(@class, 'problem not-checked')]")
    said = text_of(problem)
    assert all(name in said for name in (CT1, CONTAINER, "No route to host"))
    assert HV1 not in said


def test_what_is_wrong_comes_first_and_is_open(mixed: Any) -> None:
    problems = [text_of(each) for each in mixed.xpath("//div[contains(@class, 'problem violated')]")]
    assert any("C16" in each and ALICE in each and "expected 15, observed 6" in each for each in problems)
    # The course makes no claim of the pool, and the lab cannot do without it.
    assert any("pas comme prévu" in each and "test_pool_stands" in each for each in problems)
    assert at(mixed, f"C16-{ALICE}").get("open")
    assert not at(mixed, f"C04-{ALICE}").get("open")


def test_a_lab_that_shows_everything_has_nothing_to_be_put_right() -> None:
    document = parsed(evidence_of(RecordedLab()))
    assert not document.xpath("//div[contains(@class, 'problem')]")
    assert not document.xpath("//a[@href='#problems']")
    assert "non démontrable ici" not in text_of(at(document, "C12"))


def test_what_cannot_be_shown_here_is_said_in_french(mixed: Any) -> None:
    said = text_of(at(mixed, f"C12-{ALICE}"))
    assert "Non démontrable ici : l'hôte n'a pas de virtualisation matérielle" in said
    assert "violé" not in said


def test_of_a_guest_that_is_off_on_purpose_that_is_said_and_not_what_its_host_lacks() -> None:
    lab = RecordedLab(guests_run=False)
    lab.switch_off()
    said = text_of(at(parsed(evidence_of(lab)), f"C12-{ALICE}"))
    assert "Non démontrable ici : les VM de cet hôte sont définies, mais pas démarrées." in said
    assert "minet-alice: defined, not started (guests_run is False on hv1)" in said
    assert "virtualisation matérielle" not in said


def test_the_matrices_have_a_row_a_machine_and_the_verdicts(mixed: Any) -> None:
    rows = {
        text_of(row[0]): [text_of(cell) for cell in row[1:]]
        for row in mixed.xpath("//details//table[@class='marks machines']/tbody/tr")
    }
    heads = {
        tuple(text_of(cell) for cell in row)
        for row in mixed.xpath("//details//table[@class='marks machines']/thead/tr")
    }
    assert rows.keys() == {HV1, CT1, ALICE, "minet-bob", CONTAINER, "minet-bob-processus"}
    (of_hv1,) = (head for head in heads if "C16" in head)
    cells = dict(zip(of_hv1[1:], rows[ALICE], strict=True))
    known = {
        "C03": "✓démontré",
        "C04": "✓démontré",
        "C05": "✓démontré",
        "C06": "✓démontré",
        "C07": "✓démontré",
        "C08": "✓démontré",
        "C09": "✓démontré",
        "C11": "·sans objet",
        "C12": "∅non démontrable ici",
        "C13": "∅non démontrable ici",
        "C14": "∅non démontrable ici",
        "C15": "∅non démontrable ici",
        "C16": "✗violé",
        "C17": "∅non démontrable ici",
        "C18": "·sans objet",
        "C19": "∅non démontrable ici",
    }
    assert {claim: cell for claim, cell in cells.items() if claim in known} == known


def test_a_class_is_counted_by_host_and_folded() -> None:
    shape = shape_of(30, [HV1, "hv2"], [CT1])
    good = spread(evidence_of(RecordedLab()), shape)
    bad = next(each for each in good if each.claim == "C05" and each.machine == "minet-s03")
    worse = [each for each in good if each is not bad] + [bad.model_copy(update={"verdict": "violated"})]
    document = parsed(worse, students=30)
    row = next(row for row in document.iter("tr") if text_of(row).startswith("C05"))
    guests = {host.name: len(host.machines) for host in shape.hosts}
    on = next(host.name for host in shape.hosts if any(each.name == bad.machine for each in host.machines))
    for host, cell in zip(shape.hosts, row[3:], strict=True):
        shown = guests[host.name] - (host.name == on)
        assert text_of(cell).endswith(f"{shown}/{guests[host.name]}")
        assert ("violé" in text_of(cell)) == (host.name == on)
    chapter = at(document, "C05")
    first, second, others = chapter.findall("details")
    assert [each.get("id") for each in (first, second)] == [f"C05-{bad.machine}", "C05-minet-s00"]
    assert text_of(others[0]) == "Les 58 autres machines"


def test_plots_and_measurements_have_their_place(mixed: Any) -> None:
    assert not mixed.xpath("//*[@id='measurements']")
    figures = [Plot("Coût & prix", "Une barre.", PLOT), Plot("Durées", "Une autre.", PLOT)]
    tables = [MeasuredTable("Temps", ("charge", "natif", "KVM"), (("cpu", "1,0", "1,1"),))]
    document = parsed(evidence_of(RecordedLab()), figures=figures, tables=tables)
    images = list(document.iter("img"))
    assert [image.get("alt") for image in images] == ["Une barre.", "Une autre."]
    assert all(str(image.get("src")).startswith("data:image/svg+xml;base64,") for image in images)
    assert "Coût & prix" in text_of(document)
    (table,) = document.xpath("//table[caption='Temps']")
    assert [[text_of(cell) for cell in row] for row in table.iter("tr")] == [
        ["charge", "natif", "KVM"],
        ["cpu", "1,0", "1,1"],
    ]


def test_the_site_is_there_with_what_it_is_known_by() -> None:
    lab = lab_of(ct1="ct1.example.org")
    anchor = site_certificate(lab, lab.container_hosts[0]).anchor
    sites = report_command._sites(lab)
    said = text_of(at(parsed(evidence_of(RecordedLab()), sites=sites), "site").getparent())
    assert "https://ct1.example.org:8080/Autorité de certification, SHA-256" in said
    assert said.endswith(anchor.fingerprint)
    assert not parsed(evidence_of(RecordedLab())).xpath("//*[@id='site' or @href='#site']")


def test_versions_are_those_that_the_checks_read(mixed: Any) -> None:
    said = text_of(at(parsed(evidence_of(RecordedLab())), "versions").getparent())
    assert "révision 0123abc" in said
    assert "QEMU 10.0.13, noyau 6.12.117+deb13-amd64, libvirt 11.3.0" in said
    assert "1er octobre 2026 à 9 h 05 (UTC)" in text_of(mixed)


def test_versions_of_answers_that_make_no_sense_are_left_out() -> None:
    assert versions_of([(HV1, Libvirt.VERSION, "error: failed to connect"), (CT1, "uname -r", "6.1")]) == {}


def test_json_is_laid_out_and_says_the_same() -> None:
    for name, command in ((ALICE, "LC_ALL=C lscpu --json"), (CT1, "docker info --format '{{json .}}'")):
        printed = RecordedLab().answers[name][command]
        shown = readable(printed)
        assert shown.laid_out
        assert max(map(len, shown.text.splitlines())) < len(printed) / 2
        assert set(re.findall(r"\w+", json.dumps(json.loads(printed), ensure_ascii=False))) - {
            "lscpu", "field", "data", "children", "null",
        } <= set(re.findall(r"\w+", shown.text))  # fmt: skip
    assert re.search(
        "^CPU family: +15$", readable(RecordedLab().answers[ALICE]["LC_ALL=C lscpu --json"]).text, re.M
    )


NESTED = 400
NOT_AS_PRINTED_BY_A_PROGRAM = {
    "too deep": "[" * 100_000,
    "too deep to write": "[" * 900 + "]" * 900,
    "lscpu without fields": '{"lscpu": ["x"]}',
    "lscpu with a list for a field": '{"lscpu": [{"field": [], "data": ""}]}',
    "lscpu with children that are none": '{"lscpu": [{"field": "", "data": "", "children": 1}]}',
    "a few brackets that become millions of blanks": "[" * NESTED + "1," * 50_000 + "1" + "]" * NESTED,
}


@pytest.mark.parametrize(
    "printed",
    ["", "plain\ntext", "{not json", "[1, 2", *NOT_AS_PRINTED_BY_A_PROGRAM.values()],
    ids=["empty", "text", "braces", "brackets", *NOT_AS_PRINTED_BY_A_PROGRAM],
)
def test_what_is_no_json_or_not_a_programs_is_shown_word_for_word(printed: str) -> None:
    assert readable(printed).text == printed
    assert not readable(printed).laid_out


def test_json_hides_nothing_that_cannot_be_shown() -> None:
    shown = readable(r'{"a": "\ud800 \u001b[2J \u202e \u009b"}')
    assert shown.text == '{\n  "a": "� ␛[2J � �"\n}'.replace("␛", r"\u001b")
    assert shown.text.encode()


def test_words() -> None:
    assert words.counted(1, "container") == "1 container"
    assert words.counted(2, "container") == "2 containers"
    assert words.counted(2, "VM") == "2 VM"
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b et c"
    assert words.named([str(each) for each in range(30)]) == "30 machines"
    assert (
        words.date_and_time(datetime.fromisoformat("2026-08-31T18:05:00+02:00"))
        == "31 août 2026 à 18 h 05 (UTC+02:00)"
    )
