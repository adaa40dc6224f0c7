"""TLS certificates as others sign them, and what a client makes of one."""

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from minetlab.lab import CertificateFiles

IN_TWO_YEARS = datetime.now(UTC) + timedelta(days=730)


def self_signed(folder: Path, *names: str, passphrase: str = "", days: int = 60) -> CertificateFiles:
    """A certificate for these DNS names, and its key."""
    folder.mkdir(exist_ok=True)
    files = CertificateFiles(chain=str(folder / "chain.pem"), key=str(folder / "key.pem"))
    command = ["openssl", "req", "-x509", "-days", str(days)]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
    command += ["-subj", "/CN=site", "-out", files.chain, "-keyout", files.key]
    if names:
        command += ["-addext", f"subjectAltName={','.join(f'DNS:{name}' for name in names)}"]
    subprocess.run(command, check=True, capture_output=True)
    return files


def refusal(chain: str, key: str, name: str, trusted: str | None) -> str:
    """Why a client that trusts this CA, or none, refuses a server of this name; empty: it does not."""
    with NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(chain + key)
        file.flush()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file.name)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    if trusted:
        client.load_verify_locations(cadata=trusted)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(3):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError as error:
                return str(error.verify_message)
    ends[0].write(b"hello")
    assert ends[1].read() == b"hello"
    return ""
