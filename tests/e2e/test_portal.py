"""The TP site of a class, served by the lab's own web server and configuration, opened in a browser."""

import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from socket import create_server
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page

from minetlab.images import build_rootfs
from minetlab.images.toolbox import Toolbox
from minetlab.model import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.plan.portal import PORT, ROOT
from minetlab.portal import server
from minetlab.portal.site import Site, build, site_of
from minetlab.verification.portal import Portal
from tests.e2e.browser import PHONE, PROJECTOR, chromium, fits, is_accessible, opened
from tests.hosts.test_portal import test_every_sheet_is_there as every_sheet_is_there
from tests.unit.recorded import RecordedLab

SHEET = "tp/conteneur.html"
CLASS = Lab(
    name="minet",
    students=tuple(Student(login=f"s{each:02}", name=f"Élève Numéro {each}") for each in range(30)),
    kvm_hosts=(KvmHost(name="hv1.example.org", settings=KvmHostSettings(guest_tps=("vm", "conteneur"))),),
    container_hosts=(
        ContainerHost(name="ct1.example.org", settings=ContainerHostSettings(tp_images=("isa", "processus"))),
        ContainerHost(name="ct2.example.org", settings=ContainerHostSettings(tp_images=("isa", "processus"))),
    ),
)


@pytest.fixture(scope="module")
def site() -> Site:
    return site_of(CLASS, allocate(CLASS))


@pytest.fixture(scope="module")
def root(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web server's root file system, with the site where its container has it."""
    root = tmp_path_factory.mktemp("portal")
    with tarfile.open(build_rootfs(server.recipe(), print)) as archive:
        archive.extractall(root, filter=lambda member, _: member if not member.isdev() else None)  # noqa: S202 (ours)
    with tarfile.open(build(site, print)) as archive:
        archive.extractall(root / ROOT[1:], filter="data")
    return root


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[str]:
    """The site's URL: nginx runs here out of its image, its configuration's port and paths moved."""
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = root / "etc" / "minet-lab" / "nginx.conf"
    moved = config.read_text().replace(f"listen {PORT}", f"listen 127.0.0.1:{port}")
    config.write_text(re.sub(r" (/(tmp|srv|etc)/)", rf" {root}\1", moved))
    # As root, nginx would change to a user who cannot read this folder.
    words = ["-g", "user root;"] if os.geteuid() == 0 else []
    command = Toolbox(root).command("nginx", "-e", "stderr", "-c", str(config), *words)
    with subprocess.Popen(command) as nginx:
        try:
            wait_for(f"http://127.0.0.1:{port}/", nginx)
            yield f"http://127.0.0.1:{port}/"
        finally:
            nginx.terminate()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while process.poll() is None:
        try:
            ask(url).close()
        except URLError:
            assert time.monotonic() < deadline, f"{url} did not answer within 30 s"
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nginx ended with {process.returncode}")


def ask(request: str | Request) -> Any:
    return urlopen(request, timeout=30)  # noqa: S310 (it is our own server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_every_page_is_good(served: str, site: Site, browser: Browser) -> None:
    """On a projector and on a phone, by day and in the dark: colours are the same on both."""
    for path in ("", "connexion.html", "formateur.html", *(sheet.page for sheet in site.sheets)):
        for screen, dark in ((PROJECTOR, False), (PHONE, True)):
            with opened(browser, f"{served}{path}", screen, dark=dark) as page:
                fits(page)
                is_accessible(page)
                assert "console C" not in page.locator("body").inner_text()


def test_a_student_finds_the_way_by_keyboard(served: str, browser: Browser) -> None:
    with opened(browser, served, PHONE) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#content"), f"the first key leads to {page.url}, not past the page's head"
        follow(page, "vous connecter")
        row = page.locator("tbody", has=page.get_by_text("s07", exact=True))
        assert "etudiant@ct" in row.inner_text()
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


def test_the_instructor_sees_the_whole_class(served: str, browser: Browser) -> None:
    with opened(browser, f"{served}formateur.html", PROJECTOR) as page:
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


def test_the_server_gives_pages_and_nothing_else(served: str, site: Site) -> None:
    with ask(f"{served}tp/isa") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Server"] == "nginx"
        assert not answer.headers["Last-Modified"]
        assert not answer.headers["ETag"]
    for request, status in (
        (f"{served}tp/", 404),
        (f"{served}../etc/passwd", 400),
        (f"{served}nowhere", 404),
        (Request(served, data=b"x"), 403),  # noqa: S310 (it is our own server)
    ):
        with pytest.raises(HTTPError) as refused:
            ask(request)
        assert refused.value.code == status


def test_the_verification_finds_every_sheet_and_misses_one(served: str, site: Site, root: Path) -> None:
    """The check of tests/hosts, against this very server."""
    lab = RecordedLab()
    portal = Portal(int(served.rstrip("/").rpartition(":")[2]), site)

    def check() -> None:
        machine = lab.container_host
        machine.host.backend.inner.answers[portal.command] = subprocess.run(
            ["sh", "-c", portal.command], check=True, capture_output=True, text=True
        ).stdout
        every_sheet_is_there(type(machine)(machine.name, machine.host, "minet", machine.settings, portal))

    check()
    there = root / ROOT[1:] / SHEET
    shutil.move(there, away := root / "away.html")
    with pytest.raises(AssertionError, match=rf"ct1: /{SHEET}: expected HTTP status 200, observed .* 404"):
        check()
    there.write_text(away.read_text().replace(site.revision, "0" * 12))
    with pytest.raises(AssertionError, match=rf"revision of /{SHEET}: expected {site.revision}, observed 0+"):
        check()
    shutil.move(away, there)


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
    page_file = root / ROOT[1:] / "spoilt.html"
    page_file.write_text((root / ROOT[1:] / "index.html").read_text().replace("</main>", f"{spoilt}</main>"))
    with pytest.raises(AssertionError, match=why), opened(browser, f"{served}spoilt", PHONE) as page:
        fits(page)
        is_accessible(page)
