"""The SSH host keys of real hosts: which are pinned, and which the hosts show.

A host's key is pinned in the file that pyinfra reads for it, ``ssh_known_hosts_file`` of the group data. A
key that the administrator's own SSH knows already counts as pinned. No other key is believed, not even once.
"""

import base64
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from minetlab.util.files import lock_folder, make_folder, rewrite, write_error
from minetlab.util.process import TooMuchError, capture, run

SSH_PORT = 22
SCAN_TIMEOUT = 10
"""Seconds for which ssh-keyscan waits for a host that says nothing."""
SCAN_LIMIT = 45.0
"""Seconds that ssh-keyscan may take: it connects once for each type of key."""
MAX_SCANNED = 2**16
"""Bytes that a host's keys may take; real ones have some 1000."""
# The first of these is shown and pinned, if the host has several keys: one is enough to compare.
PREFERRED_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")
# Entries begin with names of hosts; comments with #, and keys that are revoked or certify others with @.
ENTRY = re.compile(r"(?P<marker>@\S+ )?[^#@\s]\S* (?P<type>[\w@.-]+) (?P<key>[\w+/=]+)", re.ASCII)
PIN_HEADING = "# SSH host keys of the lab's hosts, written by `lab check --pin`. Commit this file.\n"


@dataclass(frozen=True, order=True)
class HostKey:
    """The public key of an SSH server.

    :param type: such as ``ssh-ed25519``.
    :param key: the key itself, in base64.
    """

    type: str
    key: str

    @property
    def line(self) -> str:
        """The key as OpenSSH writes it in its files."""
        return f"{self.type} {self.key}"

    @property
    def short_type(self) -> str:
        """The type as ssh-keygen(1) shows it: such as ``ED25519``."""
        return self.type.removeprefix("ssh-").partition("-")[0].upper()

    def __str__(self) -> str:
        """Return what people compare: the type and the fingerprint, as ssh-keygen(1) shows them."""
        digest = base64.b64encode(sha256(base64.b64decode(self.key)).digest()).decode().rstrip("=")
        return f"{self.short_type} SHA256:{digest}"


@dataclass(frozen=True)
class Endpoint:
    """Where a host's sshd answers, and what its keys are called in known_hosts files.

    :param alias: the host's name in the lab.
    :param hostname: its name or address for SSH.
    :param port: the port of its sshd.
    :param name: its name in known_hosts files, as OpenSSH looks for it.
    :param proxied: whether the administrator's SSH reaches it through another host.
    :param pin_file: the file in which the lab pins its keys.
    :param own_files: the known_hosts files of the administrator and of this machine.
    """

    alias: str
    hostname: str
    port: int
    name: str
    proxied: bool
    pin_file: Path
    own_files: tuple[Path, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which OpenSSH and pyinfra look for its keys; pyinfra knows no HostKeyAlias."""
        usual = self.hostname if self.port == SSH_PORT else f"[{self.hostname}]:{self.port}"
        return tuple(dict.fromkeys((self.name, usual)))


@dataclass(frozen=True)
class KnownKeys:
    """The keys by which a host is believed.

    :param keys: the keys; empty if none is known.
    :param file: the file that has them; None if none is known.
    """

    keys: tuple[HostKey, ...] = ()
    file: Path | None = None


def endpoint(alias: str, options: Mapping[str, str], pin_file: Path | None) -> Endpoint:
    """Find out where a host's sshd answers.

    OpenSSH itself is asked, as it also reads the administrator's own configuration.

    :param alias: the host's name in the lab.
    :param options: the options of ssh_config(5) that the inventory sets, as words of such a file.
    :param pin_file: the file in which the lab pins its keys; None: the administrator's own.
    :return: where it answers.
    :raises LabError: ssh cannot read its configuration.
    """
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    output = run(["ssh", "-G", *words, "--", alias], limit=60)
    settings = dict(line.partition(" ")[::2] for line in output.splitlines())
    hostname, port = settings["hostname"], int(settings["port"])
    written = options.get("HostName", alias)
    own_files = (*_files(settings, "userknownhostsfile"), *_files(settings, "globalknownhostsfile"))
    return Endpoint(
        alias=alias,
        # OpenSSH writes names in lower case, and pyinfra looks for a key by the name as it is written.
        hostname=written if written.lower() == hostname else hostname,
        port=port,
        name=settings.get("hostkeyalias") or (hostname if port == SSH_PORT else f"[{hostname}]:{port}"),
        proxied=any(settings.get(option, "none") != "none" for option in ("proxyjump", "proxycommand")),
        pin_file=pin_file or own_files[0],
        own_files=own_files,
    )


def known(host: Endpoint) -> KnownKeys:
    """Return the keys by which a host is believed: the lab's, or else those of the admin's own SSH."""
    for file in dict.fromkeys((host.pin_file, *host.own_files)):
        if keys := keys_in(file, host.names):
            return KnownKeys(keys, file)
    return KnownKeys()


def keys_in(file: Path, names: Iterable[str]) -> tuple[HostKey, ...]:
    """Return a host's keys in a known_hosts file, where names may be hashed or patterns.

    :param file: the file, which need not exist.
    :param names: the names of the host.
    :return: its keys, without those that the file revokes.
    """
    if not file.is_file():
        return ()
    valid: dict[HostKey, None] = {}
    revoked = set()
    for name in names:
        output = capture(["ssh-keygen", "-F", name, "-f", str(file)], limit=60).output
        for entry in filter(None, map(ENTRY.match, output.splitlines())):
            key = HostKey(entry["type"], entry["key"])
            if entry["marker"] is None:
                valid[key] = None
            elif entry["marker"] == "@revoked ":
                revoked.add(key)
    return tuple(key for key in valid if key not in revoked)


def known_hosts(hosts: Iterable[Endpoint]) -> str:
    """Return the text of a known_hosts file with the keys by which these hosts are believed."""
    return "".join(_lines(host, known(host).keys) for host in hosts)


def scan(host: Endpoint) -> tuple[HostKey, ...]:
    """Ask a host's sshd for its keys by ssh-keyscan(1), without logging in.

    Whoever is between this machine and the host can answer in its place.

    :param host: where it answers.
    :return: the keys that were shown; empty if nothing answers, or if it is behind another host.
    """
    if host.proxied:
        return ()
    command = ["ssh-keyscan", "-T", str(SCAN_TIMEOUT), "-p", str(host.port), "--", host.hostname]
    try:
        answer = capture(command, SCAN_LIMIT, max_bytes=MAX_SCANNED)
    except (TimeoutError, TooMuchError):
        return ()
    entries = filter(None, map(ENTRY.match, answer.output.splitlines()))
    return tuple(HostKey(entry["type"], entry["key"]) for entry in entries)


def to_pin(keys: Collection[HostKey]) -> HostKey:
    """Return that one of a host's keys which is shown and pinned.

    :param keys: the keys, at least one.
    :return: the first of :data:`PREFERRED_TYPES`, if there is one.
    """
    ranks = {key_type: rank for rank, key_type in enumerate(PREFERRED_TYPES)}
    return min(keys, key=lambda key: (ranks.get(key.type, len(ranks)), key))


def pin(host: Endpoint, keys: Iterable[HostKey]) -> None:
    """Add keys of a host to the file in which the lab pins them, in one step.

    :param host: the host.
    :param keys: its keys.
    :raises LabError: the file cannot be written, or another run has locked its folder for too long.
    """
    file, folder = host.pin_file, host.pin_file.parent
    make_folder(folder)
    try:
        with lock_folder(folder):
            before = file.read_bytes() if file.exists() else PIN_HEADING.encode()
            file.touch(mode=0o644)
            end = b"" if not before or before.endswith(b"\n") else b"\n"
            rewrite(file, before + end + _lines(host, keys).encode())
    except OSError as error:
        raise write_error(file, error) from error


def _lines(host: Endpoint, keys: Iterable[HostKey]) -> str:
    return "".join(f"{','.join(host.names)} {key.line}\n" for key in keys)


def _files(settings: Mapping[str, str], option: str) -> tuple[Path, ...]:
    """Return the files of an option as ``ssh -G`` prints it: separated by spaces, and not quoted."""
    value = settings.get(option, "")
    words = [value] if Path(value).exists() else value.split()
    return tuple(Path(word).expanduser() for word in words)
