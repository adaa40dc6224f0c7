"""The TP site of a class, served by the lab's own web server and configuration, opened in a browser."""

import base64
import os
import re
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from socket import create_server
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, Page, ViewportSize
from playwright.sync_api import Error as PlaywrightError

from minetlab import passwords, publication, specs
from minetlab.images import build_rootfs
from minetlab.images.toolbox import Toolbox
from minetlab.model import ContainerHost, ContainerHostSettings, KvmHost, KvmHostSettings, Lab, Student
from minetlab.passwords import Account
from minetlab.plan import allocate
from minetlab.plan.portal import PORT, ROOT, STATUS_FILE, STATUS_ROOT, STUDENTS, USERS_ROOT, status_folder
from minetlab.portal import server
from minetlab.portal.site import Site, build, site_of
from minetlab.status import MISSING, SILENT, MachineState
from minetlab.verification.machines import ContainerHostMachine
from minetlab.verification.portal import Portal
from tests.e2e.browser import (
    PHONE,
    PROJECTOR,
    chromium,
    first_key_leads_to,
    fits,
    is_accessible,
    opened,
    typed_by,
)
from tests.hosts.test_portal import test_every_sheet_is_there as every_sheet_is_there
from tests.hosts.test_portal import test_students_see_their_own_machines_only as students_see_their_own
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


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Passwords are the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINETLAB_STATE", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="module")
def instructor(state: None) -> Account:
    return passwords.instructor("minet")


@pytest.fixture(scope="module")
def student(state: None) -> Account:
    return passwords.student("minet", "s07")


@pytest.fixture(scope="module")
def site() -> Site:
    return site_of(CLASS, allocate(CLASS))


@pytest.fixture(scope="module")
def root(site: Site, state: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The web server's root file system, with the site where its container has it."""
    root = tmp_path_factory.mktemp("portal")
    with tarfile.open(build_rootfs(server.recipe(), print)) as archive:
        archive.extractall(root, filter=lambda member, _: member if not member.isdev() else None)  # noqa: S202 (ours)
    with tarfile.open(build(site, print)) as archive:
        archive.extractall(root / ROOT[1:], filter="data")
    (root / STATUS_ROOT[1:]).mkdir()
    users = root / USERS_ROOT[1:]
    users.mkdir()
    for path, file in specs.site_users(CLASS).items():
        (users / Path(path).name).write_bytes(file.content)
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
        assert not {login for login in others if login in page.content()}
        assert page.get_by_role("link", name="Mes machines").get_attribute("aria-current") == "page"
        assert page.locator("link[rel=stylesheet]").evaluate("e => e.sheet.cssRules.length") > 10
        page.get_by_role("link", name="Se connecter").first.click()
        page.wait_for_url(f"{served}connexion.html")


def test_who_types_a_wrong_password_is_told_where_it_is(
    served: str, browser: Browser, student: Account
) -> None:
    wrong = replace(student, password=passwords.student("minet", "s08").password)
    for path, account in (("moi", wrong), ("formateur", student)):
        page = browser.new_page(viewport=PHONE, http_credentials=typed_by(account))
        answer = page.goto(f"{served}{path}")
        assert answer
        assert (answer.status, page.locator("h1").inner_text()) == (401, "Accès refusé")
        assert "sont sur votre carte" in page.locator("main").inner_text()
        assert page.locator("link[rel=stylesheet]").evaluate("e => e.sheet.cssRules.length") > 10
        page.close()


def test_who_has_none_is_asked_for_a_password(served: str, browser: Browser) -> None:
    page = browser.new_page()
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
    for path, account in (("moi", student), ("formateur", instructor), ("formateur.html", instructor)):
        assert answered(f"{served}{path}", account.login, account.password)[0] == 200
    assert answered(f"{served}{STATUS_FILE}", instructor.login, instructor.password)[0] == 204
    for path, account in (
        ("moi", instructor),
        ("formateur", student),
        ("formateur.html", student),
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
    file = root / USERS_ROOT[1:] / STUDENTS
    before = file.read_text()
    namesake = passwords.student("minet", passwords.INSTRUCTOR)
    file.write_text(before + namesake.line)
    page = root / ROOT[1:] / f"moi-{namesake.login}.html"
    page.write_text("machines of a namesake")
    try:
        for password, moi, formateur in ((namesake.password, 200, 401), (instructor.password, 401, 200)):
            assert answered(f"{served}moi", namesake.login, password)[0] == moi
            assert answered(f"{served}formateur", namesake.login, password)[0] == formateur
    finally:
        page.unlink()
        file.write_text(before)


def test_another_password_holds_at_the_next_request(served: str, root: Path) -> None:
    file = root / USERS_ROOT[1:] / STUDENTS
    old = passwords.student("minet", "s09")
    passwords.replace_student("minet", "s09")
    new = passwords.student("minet", "s09")
    file.write_text(file.read_text().replace(old.line, new.line))
    assert answered(f"{served}moi", "s09", old.password)[0] == 401
    assert answered(f"{served}moi", "s09", new.password)[0] == 200


def test_the_instructor_sees_the_whole_class(served: str, browser: Browser, instructor: Account) -> None:
    with opened(browser, f"{served}formateur.html", PROJECTOR, account=instructor) as page:
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


def test_the_instructor_sees_what_runs_as_it_changes(
    served: str, folder: Path, browser: Browser, instructor: Account
) -> None:
    number = len(allocate(CLASS).machines)
    with opened(browser, f"{served}formateur", PROJECTOR, account=instructor) as page:
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


def test_a_state_that_is_old_is_shown_as_old(
    served: str, folder: Path, browser: Browser, instructor: Account
) -> None:
    publish(folder, age=80, minet_s00="paused")
    with opened(browser, f"{served}formateur", PHONE, account=instructor) as page:
        shown(page, "! 1 en pause. État d'il y a 1 min.")
        shown(
            page, "État périmé : c'était il y a 1 min. Pour l'avoir à jour : ./lab status --publish --watch"
        )
        assert cell(page, "minet-s00") == "? en pause (il y a 1 min)"
        assert set(page.locator(".topology .sign").all_text_contents()) == {"?"}


def test_the_status_can_be_read_on_every_screen(
    served: str, folder: Path, browser: Browser, instructor: Account
) -> None:
    bob = MachineState("hv1", "minet-bob", "guest", "bob", "exited", planned=False)
    for age, text in ((0, "Hors de la liste"), (3 * 86400, "il y a 3 j")):
        publish(folder, age, [bob], minet_s00="shut off", minet_s01=MISSING)
        for screen, dark in ((PROJECTOR, True), (PROJECTOR, False), (PHONE, True), (PHONE, False)):
            with opened(browser, f"{served}formateur", screen, dark=dark, account=instructor) as page:
                shown(page, text)
                fits(page)
                is_accessible(page)


def test_where_the_site_does_not_answer_what_was_known_ages(
    served: str, folder: Path, browser: Browser, instructor: Account
) -> None:
    publish(folder, age=30)
    page = browser.new_page(http_credentials=typed_by(instructor))
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


def test_without_scripts_the_page_says_nothing_of_it(
    served: str, folder: Path, browser: Browser, instructor: Account
) -> None:
    publish(folder)
    page = browser.new_page(java_script_enabled=False, http_credentials=typed_by(instructor))
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
    for request, status in (
        (f"{served}tp/", 404),
        (f"{served}../etc/passwd", 400),
        (f"{served}nowhere", 404),
        (Request(served, data=b"x"), 403),  # noqa: S310 (it is our own server)
        (Request(f"{served}{STATUS_FILE}", data=b"x"), 403),  # noqa: S310 (as above)
        (Request(f"{served}moi", data=b"x"), 403),  # noqa: S310 (as above)
    ):
        with pytest.raises(HTTPError) as refused:
            ask(request)
        assert refused.value.code == status


def test_the_verification_finds_every_sheet_and_misses_one(served: str, site: Site, root: Path) -> None:
    """The check of tests/hosts, against this very server."""
    lab = RecordedLab()
    portal = Portal(int(served.rstrip("/").rpartition(":")[2]), site)

    def check(of_the_site: Callable[[ContainerHostMachine], None] = every_sheet_is_there) -> None:
        machine = lab.container_host
        machine.host.backend.inner.answers[portal.command] = subprocess.run(
            ["sh", "-c", portal.command], check=True, capture_output=True, text=True
        ).stdout
        of_the_site(type(machine)(machine.name, machine.host, "minet", machine.settings, portal))

    check()
    check(students_see_their_own)
    users = root / USERS_ROOT[1:]
    users.rename(away := root / "users")
    with pytest.raises(AssertionError, match=r"ct1: /moi Authorization: .* expected HTTP status 401, .* 403"):
        check(students_see_their_own)
    away.rename(users)
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
