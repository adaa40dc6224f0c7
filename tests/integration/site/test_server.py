"""What the web server answers, and that the verification finds what is wrong with it."""

import shutil
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from minetlab.resources.site import SECRETS_ROOT, SITE_ROOT, STATUS_FILE
from minetlab.site.build import Site
from tests.hosts.test_site import (
    test_every_sheet_is_there as every_sheet_is_there,
    test_students_see_their_own_machines_only as students_see_their_own,
)
from tests.integration.site.verified_site import verify
from tests.support.served_site import SHEET, ask


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
    verify(served, every_sheet_is_there)
    verify(served, students_see_their_own)
    users = root / SECRETS_ROOT[1:]
    users.rename(away := root / "users")
    with pytest.raises(AssertionError, match=r"ct1: /moi Authorization: .* expected HTTP status 401, .* 403"):
        verify(served, students_see_their_own)
    away.rename(users)
    there = root / SITE_ROOT[1:] / SHEET
    shutil.move(there, away := root / "away.html")
    with pytest.raises(AssertionError, match=rf"ct1: /{SHEET}: expected HTTP status 200, observed .* 404"):
        verify(served, every_sheet_is_there)
    there.write_text(away.read_text().replace(site.revision, "0" * 12))
    with pytest.raises(AssertionError, match=rf"revision of /{SHEET}: expected {site.revision}, observed 0+"):
        verify(served, every_sheet_is_there)
    shutil.move(away, there)
