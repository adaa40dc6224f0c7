"""The TP site of a class, served by the lab's own web server and configuration, opened in a browser."""

import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from socket import create_server
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page

from minetlab import publication
from minetlab.images import build_rootfs
from minetlab.images.toolbox import Toolbox
from minetlab.model import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.plan import allocate
from minetlab.plan.portal import PORT, ROOT, STATUS_FILE, STATUS_ROOT, status_folder
from minetlab.portal import server
from minetlab.portal.site import Site, build, site_of
from minetlab.status import MISSING, SILENT, MachineState
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
    (root / STATUS_ROOT[1:]).mkdir()
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


@pytest.fixture
def folder(root: Path) -> Iterator[Path]:
    """Where the status is published; empty again when the test is over."""
    folder = root / STATUS_ROOT[1:]
    yield folder
    (folder / STATUS_FILE).unlink(missing_ok=True)


def publish(folder: Path, age: float = 0, more: Iterable[MachineState] = (), **states: str) -> None:
    """As a host would: all machines run but those for which a state is given."""
    plan = allocate(CLASS)
    machines = [(each.host, each.name, "guest") for each in plan.guests]
    machines += [(each.host, each.name, "container") for each in plan.containers]
    given = {name.replace("_", "-"): state for name, state in states.items()}
    found = [MachineState(host, name, kind, "", given.get(name, "running")) for host, name, kind in machines]
    line = publication.command("minet", [*found, *more], age).replace(status_folder("minet"), str(folder))
    subprocess.run(["sh", "-c", line], check=True)


def shown(page: Page, text: str) -> None:
    """Wait until the page shows this: it looks every five seconds."""
    page.locator("#etat", has_text=text).wait_for(timeout=20_000)


def cell(page: Page, machine: str) -> str:
    row = page.locator("tr", has=page.get_by_text(machine, exact=True))
    return row.locator("td.state").inner_text()


def test_the_instructor_sees_what_runs_as_it_changes(served: str, folder: Path, browser: Browser) -> None:
    number = len(allocate(CLASS).machines)
    with opened(browser, f"{served}formateur", PROJECTOR) as page:
        shown(page, "Aucun état publié : ./lab status --publish --watch")
        assert page.locator("td.state").count() == 0
        publish(folder)
        shown(page, f"Sur {number} machines : ✓ {number} en marche. État d'il y a ")
        assert page.locator("td.state").all_inner_texts() == number * ["✓ en marche"]
        assert page.locator(".topology .sign").all_text_contents() == number * ["✓"]
        bob = MachineState("hv1", "minet-bob", "guest", "bob", "running", planned=False)
        publish(folder, more=[bob], minet_s00="shut off", minet_s01=MISSING, minet_s02_isa=SILENT)
        shown(page, f"✓ {number - 3} en marche")
        shown(page, "! 1 à l'arrêt")
        shown(page, "Hors de la liste : minet-bob sur hv1 (en marche).")
        assert cell(page, "minet-s00") == "! à l'arrêt"
        assert cell(page, "minet-s01") == "✗ introuvable"
        assert cell(page, "minet-s02-isa") == "✗ injoignable"
        card = page.locator('.topology [data-machine="minet-s01"]')
        assert card.locator(".sign").text_content() == "✗"
        assert str(card.locator("title").text_content()).endswith(" · introuvable")


def test_a_state_that_is_old_is_shown_as_old(served: str, folder: Path, browser: Browser) -> None:
    publish(folder, age=80, minet_s00="paused")
    with opened(browser, f"{served}formateur", PHONE) as page:
        shown(page, "! 1 en pause. État d'il y a 1 min.")
        shown(
            page, "État périmé : c'était il y a 1 min. Pour l'avoir à jour : ./lab status --publish --watch"
        )
        assert cell(page, "minet-s00") == "? en pause (il y a 1 min)"
        assert set(page.locator(".topology .sign").all_text_contents()) == {"?"}


def test_the_status_can_be_read_on_every_screen(served: str, folder: Path, browser: Browser) -> None:
    bob = MachineState("hv1", "minet-bob", "guest", "bob", "exited", planned=False)
    for age, text in ((0, "Hors de la liste"), (3 * 86400, "il y a 3 j")):
        publish(folder, age, [bob], minet_s00="shut off", minet_s01=MISSING)
        for screen, dark in ((PROJECTOR, True), (PROJECTOR, False), (PHONE, True), (PHONE, False)):
            with opened(browser, f"{served}formateur", screen, dark=dark) as page:
                shown(page, text)
                fits(page)
                is_accessible(page)


def test_where_the_site_does_not_answer_what_was_known_ages(
    served: str, folder: Path, browser: Browser
) -> None:
    publish(folder, age=30)
    page = browser.new_page()
    page.route(f"**/{STATUS_FILE}", lambda route: route.abort())
    page.goto(f"{served}formateur")
    shown(page, "Le site ne répond pas.")
    page.unroute_all()
    shown(page, "État d'il y a")
    page.route(f"**/{STATUS_FILE}", lambda route: route.abort())
    shown(page, "Le site ne répond plus.")
    page.unroute_all()
    page.locator("#etat", has_text="Le site ne répond plus.").wait_for(state="detached", timeout=20_000)
    page.close()


def test_without_scripts_the_page_says_nothing_of_it(served: str, folder: Path, browser: Browser) -> None:
    publish(folder)
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{served}formateur")
    assert page.get_by_role("img", name="Topologie du lab minet").is_visible()
    assert not page.locator("#etat").is_visible()
    assert page.locator("thead th").all_inner_texts() == ["hôte", "machine", "élève", "où"]
    page.close()


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
    with ask(f"{served}{STATUS_FILE}") as answer:
        assert (answer.status, answer.read()) == (204, b"")
    for request, status in (
        (f"{served}tp/", 404),
        (f"{served}../etc/passwd", 400),
        (f"{served}nowhere", 404),
        (Request(served, data=b"x"), 403),  # noqa: S310 (it is our own server)
        (Request(f"{served}{STATUS_FILE}", data=b"x"), 403),  # noqa: S310 (as above)
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
