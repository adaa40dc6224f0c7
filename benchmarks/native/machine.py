"""One native host: the files of its own, and the command that boots it with systemd-nspawn(1)."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

USER = "root"
CPUINFO = "/etc/cpuinfo"
"""The file that a native host mounts on /proc/cpuinfo."""
# Settings without an option of systemd-nspawn: dockerd writes to /proc/sys, and needs control groups of
# version 2.
ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
# Folders that are not on the overlay, as dockerd's layers are overlays, which cannot be on another one.
_OWN = ("var/lib/docker", "var/lib/containerd")
# Guests' disks are in memory, where they take only what is written to them, so that any number of them fits.
_IMAGES = "tmpfs /var/lib/libvirt/images tmpfs size=1T,mode=0711 0 0\n"
# Home folders of containers are on loop devices, whose numbers all native hosts share. systemd-nspawn has no
# udev, which would make their nodes.
_LOOP_DEVICES = 1024
_SYSTEM_CALLS = "add_key keyctl request_key bpf @mount @privileged @obsolete"
# The process enters the machine's control group, and mounts file systems that disappear with it. One of these
# is /run, where systemd-nspawn keeps files of each machine that was killed.
_IN_PLACE = (
    'echo $$ >"$1/cgroup.procs" && mount -t overlay overlay -o "$2" "$3" && mount -t tmpfs tmpfs /run'
    ' && shift 3 && exec "$@"'
)


@dataclass(frozen=True)
class NativeMachine:
    """What is needed to boot a native host.

    :param name: the name of the machine, which is unique on this machine.
    :param address: its IPv4 address, with the prefix length of its network.
    :param folder: the folder with all its own files.
    :param root: the folder with the root file system that all native hosts share.
    :param bridge: the network interface of this machine that it is plugged into.
    """

    name: str
    address: str
    folder: str
    root: str
    bridge: str

    @property
    def console(self) -> Path:
        """The file with the output of its console."""
        return Path(self.folder) / "console"

    @property
    def ended(self) -> Path:
        """The file that exists once the machine has ended, or could not start."""
        return Path(self.folder) / "ended"

    def as_dict(self) -> dict[str, str]:
        """Return the fields, to be sent to another process."""
        return asdict(self)

    def prepare(self, authorized_key: str, host_key: Path) -> None:
        """Write the files of its own.

        :param authorized_key: the public key that opens root's account.
        :param host_key: the file of the private key of its sshd; the public key is beside it.
        """
        for folder in ("work", "merged", *_OWN):
            (Path(self.folder) / folder).mkdir(parents=True)
        public = host_key.with_name(f"{host_key.name}.pub")
        network = f"[Match]\nName=host0\n[Network]\nAddress={self.address}\nLinkLocalAddressing=no\n"
        self._write("etc/hostname", f"{self.name}\n")
        # Without it, virsh asks DNS for the host's name, and waits ten seconds.
        self._write("etc/hosts", f"127.0.0.1 localhost\n{self.address.split('/')[0]} {self.name}\n")
        self._write("etc/systemd/network/10-host0.network", network)
        self._write("etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600)
        self._write("etc/ssh/ssh_host_ed25519_key.pub", public.read_text())
        self._write("root/.ssh/authorized_keys", f"{authorized_key}\n", 0o600)
        self._write(CPUINFO.lstrip("/"), without_virtualization(Path("/proc/cpuinfo").read_text()))
        self._write("etc/fstab", _IMAGES)
        nodes = (f"b /dev/loop{number} 0600 root root - 7:{number}\n" for number in range(_LOOP_DEVICES))
        self._write("etc/tmpfiles.d/loop.conf", "".join(nodes))
        # Without it, systemd starts and ends a service manager with each first login of root.
        self._write("var/lib/systemd/linger/root", "")
        (Path(self.folder) / "upper/root").chmod(0o700)

    def command(self, control_group: Path) -> list[str]:
        """Return the command that boots the machine, which ends with the process that starts the command.

        :param control_group: the machine's own control group of version 2.
        :return: the words of the command.
        """
        folder = Path(self.folder)
        overlay = f"lowerdir={self.root},upperdir={folder}/upper,workdir={folder}/work"
        binds = (f"--bind={folder / path}:/{path}" for path in _OWN)
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
            "--bind=/dev/loop-control",
            *binds,
        ]
        isolate = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]
        arguments = [str(control_group), overlay, f"{folder}/merged", *nspawn]
        return [*isolate, "sh", "-c", _IN_PLACE, "sh", *arguments]

    def _write(self, path: str, content: str, mode: int = 0o644) -> None:
        file = Path(self.folder) / "upper" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
        file.write_text(content)


def without_virtualization(cpuinfo: str) -> str:
    r"""Remove the flags of hardware virtualization from /proc/cpuinfo, as native hosts have no /dev/kvm.

    >>> without_virtualization("flags\t\t: fpu vmx svm sse\n")
    'flags\t\t: fpu sse\n'

    :param cpuinfo: the content of /proc/cpuinfo.
    :return: the content without the flags.
    """
    return re.sub(r" (svm|vmx)\b", "", cpuinfo)
