"""The QEMU command line of a sandbox host."""

from collections.abc import Mapping
from pathlib import Path

from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.qmp import NETWORK
from minetlab.sandbox.spec import SandboxSpec

PID_FILE = "qemu.pid"
QMP_SOCKET = "qmp.sock"
AGENT_SOCKET = "agent.sock"
CONSOLE = "console.log"
DISK = "disk.qcow2"
INCOMING = ("-S", "-incoming", "defer")
"""Arguments that hold a machine still until QMP hands it the memory to go on with."""


def hardware_arguments(spec: SandboxSpec, accelerator: Accelerator) -> list[str]:
    """The arguments that describe what the machine sees: a saved memory goes on with the same only."""
    return [
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35"),
        *accelerator.arguments,
        *("-m", str(spec.memory), "-smp", str(spec.vcpus)),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        *("-device", f"virtio-net-pci,netdev={NETWORK},romfile="),
        *("-device", "virtio-rng-pci"),
        # Each process has another number: a kernel that sees it change draws new randomness.
        *("-device", "vmgenid,guid=auto"),
        *("-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        *("-serial", "chardev:console"),
    ]


def qemu_arguments(
    name: str, spec: SandboxSpec, accelerator: Accelerator, folder: Path, credentials: Mapping[str, Path]
) -> list[str]:
    """QEMU's arguments for a machine with its files in ``folder``, which must be the working directory.

    :param credentials: systemd credentials, each in a file, so that none is seen in the list of processes.
    """
    arguments = [
        *("-name", f"minet-lab-{name}"),
        *hardware_arguments(spec, accelerator),
        # A host that loses its power loses its sandbox: no flush of the disk is worth waiting for.
        *("-drive", f"if=none,id=disk,format=qcow2,file={_escape(folder / DISK)},cache=unsafe,discard=unmap"),
        # Port 0: the kernel chooses a free one, and QMP tells which.
        *("-netdev", f"user,id={NETWORK},hostfwd=tcp:127.0.0.1:0-:22"),
        *("-chardev", f"file,id=console,path={_escape(folder / CONSOLE)}"),
        # Relative: the name of a Unix socket is short (unix(7)), the folder's may not be.
        *("-chardev", f"socket,id=agent,path={AGENT_SOCKET},server=on,wait=off"),
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
