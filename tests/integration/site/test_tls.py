"""How the web server speaks TLS, and that the verification finds what is wrong with that."""

import ssl
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from minetlab.resources.site import SECRETS_ROOT, TLS_CHAIN, TLS_KEY
from tests.hosts.test_site import test_site_proves_who_it_is_and_is_not_spoken_to_in_plain as proves_who_it_is
from tests.integration.site.verified_site import verify
from tests.support.certificates import self_signed
from tests.support.served_site import ask, port_of, serving

OLD = "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers DEFAULT:@SECLEVEL=0"


def test_who_does_not_know_the_labs_ca_is_warned(served: str) -> None:
    with pytest.raises(URLError, match="self-signed certificate in certificate chain"):
        urlopen(served, timeout=30, context=ssl.create_default_context())  # noqa: S310 (it is our own server)


@pytest.mark.parametrize("path", ["/", "/moi", "/formateur", "/tp/isa?a=b", "/nowhere"])
def test_plain_http_leads_to_the_same_address_over_tls_and_shows_nothing(served: str, path: str) -> None:
    """With the port that was typed, which in the sandbox is not that of the web server."""
    connection = HTTPConnection("127.0.0.1", port_of(served), timeout=30)
    connection.request("GET", path, headers={"Host": "localhost:4711", "Authorization": "Basic eDp4"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (307, f"https://localhost:4711{path}")
    assert b"machine" not in answer.read()


def test_the_verification_believes_the_site(served: str) -> None:
    verify(served, proves_who_it_is)


def test_the_verification_does_not_believe_another_site(served: str, tmp_path: Path) -> None:
    other = Path(self_signed(tmp_path, "ct1.example.org").chain).read_text()
    for name, anchor in (("ct1.example.org", other), ("ct3.example.org", None), ("192.0.2.7", None)):
        with pytest.raises(AssertionError, match=r"certificate: expected Verif.* error: "):
            verify(served, proves_who_it_is, name=name, anchor=anchor)


def test_the_verification_finds_old_versions_of_tls(root: Path) -> None:
    def lax(config: str) -> str:
        return config.replace("TLSv1.2 TLSv1.3", OLD)

    with (
        serving(root, lax) as url,
        pytest.raises(AssertionError, match=r"openssl -tls1: expected .*, observed .* Cipher is ECDHE"),
    ):
        verify(url, proves_who_it_is)


def test_the_verification_finds_a_site_that_speaks_plain_http(root: Path) -> None:
    def plain(config: str) -> str:
        return config.replace("error_page 497 =307", "error_page 497 =200")

    with serving(root, plain) as url, pytest.raises(AssertionError, match=r"plain HTTP: expected .*307"):
        verify(url, proves_who_it_is)


def test_a_certificate_of_group_data_is_believed_by_itself(root: Path, tmp_path: Path) -> None:
    files = self_signed(tmp_path, "ct1.example.org")

    def named(config: str) -> str:
        for name, file in ((TLS_CHAIN, files.chain), (TLS_KEY, files.key)):
            config = config.replace(f"{root}{SECRETS_ROOT}/{name}", file)
        return config

    with serving(root, named) as url:
        verify(url, proves_who_it_is, anchor=Path(files.chain).read_text())


def test_nothing_makes_browsers_refuse_the_hosts_other_ports(served: str) -> None:
    """HSTS would: it is for all ports of a name, and long after the session."""
    with ask(served) as answer:
        assert answer.headers["Strict-Transport-Security"] is None
