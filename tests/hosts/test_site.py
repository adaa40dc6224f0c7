"""Checks of the TP site: it answers, every sheet is there, what is a student's own is not everybody's."""

import pytest

from minetlab.checks.machines import ContainerHostMachine
from minetlab.checks.modules import Docker
from minetlab.checks.site import LED, OLD_VERSIONS, REFUSED
from minetlab.resources.site import container_name


@pytest.mark.claim("C19")
def test_every_sheet_is_there(site_host: ContainerHostMachine) -> None:
    """On the port that students use: every sheet, as it was verified, and a home page that leads to all."""
    assert site_host.site is not None
    site = site_host.site.site
    titles = {"/": None} | {f"/{sheet.page}": f"TP — {sheet.title}" for sheet in site.sheets}
    answered = site_host.site.pages(site_host.host)
    wrong = []
    for path, title in titles.items():
        page = answered[path]
        if page.code != 200:
            wrong.append(site_host.differs(path, "HTTP status 200", page.status))
            continue
        if title and page.title != title:
            wrong.append(site_host.differs(f"title of {path}", title, page.title or "none"))
        if page.revision != site.revision:
            wrong.append(site_host.differs(f"revision of {path}", site.revision, page.revision or "none"))
    if answered["/"].code == 200:
        linked, sheets = answered["/"].sheets, {sheet.page for sheet in site.sheets}
        missing = sorted(sheets - linked)
        if missing:
            wrong.append(site_host.differs("sheets that / leads to", "all", f"all but {', '.join(missing)}"))
    assert not wrong, "\n".join(wrong)


def test_site_proves_who_it_is_and_is_not_spoken_to_in_plain(site_host: ContainerHostMachine) -> None:
    """Over TLS, by the CA or certificate that is on students' cards; plain HTTP is led there."""
    assert site_host.site is not None
    site, wrong = site_host.site, []
    today, *old = site_host.reads(site.tls_command).splitlines()
    for proof in ("Verification: OK", f"Verified peername: {site.name}"):
        if proof not in today:
            wrong.append(site_host.differs("certificate", proof, today))
    refusals = dict(line.split(":", 1) for line in old)
    for version in OLD_VERSIONS:
        if REFUSED not in refusals.get(version, ""):
            wrong.append(site_host.differs(f"openssl {version}", REFUSED, refusals.get(version)))
    redirected = ["HTTP/1.1 307 Temporary Redirect", f"Location: https://site{LED}"]
    answered = site_host.reads(site.plain_command).splitlines()
    if answered != redirected:
        wrong.append(site_host.differs("plain HTTP", redirected, answered))
    assert not wrong, "\n".join(wrong)


def test_no_other_account_of_the_host_gets_to_pages_and_secrets(site_host: ContainerHostMachine) -> None:
    """The instructor's pages, the passwords' hashes and the key are in folders that only root can enter."""
    assert site_host.site is not None
    found = site_host.reads(site_host.site.folders_command).splitlines()
    wrong = [site_host.differs("folder", "closed", line) for line in found if not line.startswith("closed ")]
    assert found, f"{site_host.name}: nothing is known of the site's folders"
    assert not wrong, "\n".join(wrong)


@pytest.mark.claim("C19")
def test_students_see_their_own_machines_only(site_host: ContainerHostMachine) -> None:
    """Without a password, or with a wrong one, nobody sees a student's page, or the instructor's."""
    assert site_host.site is not None
    answered = site_host.site.pages(site_host.host)
    wrong = [
        site_host.differs(request, f"HTTP status {code}", answered[request].status)
        for request, code in site_host.site.refused.items()
        if answered[request].code != code
    ]
    assert not wrong, "\n".join(wrong)


def test_web_server_runs_without_privileges(site_host: ContainerHostMachine) -> None:
    """It runs, will after a reboot, is not root, and can write nowhere but in memory."""
    name = container_name(site_host.lab)
    found = Docker.on(site_host.host).containers()
    assert name in found, f"{site_host.name}: {name}: no such container\n  → run the deploy"
    details, host = found[name], found[name]["HostConfig"]
    planned = {
        "state": ("running", details["State"]["Status"]),
        "restart policy": ("unless-stopped", host["RestartPolicy"]["Name"]),
        "user": ("www-data", details["Config"]["User"]),
        "read-only": (True, host["ReadonlyRootfs"]),
        "writable mounts": ([], [each["Destination"] for each in details["Mounts"] if each["RW"]]),
        "dropped capabilities": (["ALL"], host["CapDrop"]),
        "added capabilities": ([], host["CapAdd"] or []),
        "security options": (["no-new-privileges"], host["SecurityOpt"]),
    }
    wrong = [
        site_host.differs(f"{name}: {thing}", expected, observed)
        for thing, (expected, observed) in planned.items()
        if observed != expected
    ]
    assert not wrong, "\n".join(wrong)
