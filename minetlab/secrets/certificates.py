"""The TLS certificates of the TP site: by a CA of the lab's own, or those that group data names."""

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from minetlab.lab import CertificateFiles, ContainerHost, Lab
from minetlab.util.errors import LabError
from minetlab.util.files import lock_folder, make_folder, write_private
from minetlab.util.paths import state_dir

_DAY = timedelta(days=1)
AUTHORITY_LIFE, SITE_LIFE = 3650 * _DAY, 365 * _DAY
RENEWAL = 90 * _DAY
"""How long before its end the site's certificate is made anew."""
_CORRECT = "correct site_certificate in the group data"
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@dataclass(frozen=True)
class Anchor:
    """The certificate by which a site is known.

    :param pem: the certificate, in PEM.
    :param by_lab: whether it is that of the lab's CA; otherwise it is the site's own, which group data names.
    """

    pem: str
    by_lab: bool

    @property
    def fingerprint(self) -> str:
        """Its SHA-256, as browsers and openssl show it."""
        return x509.load_pem_x509_certificate(self.pem.encode()).fingerprint(SHA256()).hex(":").upper()


@dataclass(frozen=True)
class SiteCertificate:
    """The certificate with which a host serves the TP site.

    :param chain: in PEM, what the web server sends: the certificate, and what leads to its CA.
    :param key: its private key, in PEM.
    :param anchor: the certificate by which the site is known.
    :param end: when it expires.
    """

    chain: str
    key: str = field(repr=False)
    anchor: Anchor
    end: datetime


class _Pair(NamedTuple):
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def site_certificate(lab: Lab, host: ContainerHost) -> SiteCertificate:
    """Return the certificate of the site on a host; what the lab's CA signs is made if need be.

    :param lab: the lab.
    :param host: a host that serves the site.
    :return: the certificate; the same one until a name changes, or :data:`RENEWAL` before its end.
    :raises LabError: group data names a certificate that is not good for this host, or a file of the lab's
        own cannot be written or has wrong content.
    """
    if files := host.settings.site_certificate:
        return _named(files, host)
    folder = _folder(lab.name)
    for private in (folder, folder / "hosts"):
        make_folder(private, private=True)
    with lock_folder(folder):
        authority = _authority(lab)
        pair = _issued(folder / "hosts" / f"{host.name.rpartition('/')[2]}.pem", authority, host)
    anchor = Anchor(_pem(authority.certificate), by_lab=True)
    # A CA that is sent, too, can be looked at in a browser that does not know it yet.
    chain = _pem(pair.certificate) + anchor.pem
    return SiteCertificate(chain, pair.key_pem, anchor, pair.certificate.not_valid_after_utc)


def forget_authority(lab: str) -> None:
    """Delete the lab's CA with its private key, and what it has signed: the next use makes others."""
    folder = _folder(lab)
    if folder.exists():
        with lock_folder(folder):
            for file in (_authority_file(lab), *(folder / "hosts").glob("*.pem")):
                file.unlink(missing_ok=True)


def authority_is_outgrown(lab: Lab) -> bool:
    """Tell whether the lab has a CA that a deploy has to replace, as it cannot sign for all of its hosts."""
    file = _authority_file(lab.name)
    return file.exists() and not _is_good_authority(_read(file), _names(lab))


def _named(files: CertificateFiles, host: ContainerHost) -> SiteCertificate:
    chain, key_pem = _text(files.chain), _text(files.key)
    try:
        certificate = x509.load_pem_x509_certificates(chain.encode())[0]
        key = load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError) as error:  # the latter: the key is encrypted
        raise LabError(
            f"{host.name}: {files.chain} and {files.key} are no certificate and private key in PEM: {error}",
            next_step=f"{_CORRECT}; the key must have no passphrase",
        ) from error
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*public) != key.public_key().public_bytes(*public):
        raise LabError(f"{host.name}: {files.key} is not the key of {files.chain}", next_step=_CORRECT)
    _refuse_unfit(certificate, files.chain, host)
    anchor = Anchor(_pem(certificate), by_lab=False)
    return SiteCertificate(chain, key_pem, anchor, certificate.not_valid_after_utc)


def _refuse_unfit(certificate: x509.Certificate, file: str, host: ContainerHost) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not start <= _now() <= end:
        raise LabError(
            f"{host.name}: {file} is valid from {start:%Y-%m-%d} to {end:%Y-%m-%d} only",
            next_step="renew it, or leave site_certificate out: the lab's own CA signs one then",
        )
    names = _names_in(certificate)
    if not any(_matches(name, host.address) for name in names):
        raise LabError(
            f"{host.name}: {file} is not for {host.address}, but for {', '.join(names) or 'no name'}",
            next_step=f"{_CORRECT}, or set ssh_hostname of the host to a name that the certificate has",
        )


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"cannot read {file}: {error}", next_step=_CORRECT) from error


def _names_in(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]


def _matches(pattern: str, name: str) -> bool:
    """Tell whether a name of a certificate stands for this one: RFC 9525, with one label for an asterisk."""
    if pattern.startswith("*."):
        return pattern[1:].lower() == f".{name.partition('.')[2]}".lower()
    return pattern.lower() == name.lower()


def _authority(lab: Lab) -> _Pair:
    """Return the lab's CA, which can sign for the site's names and no others; the folder is locked."""
    file, names = _authority_file(lab.name), _names(lab)
    pair = _read(file) if file.exists() else None
    if not pair or not _is_good_authority(pair, names):
        pair = _new_authority(lab.name, names)
        _write(file, pair)
    return pair


def _is_good_authority(pair: _Pair, names: Collection[str]) -> bool:
    extensions = pair.certificate.extensions
    allowed = extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    lasts = pair.certificate.not_valid_after_utc - _now() > SITE_LIFE
    return lasts and set(_general_names(names, constraints=True)) <= set(allowed)


def _new_authority(lab: str, names: Collection[str]) -> _Pair:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"minet-lab {lab}")])
    signing = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    # With names and addresses among them, all others are forbidden (RFC 5280, 4.2.1.10): a student whose
    # browser trusts this CA need not trust those who have its key with the rest of the web.
    constraints = x509.NameConstraints(_general_names(names, constraints=True), None)
    builder = (
        _builder(subject, subject, key, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signing, critical=True)
        .add_extension(constraints, critical=True)
        .add_extension(_SERVER, critical=False)
    )
    return _Pair(builder.sign(key, SHA256()), key)


def _issued(file: Path, authority: _Pair, host: ContainerHost) -> _Pair:
    """Return the certificate of the site on a host, signed by the CA; the folder is locked."""
    pair = _read(file) if file.exists() else None
    if not pair or not _is_good(pair.certificate, authority.certificate, host.site_names):
        pair = _new_certificate(authority, host.site_names)
        _write(file, pair)
    return pair


def _is_good(certificate: x509.Certificate, authority: x509.Certificate, names: Iterable[str]) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return set(_names_in(certificate)) == set(names) and certificate.not_valid_after_utc - _now() > RENEWAL


def _new_certificate(authority: _Pair, names: tuple[str, ...]) -> _Pair:
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(subject, authority.certificate.subject, key, SITE_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(_SERVER, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
    )
    return _Pair(builder.sign(authority.key, SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    # From yesterday on, as the clocks of students' computers differ.
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - _DAY)
        .not_valid_after(_now() + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_names(names: Iterable[str], *, constraints: bool = False) -> list[x509.GeneralName]:
    general_names: list[x509.GeneralName] = []
    for name in names:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            general_names.append(x509.DNSName(name))
        else:
            general_names.append(x509.IPAddress(ipaddress.ip_network(address) if constraints else address))
    return general_names


def _names(lab: Lab) -> tuple[str, ...]:
    """Return all names for which the lab's CA has to sign."""
    hosts = (host for host in lab.site_hosts if host.settings.site_certificate is None)
    return tuple(dict.fromkeys(name for host in hosts for name in host.site_names))


def _read(file: Path) -> _Pair:
    try:
        text = file.read_bytes()
        certificate, key = x509.load_pem_x509_certificate(text), load_pem_private_key(text, password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise TypeError("it is another kind of key")
    except (OSError, ValueError, TypeError):
        raise LabError(
            f"{file} does not hold a certificate and its key",
            next_step="remove it: the next deploy makes another",
        ) from None
    return _Pair(certificate, key)


def _write(file: Path, pair: _Pair) -> None:
    # In one file, which is replaced in one step: they always match.
    write_private(file, pair.key_pem + _pem(pair.certificate))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _folder(lab: str) -> Path:
    return state_dir() / "labs" / lab / "certificates"


def _authority_file(lab: str) -> Path:
    return _folder(lab) / "authority.pem"


def _now() -> datetime:
    return datetime.now(UTC)
