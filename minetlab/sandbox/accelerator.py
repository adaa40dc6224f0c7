"""Choose between hardware virtualization (KVM) and emulation (TCG) for sandbox hosts, by a trial boot.

The presence of /dev/kvm proves nothing: a KVM back end that only supports paravirtual guests offers
/dev/kvm and creates VMs, but no ordinary kernel boots in them.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from minetlab.images.cache import locked
from minetlab.images.recipe import EMULATED_FAMILY
from minetlab.images.toolbox import Toolbox
from minetlab.sandbox.unprivileged import user_arguments
from minetlab.util.process import running
from minetlab.util.progress import Progress

# Everything that QEMU can emulate, including AMD-V, except features that only cost time under emulation: the
# fifth level of page tables, protections that kernels switch at every entry, and string instructions, which
# QEMU emulates byte by byte (docs/decisions/emulated-hosts-are-lean.md).
EMULATED_CPU = (
    "max,svm=on,la57=off,smap=off,smep=off,umip=off,pku=off,erms=off,fsrm=off,fzrm=off,fsrs=off,fsrc=off"
)
TRIAL_LIMIT = 20.0
"""Seconds for the trial boot; with hardware virtualization, user space is reached in about three."""
USER_SPACE = b"systemd[1]: "
"""The start of each line that systemd writes to the kernel's log, and so to the console."""


@dataclass(frozen=True)
class Accelerator:
    """The way in which QEMU runs a machine's code.

    :param name: ``kvm`` (hardware virtualization) or ``tcg`` (emulation).
    :param reason: why it was chosen, in words for the administrator.
    """

    name: Literal["kvm", "tcg"]
    reason: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """QEMU's arguments; with both accelerators, the machine can run virtual machines itself."""
        if self.name == "kvm":
            return ("-accel", "kvm", "-cpu", "host")
        told = ("-smbios", f"type=1,family={EMULATED_FAMILY}")
        return ("-accel", "tcg,thread=multi", "-cpu", EMULATED_CPU, *told)

    @property
    def slowness(self) -> int:
        """The factor by which time limits are multiplied."""
        return 1 if self.name == "kvm" else 5


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Describe this machine's processor, as far as a machine under KVM can see its model and features.

    :param cpuinfo: the kernel's list of processors (proc_cpuinfo(5)).
    :return: a line with the model and a hash of features and microcode, to be compared for equality.
    """
    first_processor = cpuinfo.read_text().split("\n\n", maxsplit=1)[0]
    fields = dict(line.split(":", 1) for line in first_processor.splitlines() if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    model = " ".join(values.get(key, "?") for key in ("vendor_id", "cpu family", "model", "stepping"))
    features = sha256(f"{values.get('flags')} {values.get('microcode')}".encode()).hexdigest()[:12]
    return f"{values.get('model name', '?')} ({model}, features {features})"


def choose_accelerator(toolbox: Toolbox, image: Path, record: Path, progress: Progress) -> Accelerator:
    """Choose between kvm and tcg, and keep the choice until this machine boots again.

    :param toolbox: the QEMU of the trial boot.
    :param image: a bootable disk for the trial, which is not written to.
    :param record: the file that keeps the choice.
    :param progress: told when a trial boot starts.
    :return: the accelerator for all sandbox hosts of this machine.
    :raises LabError: another run holds the lock of the record for longer than two minutes.
    """
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with locked(record.with_suffix(".lock"), "choice of the accelerator", progress, limit=120):
        if recorded := _recorded(record, boot_id):
            return recorded
        if obstacle := kvm_obstacle() or _trial_obstacle(toolbox, image, record.parent, progress):
            accelerator = Accelerator("tcg", obstacle)
        else:
            accelerator = Accelerator("kvm", "a trial machine booted under KVM")
        record.write_text(json.dumps({"boot_id": boot_id, **asdict(accelerator)}))
    return accelerator


def kvm_obstacle(module_folder: Path = Path("/sys/module"), device: Path = Path("/dev/kvm")) -> str | None:
    """Say why KVM cannot be used, as far as that is known without a trial boot.

    :param module_folder: where the kernel lists its modules.
    :param device: KVM's device.
    :return: the reason in words; None if there is none.
    """
    if not device.exists():
        return f"{device} does not exist"
    loaded = [module for module in ("kvm_intel", "kvm_amd") if (module_folder / module).is_dir()]
    if not loaded:
        return f"{device} exists, but neither kvm_intel nor kvm_amd is loaded"
    if not os.access(device, os.R_OK | os.W_OK):
        return f"{device} is closed to this user (add it to the group kvm)"
    nested = module_folder / loaded[0] / "parameters/nested"
    if not nested.exists() or nested.read_text().strip() not in ("1", "Y"):
        return f"nested virtualization is off (load {loaded[0]} with nested=1)"
    return None


def trial_boot(toolbox: Toolbox, accelerator: Accelerator, image: Path, folder: Path, limit: float) -> bool:
    """Boot ``image`` without writing to it; return whether it reached user space in ``limit`` seconds."""
    console = folder / "trial-console.log"
    arguments = [
        *("-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-m", "1024", "-snapshot"),
        *accelerator.arguments,
        *("-drive", f"if=virtio,format=qcow2,file={str(image).replace(',', ',,')}"),
        *("-serial", f"file:{console}"),
        *user_arguments(folder),
    ]
    console.write_bytes(b"")
    with running(toolbox.qemu(arguments), folder / "trial.log", env=toolbox.env) as qemu:
        end = time.monotonic() + limit
        while time.monotonic() < end and qemu.poll() is None:
            if USER_SPACE in console.read_bytes():
                return True
            time.sleep(0.2)
        return False


def _trial_obstacle(toolbox: Toolbox, image: Path, folder: Path, progress: Progress) -> str | None:
    progress("trying KVM with a real boot")
    if trial_boot(toolbox, Accelerator("kvm", "trial"), image, folder, TRIAL_LIMIT):
        return None
    return f"a trial machine did not boot under KVM within {TRIAL_LIMIT:.0f} s"


def _recorded(record: Path, boot_id: str) -> Accelerator | None:
    try:
        content = json.loads(record.read_text())
        if content.pop("boot_id") != boot_id:
            return None
        return Accelerator(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
