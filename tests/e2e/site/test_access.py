"""Whose password opens which page."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

import pytest
from playwright.sync_api import Browser, Error as PlaywrightError, ViewportSize

from minetlab.plan import allocate
from minetlab.resources.site import SECRETS_ROOT, SITE_ROOT, STATUS_FILE, STUDENTS
from minetlab.secrets import passwords
from minetlab.secrets.passwords import Account
from tests.e2e.browser import PHONE, PROJECTOR, opened, typed_by
from tests.support.served_site import CLASS, ask


@pytest.mark.parametrize("screen", [PHONE, PROJECTOR])
def test_a_student_sees_their_own_machines_and_no_others(
    served: str, browser: Browser, student: Account, screen: ViewportSize
) -> None:
    with opened(browser, f"{served}moi", screen, account=student) as page:
        mine = {each.name for each in allocate(CLASS).machines if each.student.login == "s07"}
        assert len(mine) == 3
        assert set(page.locator("table th code").all_inner_texts()) == mine
        assert "Élève Numéro 7, login s07." in page.locator("main").inner_text()
        others = {f"s{each:02}" for each in range(30)} - {"s07"}
        # In a key, anything can be by chance.
        shown = re.sub(r"AAAA\S+", "", page.content())
        assert not {login for login in others if login in shown}
        assert page.get_by_role("link", name="Mes machines").get_attribute("aria-current") == "page"
        assert page.locator("link[rel=stylesheet]").evaluate("e => e.sheet.cssRules.length") > 10
        page.get_by_role("link", name="Se connecter").first.click()
        page.wait_for_url(f"{served}connexion.html")


def test_who_types_a_wrong_password_is_told_where_it_is(
    served: str, browser: Browser, student: Account
) -> None:
    wrong = replace(student, password=passwords.student("minet", "s08").password)
    for path, account in (("moi", wrong), ("formateur", student)):
        page = browser.new_page(viewport=PHONE, http_credentials=typed_by(account), ignore_https_errors=True)
        answer = page.goto(f"{served}{path}")
        assert answer
        assert (answer.status, page.locator("h1").inner_text()) == (401, "Accès refusé")
        assert "sont sur votre carte" in page.locator("main").inner_text()
        assert page.locator("link[rel=stylesheet]").evaluate("e => e.sheet.cssRules.length") > 10
        page.close()


def test_who_has_none_is_asked_for_a_password(served: str, browser: Browser) -> None:
    page = browser.new_page(ignore_https_errors=True)
    for path in ("moi", "formateur"):
        with pytest.raises(PlaywrightError, match="ERR_INVALID_AUTH_CREDENTIALS"):
            page.goto(f"{served}{path}")
    page.close()


def answered(url: str, login: str = "", password: str = "") -> tuple[int, str]:
    """The HTTP status of an answer, and its text."""
    request = Request(url)  # noqa: S310 (it is our own server)
    if login:
        typed = base64.b64encode(f"{login}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {typed}")
    try:
        with ask(request) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_each_password_opens_what_is_its_accounts_and_nothing_else(
    served: str, student: Account, instructor: Account
) -> None:
    answers = ("formateur-isa", "formateur-isa.html")
    for path, account in (
        ("moi", student),
        *((path, instructor) for path in ("formateur", "formateur.html", *answers)),
    ):
        assert answered(f"{served}{path}", account.login, account.password)[0] == 200
    assert answered(f"{served}{STATUS_FILE}", instructor.login, instructor.password)[0] == 204
    for path, account in (
        ("moi", instructor),
        ("formateur", student),
        ("formateur.html", student),
        *((path, student) for path in answers),
        (STATUS_FILE, student),
    ):
        assert answered(f"{served}{path}", account.login, account.password)[0] == 401
        assert answered(f"{served}{path}")[0] == 401


@pytest.mark.parametrize(
    "login",
    [
        "../formateur",
        "s08/../moi-s08",
        "formateur",
        "s08",
        "s0",
        "s077",
        "S07",
        "s07.html",
        "s07\0",
        "",
        "#",
        "s07\n",
    ],
)
def test_a_login_leads_nowhere_but_to_the_page_that_its_password_opens(
    served: str, student: Account, login: str
) -> None:
    assert answered(f"{served}moi", login or ":", student.password)[0] == 401


@pytest.mark.parametrize(
    "path",
    [
        "moi-s08",
        "moi-s08.html",
        "moi-s08/",
        "moi-s08.html?a",
        "%6Doi-s08.html",
        "//moi-s08.html",
        "./moi-s08",
        "tp/../moi-s08.html",
        "tp/%2e%2e/moi-s08.html",
        "moi/",
        "moi/s08",
        "MOI-s08.html",
    ],
)
def test_no_page_of_a_student_is_given_by_its_name(served: str, student: Account, path: str) -> None:
    for account in (("", ""), (student.login, student.password)):
        status, text = answered(f"{served}{path}", *account)
        assert (status, "s08" in text) == (404, False)


def test_a_student_called_formateur_is_a_student(served: str, root: Path, instructor: Account) -> None:
    """Logins and the instructor's account are in two files."""
    file = root / SECRETS_ROOT[1:] / STUDENTS
    before = file.read_text()
    namesake = passwords.student("minet", passwords.INSTRUCTOR_LOGIN)
    file.write_text(before + namesake.line)
    page = root / SITE_ROOT[1:] / f"moi-{namesake.login}.html"
    page.write_text("machines of a namesake")
    try:
        for password, moi, formateur in ((namesake.password, 200, 401), (instructor.password, 401, 200)):
            assert answered(f"{served}moi", namesake.login, password)[0] == moi
            assert answered(f"{served}formateur", namesake.login, password)[0] == formateur
    finally:
        page.unlink()
        file.write_text(before)


def test_another_password_holds_at_the_next_request(served: str, root: Path) -> None:
    file = root / SECRETS_ROOT[1:] / STUDENTS
    old = passwords.student("minet", "s09")
    passwords.replace_student("minet", "s09")
    new = passwords.student("minet", "s09")
    file.write_text(file.read_text().replace(old.line, new.line))
    assert answered(f"{served}moi", "s09", old.password)[0] == 401
    assert answered(f"{served}moi", "s09", new.password)[0] == 200
