"""Certificates of the TP site: made once, good for its names and no others, and nobody else's to read."""

import stat
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from minetlab.lab import CertificateFiles, ContainerHost, ContainerHostSettings, Lab
from minetlab.secrets import certificates
from minetlab.secrets.certificates import RENEWAL, SITE_LIFE, SiteCertificate, site_certificate
from minetlab.util.errors import LabError
from tests.support.certificates import IN_TWO_YEARS, refusal, self_signed
from tests.support.site_lab import LAB

OTHER = "secret"
CT2 = ContainerHost(name="ct2", hostname="ct2.example.org", settings=ContainerHostSettings())


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINETLAB_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def lab_with(*hosts: ContainerHost) -> Lab:
    return LAB.model_copy(update={"container_hosts": hosts})


def named(files: CertificateFiles | None, name: str = "ct2") -> ContainerHost:
    """A host whose certificate group data name."""
    return ContainerHost(
        name=name, hostname="ct2.example.org", settings=ContainerHostSettings(site_certificate=files)
    )


def made(*hosts: ContainerHost) -> SiteCertificate:
    return site_certificate(lab_with(*hosts), hosts[0])


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(certificates, "_now", lambda: moment)


def test_who_knows_the_labs_ca_knows_the_site_by_all_its_names() -> None:
    published = ContainerHostSettings.model_validate({"published_on": "192.0.2.7"})
    found = made(CT2.model_copy(update={"settings": published}))
    for name in ("ct2.example.org", "192.0.2.7", "localhost", "127.0.0.1"):
        assert refusal(found.chain, found.key, name, found.anchor.pem) == ""
        assert "self-signed certificate" in refusal(found.chain, found.key, name, None)
    assert "Hostname mismatch" in refusal(found.chain, found.key, "ct1.example.org", found.anchor.pem)
    assert found.anchor.by_lab


@pytest.mark.parametrize("name", ["example.org", "bank.example.com", "192.0.2.7", "::1"])
def test_the_labs_ca_speaks_for_nobody_else(name: str) -> None:
    """Not even if its key is stolen, so that students can have their browsers trust it."""
    found = made(CT2)
    authority = certificates._read(certificates._authority_file("minet"))
    forged = certificates._new_certificate(authority, (name,))
    chain = forged.certificate.public_bytes(Encoding.PEM).decode()
    assert refusal(chain, forged.key_pem, name, found.anchor.pem) == "permitted subtree violation"


def test_an_unchanged_lab_has_the_same_certificates() -> None:
    assert made(CT2) == made(CT2)
    others = (site_certificate(LAB, LAB.container_hosts[0]), made(CT2.model_copy(update={"name": "ct3"})))
    assert len({made(CT2).key, *(other.key for other in others)}) == 3


def test_a_further_host_needs_another_ca_and_an_absent_one_does_not() -> None:
    ct3 = ContainerHost(name="ct3", settings=ContainerHostSettings())
    assert not certificates.authority_is_outgrown(lab_with(CT2)), "there is none yet"
    first = made(CT2, ct3)
    assert not certificates.authority_is_outgrown(lab_with(CT2, ct3))
    assert made(CT2) == first
    ct4 = ContainerHost(name="ct4", settings=ContainerHostSettings())
    assert certificates.authority_is_outgrown(lab_with(CT2, ct4))
    second = made(CT2, ct4)
    assert second.anchor != first.anchor
    assert refusal(second.chain, second.key, "ct2.example.org", second.anchor.pem) == ""


def test_the_sites_certificate_is_renewed_in_time_and_the_ca_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(CT2)
    at(monkeypatch, first.end - RENEWAL - timedelta(days=1))
    assert made(CT2) == first
    at(monkeypatch, first.end - RENEWAL + timedelta(days=1))
    second = made(CT2)
    assert (second.anchor, second.end > first.end) == (first.anchor, True)
    assert second.key != first.key
    end_of_ca = x509.load_pem_x509_certificate(first.anchor.pem.encode()).not_valid_after_utc
    at(monkeypatch, end_of_ca - SITE_LIFE + timedelta(days=1))
    assert made(CT2).anchor != first.anchor


def test_only_their_owner_can_read_them(state: Path) -> None:
    found = made(CT2)
    folder = state / "labs" / "minet" / "certificates"
    files = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    assert {str(name) for name in files} == {"authority.pem", "hosts/ct2.pem"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o600}
    assert {stat.S_IMODE(file.stat().st_mode) for file in (folder, folder / "hosts")} == {0o700}
    assert "PRIVATE KEY" in found.key
    assert "PRIVATE KEY" not in repr(found) + found.chain + found.anchor.pem


def test_a_spoilt_file_is_said(state: Path) -> None:
    made(CT2)
    for name in ("hosts/ct2.pem", "authority.pem"):
        file = state / "labs" / "minet" / "certificates" / name
        file.write_text("secret\n")
        with pytest.raises(LabError, match=rf"{name} does not hold a certificate.*\n.*remove it") as refused:
            made(CT2)
        assert "secret" not in str(refused.value)


def test_the_fingerprint_is_what_openssl_shows(tmp_path: Path) -> None:
    for found in (made(CT2), made(named(self_signed(tmp_path, "ct2.example.org")))):
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-fingerprint", "-sha256"],
            input=found.anchor.pem,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert shown.rstrip().partition("=")[2] == found.anchor.fingerprint


@pytest.mark.parametrize("name", ["ct2.example.org", "CT2.example.org", "*.example.org"])
def test_a_certificate_that_group_data_name_is_served_as_it_is(tmp_path: Path, name: str) -> None:
    files = self_signed(tmp_path, "www.example.org", name)
    found = made(named(files))
    assert found.chain == Path(files.chain).read_text()
    assert refusal(found.chain, found.key, "ct2.example.org", found.anchor.pem) == ""
    assert not found.anchor.by_lab
    assert datetime.now(UTC) < found.end < datetime.now(UTC) + timedelta(days=61)


def _of_another(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return files.model_copy(update={"key": self_signed(folder / "other", "ct2.example.org").key})


def _encrypted(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return self_signed(folder / "other", "ct2.example.org", passphrase=OTHER)


def _elsewhere(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return self_signed(folder / "other", "ct1.example.org", "*.ct2.example.org", "*.org")


def _nameless(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return self_signed(folder / "other")


def _swapped(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return CertificateFiles(chain=files.key, key=files.chain)


def _absent(files: CertificateFiles, folder: Path) -> CertificateFiles:
    return files.model_copy(update={"key": str(folder / "nowhere")})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_of_another, r"key\.pem is not the key of .*chain\.pem"),
        (_encrypted, "no certificate and private key in PEM.*"),
        (_elsewhere, r"is not for ct2\.example\.org, but for ct1\.example\.org, \*\.ct2"),
        (_nameless, "is not for .*, but for no name"),
        (_swapped, "no certificate and private key in PEM"),
        (_absent, "cannot read .*nowhere"),
    ],
)
def test_one_that_is_not_good_is_refused_with_what_to_do(
    tmp_path: Path, spoil: Callable[[CertificateFiles, Path], CertificateFiles], why: str
) -> None:
    files = spoil(self_signed(tmp_path / "good", "ct2.example.org"), tmp_path)
    with pytest.raises(LabError, match=why) as refused:
        made(named(files))
    assert "site_certificate" in str(refused.value.next_step)


def test_one_that_has_expired_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = named(self_signed(tmp_path, "ct2.example.org"))
    at(monkeypatch, IN_TWO_YEARS)
    with pytest.raises(LabError, match=r"valid from .* only"):
        made(host)


def test_a_ca_that_is_forgotten_is_followed_by_another_with_all_that_it_signs(state: Path) -> None:
    certificates.forget_authority("minet")  # there is none
    before = made(*LAB.container_hosts)
    certificates.forget_authority("minet")
    assert not list(state.glob("**/*.pem"))
    after = made(*LAB.container_hosts)
    assert before.anchor.fingerprint != after.anchor.fingerprint
    assert before.key != after.key
