"""What everybody reads, on a projector and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from minetlab.plan import allocate
from minetlab.resources.site import SITE_ROOT
from minetlab.secrets.passwords import Account
from minetlab.site.build import Site
from tests.e2e.browser import PHONE, PROJECTOR, first_key_leads_to, fits, is_accessible, opened
from tests.support.served_site import CLASS, SHEET


def test_every_page_is_good(
    served: str, site: Site, browser: Browser, student: Account, instructor: Account
) -> None:
    """On a projector and on a phone, by day and in the dark: colours are the same on both."""
    accounts = {"moi": student, "formateur.html": instructor}
    for path in ("", "connexion.html", "refus.html", *accounts, *(sheet.page for sheet in site.sheets)):
        for screen, dark in ((PROJECTOR, False), (PHONE, True)):
            with opened(browser, f"{served}{path}", screen, dark=dark, account=accounts.get(path)) as page:
                fits(page)
                is_accessible(page)
                assert "console C" not in page.locator("body").inner_text()


def test_a_student_finds_the_way_by_keyboard(served: str, browser: Browser, student: Account) -> None:
    with opened(browser, served, PHONE, account=student) as page:
        first_key_leads_to(page, "content")
        follow(page, "vous connecter")
        follow(page, "Mes machines")
        assert "etudiant@ct" in page.locator("table").inner_text()
        follow(page, "TP minet")
        follow(page, "Les processus")
        follow(page, "3. À chacun sa mémoire")
        assert page.url.endswith("tp/processus.html#a-chacun-sa-memoire")


def follow(page: Page, link: str) -> None:
    """Go on by keys until the link has the focus, and press it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText.trim()") == link:
            target = page.evaluate("document.activeElement.href")
            page.keyboard.press("Enter")
            page.wait_for_url(target)
            return
    raise AssertionError(f"no key leads to {link!r} on {page.url}")


def test_the_instructor_sees_the_whole_class(served: str, browser: Browser, instructor: Account) -> None:
    with opened(browser, f"{served}formateur.html", PROJECTOR, account=instructor) as page:
        assert page.get_by_role("img", name="Topologie du lab minet").is_visible()
        plan = allocate(CLASS)
        names = [*(guest.name for guest in plan.guests), *(each.name for each in plan.containers)]
        assert sorted(page.locator("table code").all_inner_texts()) == sorted(names)


def test_commands_are_told_from_output_and_copied_without_their_prompt(served: str, browser: Browser) -> None:
    with opened(browser, f"{served}{SHEET}", PROJECTOR) as page:
        block = page.locator("pre", has_text="cat boite").first
        prompt, command = block.locator(".gp").first, block.locator(".gs").first
        assert (prompt.inner_text(), command.inner_text()) == ("$ ", "cat boite")
        assert block.locator(".go", has_text="# Un conteneur").count() == 1
        weights = [each.evaluate("e => getComputedStyle(e).fontWeight") for each in (command, block)]
        assert weights == ["700", "400"]
        assert prompt.evaluate("e => getComputedStyle(e).userSelect") == "none"


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ('<img src="https://example.org/a.png" alt="a">', "the page (asks for|complains)"),
        ("<script>alert(1)</script>", "the page complains"),
        ('<p style="width: 3000px">wide</p>', "pixels wide on a screen"),
        ('<p style="color: #999; background: #fff">pale</p>', "color-contrast"),
    ],
)
def test_a_page_that_is_not_good_is_refused(
    served: str, root: Path, browser: Browser, spoilt: str, why: str
) -> None:
    page_file = root / SITE_ROOT[1:] / "spoilt.html"
    page_file.write_text(
        (root / SITE_ROOT[1:] / "index.html").read_text().replace("</main>", f"{spoilt}</main>")
    )
    with pytest.raises(AssertionError, match=why), opened(browser, f"{served}spoilt", PHONE) as page:
        fits(page)
        is_accessible(page)
