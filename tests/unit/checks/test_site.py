"""The TP site as a host serves it: what is requested, and what an answer says."""

import shlex
from dataclasses import replace

import pytest

from minetlab.checks.site import Page, ServedSite
from minetlab.site.build import Site
from minetlab.site.sheets import Sheet
from tests.support.answering import AnsweringLab
from tests.support.site_lab import SITE

SERVED = ServedSite("minet", 8080, SITE, "ct1.example.org", "-----BEGIN CERTIFICATE-----\n")
ANSWERS = """\
GET /
HTTP/1.1 200 OK
<meta name="revision" content="abc"> <h1 class="a">L&#x27;accueil</h1> <h1>Autre</h1>
<a href="tp/isa.html">un</a> <a href="tp/vm.html#fin">deux</a>
<a href="tp/vm.html">trois</a> <a href="moi">quatre</a>
GET /moi
HTTP/1.0 401 Unauthorized
GET /etat.json Authorization: Basic eDp4
Connection refused
"""


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.0 404 Not Found", 404),
        ("HTTP/2 200", 0),
        ("HTTP/1.1 2000 OK", 0),
        ("Connection refused", 0),
        ("", 0),
    ],
)
def test_the_code_is_that_of_the_first_line_or_none(status: str, code: int) -> None:
    assert Page(status, "", "", frozenset()).code == code


def test_everybody_may_see_the_sheets_and_nobody_what_has_a_password() -> None:
    assert SERVED.paths[0] == "/"
    assert set(SERVED.paths[1:]) == {f"/{sheet.page}" for sheet in SITE.sheets}
    refused = SERVED.refused
    for path in ("/moi", "/formateur", "/etat.json"):
        assert (refused[path], refused[f"{path} Authorization: Basic eDp4"]) == (401, 401)
    assert refused["/moi-alice"] == 404  # each student sees this page at /moi
    answers = [sheet.answers_page for sheet in SITE.sheets if sheet.answers]
    assert answers
    assert {refused[f"/{page}"] for page in answers} == {401}
    assert len(refused) == 2 * (3 + len(answers)) + 1


def test_what_has_no_sheets_is_asked_for_its_home_page() -> None:
    sheets: tuple[Sheet, ...] = ()
    served = replace(SERVED, port=8081, site=Site("Travaux", sheets, {}))
    assert served.paths == ("/",)
    assert " 127.0.0.1:8081 " in served.command
    assert served.command.endswith(f" {shlex.join(['/', *served.refused])}")


def test_each_answer_is_read_as_a_page() -> None:
    lab = AnsweringLab(container_host={"perl": ANSWERS})
    assert SERVED.pages(lab.container.host_machine.host) == {
        "/": Page("HTTP/1.1 200 OK", "L'accueil", "abc", frozenset({"tp/isa.html", "tp/vm.html"})),
        "/moi": Page("HTTP/1.0 401 Unauthorized", "", "", frozenset()),
        "/etat.json Authorization: Basic eDp4": Page("Connection refused", "", "", frozenset()),
    }
    assert lab.backends["container_host"].asked == [SERVED.command]
