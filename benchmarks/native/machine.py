"""One native host: the files that make it itself, and the command that boots it, of systemd-nspawn(1)."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

USER = "root"
CPUINFO = "/etc/cpuinfo"
"""What a native host shows as /proc/cpuinfo."""
# What systemd-nspawn has no options for: dockerd writes to /proc/sys, and wants cgroups of version 2.
ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
# On a file system of their own: an overlay cannot lie on an overlay, and dockerd's layers are some.
_OWN = ("var/lib/docker", "var/lib/containerd")
# Guests' disks are in memory, where they take what is written to them, and any number seems to fit.
_IMAGES = "tmpfs /var/lib/libvirt/images tmpfs size=1T,mode=0711 0 0\n"
_SYSTEM_CALLS = "add_key keyctl request_key bpf @mount @privileged @obsolete"
# Into its control group, below which it may make others; and onto file systems that go with the process, also
# for what systemd-nspawn keeps in /run of each machine that was killed.
_IN_PLACE = (
    'echo $$ >"$1/cgroup.procs" && mount -t overlay overlay -o "$2" "$3" && mount -t tmpfs tmpfs /run'
    ' && shift 3 && exec "$@"'
)


@dataclass(frozen=True)
class NativeMachine:
    """What it takes to boot a native host.

    :param name: of the machine, which no other on this one has.
    :param address: its IPv4 address, with the length of its network.
    :param folder: all that is its own.
    :param root: the root file system that it shares.
    :param bridge: the network interface of this machine that it is plugged into.
    """

    name: str
    address: str
    folder: str
    root: str
    bridge: str

    @property
    def console(self) -> Path:
        """What it writes to its console."""
        return Path(self.folder) / "console"

    @property
    def ended(self) -> Path:
        """A file that is there once it has ended, or could not begin."""
        return Path(self.folder) / "ended"

    def as_dict(self) -> dict[str, str]:
        """The same, for another process."""
        return asdict(self)

    def prepare(self, authorized_key: str, host_key: Path) -> None:
        """Write the files of its own.

        :param authorized_key: the public key that lets root in.
        :param host_key: the private key by which it proves who it is.
        """
        for folder in ("work", "merged", *_OWN):
            (Path(self.folder) / folder).mkdir(parents=True)
        public = host_key.with_name(f"{host_key.name}.pub")
        network = f"[Match]\nName=host0\n[Network]\nAddress={self.address}\nLinkLocalAddressing=no\n"
        self._write("etc/hostname", f"{self.name}\n")
        # Else virsh looks for its name in DNS, and waits ten seconds.
        self._write("etc/hosts", f"127.0.0.1 localhost\n{self.address.split('/')[0]} {self.name}\n")
        self._write("etc/systemd/network/10-host0.network", network)
        self._write("etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600)
        self._write("etc/ssh/ssh_host_ed25519_key.pub", public.read_text())
        self._write("root/.ssh/authorized_keys", f"{authorized_key}\n", 0o600)
        self._write(CPUINFO.lstrip("/"), without_virtualization(Path("/proc/cpuinfo").read_text()))
        self._write("etc/fstab", _IMAGES)
        # Else each login of root, where none is left, starts a service manager for it and ends it again.
        self._write("var/lib/systemd/linger/root", "")
        (Path(self.folder) / "upper/root").chmod(0o700)

    def command(self, control_group: Path) -> list[str]:
        """The words that boot it; it ends with the process that starts them.

        :param control_group: of its own, of version 2.
        """
        folder = Path(self.folder)
        overlay = f"lowerdir={self.root},upperdir={folder}/upper,workdir={folder}/work"
        binds = (f"--bind={folder / own}:/{own}" for own in _OWN)
        nspawn = [
            "systemd-nspawn",
            "--quiet",
            f"--machine={self.name}",
            f"--directory={folder}/merged",
            "--boot",
            "--console=pipe",
            "--register=no",
            "--keep-unit",
            f"--network-bridge={self.bridge}",
            "--private-users=no",
            "--capability=all",
            f"--system-call-filter={_SYSTEM_CALLS}",
            "--bind=/dev/net/tun",
            *binds,
        ]
        alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]
        return [*alone, "sh", "-c", _IN_PLACE, "sh", str(control_group), overlay, f"{folder}/merged", *nspawn]

    def _write(self, path: str, content: str, mode: int = 0o644) -> None:
        file = Path(self.folder) / "upper" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
        file.write_text(content)


def without_virtualization(cpuinfo: str) -> str:
    r"""What /proc/cpuinfo says where a processor offers none, as native hosts have no /dev/kvm.

    >>> without_virtualization("flags\t\t: fpu vmx svm sse\n")
    'flags\t\t: fpu sse\n'
    """
    return re.sub(r" (svm|vmx)\b", "", cpuinfo)
