"""A host of its own within this machine: other accounts, another network, and a real sshd (OpenSSH's).

Namespaces keep it apart (unshare(1)): no account, file or port of this machine is touched, and nobody
has to be root here. It stands for guests as well: all addresses of their subnet are its own.
"""

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minetlab.util.paths import PROJECT_ROOT

SSHD_CONFIG = """\
Include /etc/ssh/sshd_config.d/*.conf
HostKey /etc/ssh/host_key
PasswordAuthentication no
UsePAM no
X11Forwarding yes
Subsystem sftp internal-sftp
"""
# What a host has and a private one lacks: systemd, and a sudo that is root's from here on.
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >>/run/systemctl
[ "$*" != "try-reload-or-restart ssh.service" ] || kill -HUP "$(cat /run/sshd.pid)"
"""
SUDO = """\
#!/bin/sh
[ "$1 $2 $3" = "-n -H -u" ] || exit 1
user=$4; shift 5
HOME=$(getent passwd "$user" | cut -d: -f6) exec runuser -u "$user" -- "$@"
"""
START = """\
set -e
mount --make-rprivate /
for each in passwd group login.defs nsswitch.conf pam.d security skel ld.so.cache alternatives; do
    cp --recursive --no-dereference "/etc/$each" "$1/etc" || true # who is not root cannot read all of it
done
mount --bind "$1/etc" /etc
mkdir "$1/project"
mount --bind "$2" "$1/project"
for folder in /run /home /var/lib /var/log /usr/local/bin; do mount -t tmpfs -o mode=755 none $folder; done
# A clone below one of these folders stays visible, and with it the tests' environment.
[ -e "$2" ] || { mkdir -p "$2"; mount --bind "$1/project" "$2"; }
sed -i 's|^root:.*|root:x:0:0:root:/home/root:/bin/sh|' /etc/passwd
mkdir -m 700 /home/root
[ ! -e /usr/bin/virsh ] || mount --bind /dev/null /usr/bin/virsh
ip link set lo up
ip address add 10.77.0.1/24 dev lo
mkdir -p /run/sshd
mkdir -p /etc/ssh/sshd_config.d
cp "$1/sshd_config" /etc/ssh/sshd_config
cp "$1/systemctl" "$1/sudo" /usr/local/bin/
chmod 755 /usr/local/bin/*
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/host_key
printf 'root:*:19000:0:99999:7:::\\n' >/etc/shadow
: >/etc/gshadow
chmod 600 /etc/shadow /etc/gshadow
exec /usr/sbin/sshd -D -E "$1/sshd.log"
"""
PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class PrivateHost:
    """A host that stands.

    :param shell: runs as ``sh`` does, in there, as its root.
    :param log: what its sshd says.
    """

    shell: Path
    log: Path

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command there."""
        argv = [str(self.shell), "-c", shlex.join(command)]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def prints(self, script: str) -> str:
        """What a script prints there, which must not fail."""
        result = self.run("sh", "-c", script)
        assert result.returncode == 0, f"{script}: {result.stderr}"
        return result.stdout

    @contextlib.contextmanager
    def session(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Have a command run there, once it has printed its first line."""
        argv = [str(self.shell), "-c", f"exec {shlex.join(command)}"]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout
                assert process.stdout.readline()
                yield process
            finally:
                process.kill()

    def add_account(self, login: str, *keys: str, root: bool = False) -> None:
        """Add a person's account, which these public keys open.

        :param root: it is another name of root, as an administrator's.
        """
        options = f"--non-unique --uid 0 --home-dir /home/{login}" if root else ""
        folder = f"/home/{login}/.ssh"
        if login != "root":
            self.prints(f"useradd {options} --create-home --password '*' --shell /bin/sh {login}")
        self.prints(f"mkdir -m 700 {folder} && printf '%s\\n' {shlex.join(keys)} >{folder}/authorized_keys")
        self.prints(f"chown -R {login} {folder}")


def is_open(session: subprocess.Popen[bytes]) -> bool:
    """Whether a session in which cat runs still answers."""
    assert session.stdin
    assert session.stdout
    try:
        session.stdin.write(b"still there\n")
        session.stdin.flush()
    except BrokenPipeError:
        return False
    return bool(session.stdout.readline())


@contextlib.contextmanager
def private_host(folder: Path) -> Iterator[PrivateHost]:
    """Have one stand for a while.

    :param folder: an empty one, for its files.
    """
    (folder / "etc").mkdir()
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    # In a user namespace, / belongs to nobody, and sshd would refuse every key below it.
    config = SSHD_CONFIG + ("StrictModes no\n" if as_root else "")
    for name, content in (("sshd_config", config), ("systemctl", SYSTEMCTL), ("sudo", SUDO)):
        (folder / name).write_text(content)
    apart = [*as_root, "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    process = subprocess.Popen(
        ["unshare", *apart, "sh", "-c", START, "sh", folder, PROJECT_ROOT], env={**os.environ, "PATH": PATH}
    )
    try:
        log = folder / "sshd.log"
        deadline = time.monotonic() + 30
        while not (log.exists() and "Server listening" in log.read_text()):
            assert process.poll() is None, (
                "the private host's sshd does not start: is openssh-server installed?"
            )
            assert time.monotonic() < deadline, "the private host does not stand within 30 s"
            time.sleep(0.05)
        inner = subprocess.run(
            ["pgrep", "--parent", str(process.pid)], check=True, capture_output=True, text=True
        ).stdout.strip()
        shell = folder / "sh"
        user = "--user --preserve-credentials" if as_root else ""
        shell.write_text(
            f"#!/bin/sh\nexport HOME=/home/root PATH={PATH}\n"
            f'exec nsenter --target {inner} {user} --mount --net --pid sh "$@"\n'
        )
        shell.chmod(0o755)
        yield PrivateHost(shell, log)
    finally:
        process.kill()
        process.wait(timeout=30)
