"""The QEMU command line of a sandbox host."""

from collections.abc import Mapping
from pathlib import Path

from minetlab.sandbox.accelerator import Accelerator
from minetlab.sandbox.qmp import NETWORK
from minetlab.sandbox.spec import SandboxSpec
from minetlab.sandbox.unprivileged import user_arguments

PID_FILE = "qemu.pid"
QMP_SOCKET = "qmp.sock"
AGENT_SOCKET = "agent.sock"
CONSOLE = "console.log"
DISK = "disk.qcow2"
_DISK_OPTIONS = "cache=unsafe,discard=unmap,auto-read-only=off"
INCOMING = ("-S", "-incoming", "defer")
"""Arguments with which a machine stays stopped until QMP gives it the memory to resume from."""


def hardware_arguments(spec: SandboxSpec, accelerator: Accelerator) -> list[str]:
    """Return the arguments for the machine's virtual hardware; a saved memory fits only the same ones."""
    return [
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35"),
        *accelerator.arguments,
        *("-m", str(spec.memory), "-smp", str(spec.vcpus)),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=0"),
        *("-device", f"virtio-net-pci,netdev={NETWORK},romfile="),
        *("-device", "virtio-rng-pci"),
        # Each QEMU process gets another id: when a kernel sees it change, it reseeds its random numbers.
        *("-device", "vmgenid,guid=auto"),
        *("-device", "virtio-serial-pci"),
        *("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"),
        *("-serial", "chardev:console"),
    ]


def qemu_arguments(
    name: str, spec: SandboxSpec, accelerator: Accelerator, folder: Path, credentials: Mapping[str, Path]
) -> list[str]:
    """Return QEMU's arguments for a machine.

    :param name: the host's name.
    :param spec: the virtual hardware.
    :param accelerator: how QEMU runs the machine.
    :param folder: the folder with the machine's files; it must be QEMU's working directory.
    :param credentials: systemd credential name to file; QEMU reads the files, so that no secret is in the
        list of processes.
    :return: the arguments, without the program.
    """
    arguments = [
        *("-name", f"minet-lab-{name}"),
        *hardware_arguments(spec, accelerator),
        # cache=unsafe: flushing the disk only helps when this machine loses power, and takes long.
        # auto-read-only=off: QEMU would open the file again once a machine that is resumed may write to it.
        *("-drive", f"if=none,id=disk,format=qcow2,file={_escape(folder / DISK)},{_DISK_OPTIONS}"),
        # Port 0: the kernel chooses a free port, which QMP reports.
        *("-netdev", f"user,id={NETWORK},hostfwd=tcp:127.0.0.1:0-:22"),
        *("-chardev", f"file,id=console,path={_escape(folder / CONSOLE)}"),
        # Relative paths: that of a Unix socket has at most 107 bytes (unix(7)), and the folder may have more.
        *("-chardev", f"socket,id=agent,path={AGENT_SOCKET},server=on,wait=off"),
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        # A machine that breaks out of its QEMU finds few system calls there. Those to start programs and to
        # change the user are left, as QEMU itself needs them to become a daemon.
        *("-sandbox", "on,obsolete=deny,resourcecontrol=deny"),
        *user_arguments(folder),
        *("-pidfile", str(folder / PID_FILE)),
        "-daemonize",
    ]
    for credential, path in credentials.items():
        arguments += ["-fw_cfg", f"name=opt/io.systemd.credentials/{credential},file={_escape(path)}"]
    return arguments


def _escape(path: Path) -> str:
    """Quote a path for QEMU's comma-separated options."""
    return str(path).replace(",", ",,")
