"""What handles private keys and passwords shows none: not in what it says, in a process's arguments, or in
others' files. Nor does it show the passwords' hashes.

The commands run as users run them, on a private host and on pyinfra's ``@fake``. Every process that Python
starts for them is witnessed, with its arguments.
"""

import base64
import json
import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from minetlab.lab import KvmHostSettings, Lab
from minetlab.operations import specs
from minetlab.plan import allocate
from minetlab.report.page import page
from minetlab.secrets import keys, passwords
from minetlab.secrets.certificates import site_certificate
from minetlab.util.paths import PROJECT_ROOT
from tests.support.evidence import about, evidence_of, recorded_shape
from tests.support.kvm_host import EMPTY
from tests.support.private_host import PrivateHost
from tests.support.recorded import RecordedLab
from tests.support.rotation import Command, command, host, lab

__all__ = ["command", "host", "lab"]  # fixtures

# Python imports it before anything else; then each process that it starts is a line of the file.
WITNESS = """\
import json, os, sys
STARTS = {"subprocess.Popen": 1, "os.exec": 1, "os.posix_spawn": 1, "os.system": 0}
def hook(event, arguments):
    if event in STARTS:
        words = arguments[STARTS[event]]
        words = [words] if isinstance(words, (str, bytes)) else words
        with open(os.environ["WITNESS"], "a") as file:
            print(json.dumps([os.fsdecode(word) for word in words]), file=file)
sys.addaudithook(hook)
"""


# What the file of any OpenSSH key begins with: PROTOCOL.key of OpenSSH.
ANY_KEY = {b"OPENSSH PRIVATE KEY", base64.b64encode(b"openssh-key-v1\0")}


def traces(private: Path) -> set[bytes]:
    """What a private key is known by, wherever it is written: lines of its file, its 32 bytes, in base64."""
    text = private.read_bytes()
    if b"CERTIFICATE" in text:
        raw, lines = _of_certificate(text)
    else:
        key = load_ssh_private_key(text, None)
        assert isinstance(key, Ed25519PrivateKey)
        raw = key.private_bytes_raw()
        lines = [line for line in text.splitlines()[3:-1] if len(line) > 20]  # before them: the public key
    seen = set[bytes]().union(*map(encoded, (raw, *lines)))
    return {raw, raw.hex().encode(), *lines, *seen, *ANY_KEY}


def _of_certificate(text: bytes) -> tuple[bytes, list[bytes]]:
    key = load_pem_private_key(text, None)
    assert isinstance(key, EllipticCurvePrivateKey)
    # The rest of the file is public.
    return key.private_numbers().private_value.to_bytes(32), text.splitlines()[1:3]


def encoded(text: bytes) -> set[bytes]:
    """What of it can be seen in base64, wherever it begins."""
    return {base64.b64encode(bytes(shift) + text)[4:-4] for shift in range(3)}


def password_traces(state: Path) -> set[bytes]:
    """What a password of the TP site and its hash are known by, each as it is and in base64."""
    files = [file for file in state.glob("labs/*/passwords/**/*") if file.is_file()]
    secrets = {word for file in files for word in file.read_bytes().split()}
    assert len(secrets) == 2 * len(files) > 0, "there is no password to look for"
    return secrets.union(*map(encoded, secrets))


def all_traces(state: Path) -> set[bytes]:
    """Those of every private key below a folder, and of every password."""
    found = {file for file in state.rglob("*") if file.is_file() and b"PRIVATE KEY" in file.read_bytes()}
    assert found, "there is no key to look for"
    return password_traces(state).union(*map(traces, found))


def shown(text: str, known: Iterable[bytes]) -> list[bytes]:
    return [trace for trace in known if trace in text.encode(errors="surrogateescape")]


def exposed(folder: Path, known: Iterable[bytes]) -> list[Path]:
    """The files with one of them that others than their owner may read."""
    return [
        file
        for file in folder.rglob("*")
        if file.is_file()
        and not file.is_symlink()
        and stat.S_IMODE(file.stat().st_mode) & 0o077
        and any(trace in file.read_bytes() for trace in known)
    ]


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of all processes' arguments."""
    folder = tmp_path / "witness"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITNESS)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("WITNESS", str(folder / "argv"))
    return folder / "argv"


def here(*words: str | Path) -> str:
    """What a command of this machine says."""
    result = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def witnessed(witness: Path, *programs: str) -> str:
    """All arguments; it fails if one of these programs was not among what was started."""
    text = witness.read_text()
    started = {Path(json.loads(line)[0]).name for line in text.splitlines()}
    assert set(programs) <= started, f"{programs}, of {started}"
    return text


def test_cards_and_export_show_no_key_and_no_password(
    command: Command, witness: Path, tmp_path: Path
) -> None:
    folder, exported = tmp_path / "cards", tmp_path / "export"
    said = here("-m", "minetlab", "cards", "-i", command.inventory, "-o", folder)
    said += here("-m", "minetlab", "export", "-i", command.inventory, "-o", exported)
    known = all_traces(tmp_path / "state")
    key = folder / "alice" / "id_ed25519"
    assert key.read_bytes() == keys.student_key("minet", "alice").private.read_bytes()
    assert shown(said + witnessed(witness, "ssh", "ssh-keygen"), known) == []
    assert exposed(tmp_path, known) == []
    written = [file for file in (*folder.rglob("*"), *exported.rglob("*")) if file.is_file()]
    handed_over = {
        folder / login / name for login in ("alice", "bob") for name in ("id_ed25519", "README.txt")
    }
    assert {file for file in written if any(trace in file.read_bytes() for trace in known)} == {
        *handed_over,
        folder / "cards.html",
        folder / "formateur.txt",
    }
    hashes = {trace for trace in password_traces(tmp_path / "state") if trace.startswith(b"$2b$")}
    assert not [file for file in written if any(trace in file.read_bytes() for trace in hashes)]


def files_with(host: PrivateHost, text: str) -> list[str]:
    """The host's own files that have this text: the clone may lie below its /home, too."""
    look = f"find /etc /home /run /var/lib /usr/local/bin -path {shlex.quote(str(PROJECT_ROOT))} -prune"
    grep = f"xargs --null grep -lF {shlex.quote(text)}"
    return host.prints(f"{look} -o -type f -print0 | {grep}; true").splitlines()


def test_a_deploy_and_a_rotation_show_no_key_and_no_password(
    command: Command, lab: Lab, host: PrivateHost, witness: Path, tmp_path: Path
) -> None:
    allocated = allocate(lab)
    for login in ("alice", "bob"):
        keys.student_key("minet", login)
    specs.access("minet", allocated.containers)
    specs.site_users(lab)
    known = all_traces(tmp_path / "state")
    served = "/var/lib/minet-lab/minet/access/minet-site"
    host.prints(f"mkdir -p {served} && touch {served}/eleves {served}/formateur")
    chosen = ("--data", "students=alice,bob")
    deploy = (str(command.inventory), "deploys/keys.py")
    env = (f"PYTHONPATH={os.environ['PYTHONPATH']}", f"WITNESS={witness}", f"MINETLAB_STATE={tmp_path}/state")
    script = 'cd "$0" && exec env "$@" 2>&1'
    said = ""
    for words in (
        ("-m", "pyinfra", "-y", "--debug", "-vvv", *chosen, *deploy),
        ("-m", "minetlab", "rotate", "alice", "-i", str(command.inventory)),
    ):
        result = host.run("sh", "-c", script, str(PROJECT_ROOT), *env, sys.executable, *words)
        assert result.returncode == 0, result.stdout
        said += result.stdout
    assert "base64 --decode | tar --extract" in said
    known |= all_traces(tmp_path / "state")
    assert shown(said + witnessed(witness, "ssh", "ssh-keygen", Path(sys.executable).name), known) == []
    assert exposed(tmp_path, known) == []
    # The containers' own keys are on the host, and nobody but their owner reads them, or gets that far.
    found = files_with(host, "PRIVATE KEY")
    folder = "/var/lib/minet-lab/minet/access"
    assert f"{folder}/minet-alice-processus/host_key" in found
    assert {Path(file).name for file in found} == {"host_key"}
    modes = host.prints(f"stat -c %a {' '.join(found)} {folder}").split()
    assert set(modes) == {"400", "600", "700"}
    # So are the hashes, which only the web server reads, www-data; passwords are not there at all.
    found = files_with(host, "$2b$")
    users = {f"{folder}/minet-site/{name}" for name in ("eleves", "formateur")}
    assert set(found) == users
    assert set(host.prints(f"stat -c '%a %u' {' '.join(users)}").splitlines()) == {"400 33"}
    accounts = (passwords.student("minet", "alice"), passwords.student("minet", "bob"))
    for account in (*accounts, passwords.instructor("minet")):
        assert host.run("grep", "-rqF", "-f", "-", "/var/lib", stdin=account.password).returncode == 1


def test_a_seed_goes_to_a_fake_host_and_shows_no_key(command: Command, witness: Path, tmp_path: Path) -> None:
    lab = Lab.model_validate(
        {**dict(command.lab), "kvm_hosts": ({"name": "@fake/hv1", "settings": KvmHostSettings()},)}
    )
    volumes = [
        f"<volume><name>{specs.seed_volume('minet', guest, KvmHostSettings().guest_network)}</name></volume>"
        for guest in allocate(lab).guests
    ]
    data = {"fake_responses": {"@installed": [*EMPTY, *volumes]}, "fake_delay": 0, "fake_delay_jitter": 0}
    command.inventory.write_text(f"kvm_hosts = [('@fake/hv1', {data!r})]\n")
    chosen = ("--data", "students=alice,bob")
    # A fake host has no lock to take.
    lines = (PROJECT_ROOT / "deploys" / "keys.py").read_text().splitlines(keepends=True)
    deploy = tmp_path / "keys.py"
    deploy.write_text("".join(line for line in lines if not line.startswith("lock.")))
    said = here("-m", "pyinfra", "-y", "--debug", "-vvv", *chosen, command.inventory, deploy)
    assert said.count("-seed-") >= 2
    assert "tar --extract --gzip" in said
    assert "H4sI" not in said  # how what gzip writes begins, in base64: no trace would be known in it
    specs.site_users(lab)
    known = all_traces(tmp_path / "state")
    assert shown(said + witnessed(witness, "ssh-keygen"), known) == []
    assert exposed(tmp_path, known) == []


def test_the_report_shows_no_key() -> None:
    evidence = evidence_of(RecordedLab())
    text = page(about(evidence), evidence, recorded_shape())
    text += "".join(each.model_dump_json() for each in evidence)
    assert "AMD-V" in text
    assert shown(text, ANY_KEY) == []


def _said(private: Path, folder: Path) -> list[object]:
    return list(shown(private.read_text(), traces(private)))


def _one_line(private: Path, folder: Path) -> list[object]:
    return list(shown(f"x {private.read_text().splitlines()[4]} y", traces(private)))


def _encoded(private: Path, folder: Path) -> list[object]:
    return list(shown(base64.b64encode(b"tar" + private.read_bytes()).decode(), traces(private)))


def _readable(private: Path, folder: Path) -> list[object]:
    copy = folder / "copy"
    copy.write_text(f"key: {private.read_text()}")
    copy.chmod(0o640)
    return list(exposed(folder, traces(private)))


def _argument(private: Path, folder: Path) -> list[object]:
    here("-c", "import subprocess, sys; subprocess.run(['true', open(sys.argv[1]).read()])", private)
    return list(shown(json.loads(witnessed(folder / "witness" / "argv", "true"))[1], traces(private)))


def test_a_password_or_its_hash_would_be_seen(lab: Lab, tmp_path: Path) -> None:
    account = passwords.student("minet", "alice")
    known = password_traces(tmp_path / "state")
    for secret in (account.password, account.hashed):
        assert shown(f"x {secret} y", known) == [secret.encode()]
        assert shown(base64.b64encode(f"tar {account.line}{secret}".encode()).decode(), known) != []


@pytest.mark.parametrize("leak", [_said, _one_line, _encoded, _readable, _argument])
def test_a_leak_would_be_seen(
    leak: Callable[[Path, Path], list[object]], tmp_path: Path, witness: Path, lab: Lab
) -> None:
    assert leak(keys.student_key("minet", "alice").private, tmp_path) != []


def test_the_key_of_a_certificate_would_be_seen_and_the_certificate_is_no_leak(
    lab: Lab, tmp_path: Path
) -> None:
    certificate = site_certificate(lab, lab.site_hosts[0])
    known = set[bytes]().union(*map(traces, (tmp_path / "state").rglob("*.pem")))
    for line in certificate.key.splitlines()[1:3]:
        assert shown(f"x {line} y", known) == [line.encode()]
    assert shown(certificate.chain, known) == []


def test_a_public_key_is_no_leak(lab: Lab) -> None:
    pair = keys.student_key("minet", "alice")
    assert shown(pair.public, traces(pair.private)) == []
