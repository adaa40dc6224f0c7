"""Pages, opened in a real browser as instructors and students do: Debian's Chromium, by Playwright."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, HttpCredentials, Page, ViewportSize, expect, sync_playwright

from minetlab.claims.claims import CLAIMS
from minetlab.secrets.passwords import Account

CHROMIUM = "chromium"
# As root, which CI is, Chromium has no sandbox of its own. The rest keeps it from calling home.
FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PROJECTOR: ViewportSize = {"width": 1920, "height": 1080}
PHONE: ViewportSize = {"width": 390, "height": 844}
DATA = "data:"


def assert_report_is_good(report: Path) -> None:
    """Open a ``report.html`` on a projector, in a dark room and on a phone, and look at all of it.

    :raises AssertionError: it lacks a claim, complains, asks the network for something, does not fit,
        cannot be used by keyboard, or is not accessible (axe-core's rules; WCAG's contrasts among them).
    """
    url = report.resolve().as_uri()
    with chromium() as browser:
        with opened(browser, url, PROJECTOR) as page:
            _is_usable_by_keyboard(page)
        for screen, dark in ((PROJECTOR, False), (PROJECTOR, True), (PHONE, False)):
            with opened(browser, url, screen, dark=dark) as page:
                _has_every_claim(page)
                fits(page)
                is_accessible(page)


def assert_cards_are_good(cards: Path) -> None:
    """Open a ``cards.html`` on a wide screen and on a phone.

    :raises AssertionError: it complains, asks the network for something, does not fit, or is not accessible.
    """
    with chromium() as browser:
        for screen in (PROJECTOR, PHONE):
            with opened(browser, cards.resolve().as_uri(), screen) as page:
                fits(page)
                is_accessible(page)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser."""
    executable = shutil.which(CHROMIUM)
    assert executable, f"{CHROMIUM} is not installed\n  → ./lab test installs it"
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=flags)
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser, url: str, screen: ViewportSize, *, dark: bool = False, account: Account | None = None
) -> Iterator[Page]:
    """The page; until it is closed again it has to complain of nothing, and to ask only whom it came from.

    :param account: what is typed where the browser asks for a login and a password.
    """
    colours: Literal["dark", "light"] = "dark" if dark else "light"
    page = browser.new_page(
        viewport=screen,
        color_scheme=colours,
        http_credentials=typed_by(account),
        ignore_https_errors=True,  # tests/integration/site looks at the certificate
    )
    page.context.set_offline(url.startswith("file:"))
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    yield page
    page.close()
    whence = urljoin(url, "/")
    elsewhere = [each for each in asked if not each.startswith((whence, DATA))]
    assert not elsewhere, f"the page asks for {elsewhere}"
    assert not said, f"the page complains: {said}"


def typed_by(account: Account | None) -> HttpCredentials | None:
    """What is typed where the browser asks for a login and a password; None: nothing is."""
    return {"username": account.login, "password": account.password} if account else None


def _has_every_claim(page: Page) -> None:
    for claim in CLAIMS:
        row = page.locator("#claims ~ .scroll tr", has=page.get_by_role("link", name=claim.id, exact=True))
        chapter = page.locator(f"article#{claim.id}")
        for place in (row, chapter):
            assert place.count() == 1, f"{claim.id} is there {place.count()} times: {place}"
            assert place.is_visible(), f"{claim.id} cannot be seen: {place}"
            assert claim.slide in place.inner_text(), f"{claim.id}: {claim.slide!r} is not said: {place}"
    picture = page.get_by_role("img", name="Topologie du lab")
    assert picture.is_visible(), "the topology cannot be seen"


def fits(page: Page) -> None:
    """Wide tables scroll by themselves; the page does not, to the side."""
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= screen, f"the page is {wide} pixels wide on a screen of {screen}"


def is_accessible(page: Page) -> None:
    """As it is opened, and with all of the evidence unfolded: axe-core passes over what is hidden."""
    for unfold in (False, True):
        if unfold:
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        found = Axe().run(page)
        assert not found.violations_count, found.generate_report()


def first_key_leads_to(page: Page, fragment: str) -> None:
    """The first link that the keyboard reaches leads past the page's head, when the browser gets there."""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    why = f"the first key leads elsewhere, not past the page's head to #{fragment}"
    expect(page, why).to_have_url(re.compile(f"#{fragment}$"))


def _is_usable_by_keyboard(page: Page) -> None:
    first_key_leads_to(page, "claims")
    proof = page.locator("article details").first
    for _ in range(2):
        was = proof.evaluate("each => each.open")
        proof.locator("summary").first.focus()
        page.keyboard.press("Enter")
        assert proof.evaluate("each => each.open") != was, "a proof cannot be unfolded by the keyboard"
