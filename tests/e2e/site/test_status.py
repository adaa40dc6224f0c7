"""What runs, published by a host and shown on the instructor's page."""

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from minetlab.machines import publication
from minetlab.machines.status import MISSING, SILENT, MachineState
from minetlab.plan import allocate
from minetlab.resources.site import STATUS_FILE, STATUS_ROOT, status_folder
from minetlab.secrets.passwords import Account
from tests.e2e.browser import PHONE, PROJECTOR, fits, is_accessible, opened, typed_by
from tests.support.served_site import CLASS


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
    page = browser.new_page(http_credentials=typed_by(instructor), ignore_https_errors=True)
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
    page = browser.new_page(
        java_script_enabled=False, http_credentials=typed_by(instructor), ignore_https_errors=True
    )
    page.goto(f"{served}formateur")
    assert page.get_by_role("img", name="Topologie du lab minet").is_visible()
    assert not page.locator("#etat").is_visible()
    assert page.locator("thead th").all_inner_texts() == ["hôte", "machine", "élève", "où"]
    page.close()
