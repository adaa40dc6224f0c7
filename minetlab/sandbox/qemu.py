"""The QEMU command line of a sandbox host."""

from collections.abc import Mapping
from pathlib import Path

from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.qmp import NETWORK
from minetlab.sandbox.spec import SandboxSpec

PID_FILE = "qemu.pid"
QMP_SOCKET = "qmp.sock"
CONSOLE = "console.log"
DISK = "disk.qcow2"


def qemu_arguments(
    name: str, spec: SandboxSpec, accelerator: Accelerator, folder: Path, credentials: Mapping[str, Path]
) -> list[str]:
    """QEMU's arguments for a machine with its files in ``folder``, which must be the working directory.

    :param credentials: systemd credentials, each in a file, so that none is seen in the list of processes.
    """
    arguments = [
        *("-name", f"minet-lab-{name}"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35"),
        *accelerator.arguments,
        *("-m", str(spec.memory), "-smp", str(spec.vcpus)),
        # A host that loses its power loses its sandbox: no flush of the disk is worth waiting for.
        *("-drive", f"if=none,id=disk,format=qcow2,file={_escape(folder / DISK)},cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        # Port 0: the kernel chooses a free one, and QMP tells which.
        *("-netdev", f"user,id={NETWORK},hostfwd=tcp:127.0.0.1:0-:22"),
        *("-device", f"virtio-net-pci,netdev={NETWORK},romfile="),
        *("-device", "virtio-rng-pci"),
        *("-chardev", f"file,id=console,path={_escape(folder / CONSOLE)}", "-serial", "chardev:console"),
        # Relative: the name of a Unix socket is short (unix(7)), the folder's may not be.
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        *("-pidfile", str(folder / PID_FILE)),
        "-daemonize",
    ]
    for credential, path in credentials.items():
        arguments += ["-fw_cfg", f"name=opt/io.systemd.credentials/{credential},file={_escape(path)}"]
    return arguments


def _escape(path: Path) -> str:
    """A path as a value in QEMU's comma-separated options."""
    return str(path).replace(",", ",,")
