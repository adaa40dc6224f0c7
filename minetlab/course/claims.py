"""What the course's slides claim of the lab's machines, as data: the contract that the verification proves.

A test in ``tests/hosts`` that proves a claim, or a part of it, carries its id: ``@pytest.mark.claim("C16")``.
"""

from typing import Annotated, Literal

from pydantic import Field

from minetlab.model.base import Frozen

Section = Literal["Prérequis hardware", "Noyau", "VM vs container", "VM", "CT"]
Kind = Literal["kvm_host", "guest", "container_host", "container"]


class Claim(Frozen):
    """One statement of the slides that a machine can be asked to prove.

    :param id: how tests, reports and documentation name it.
    :param section: of the course.
    :param slide: what the slides say, in their language.
    :param where: the kinds of machines that it is proved on.
    :param observed: how a machine is asked.
    :param expected: what it has to show.
    :param not_demonstrable: when a machine may be unable to show it; None: never.
    """

    id: Annotated[str, Field(pattern=r"^C\d\d$")]
    section: Section
    slide: str
    where: tuple[Kind, ...]
    observed: str
    expected: str
    not_demonstrable: str | None = None


_WITHOUT_HARDWARE = "the host has no hardware virtualization: its guests are emulated"

CLAIMS = (
    Claim(
        id="C01",
        section="Prérequis hardware",
        slide="Un logiciel est compilé pour une ISA précise.",
        where=("container",),
        observed="uname -m; a program compiled for ARM64, started as it is, then by qemu-aarch64",
        expected="x86_64; the kernel refuses it (Exec format error); emulated, it runs",
    ),
    Claim(
        id="C02",
        section="Prérequis hardware",
        slide="add x86 ≠ add ARM32",
        where=("container",),
        observed="objdump of one C function, compiled for i386, x86_64, ARM32, ARM64 and PowerPC",
        expected="five different machine codes",
    ),
    Claim(
        id="C03",
        section="Prérequis hardware",
        slide="Une micro-architecture ne change rien à l'ISA.",
        where=("container",),
        observed="one binary, by its SHA-256, on this CPU and on two other models",
        expected="the same output on all",
    ),
    Claim(
        id="C04",
        section="Noyau",
        slide="Un processus est un élément d'un arbre.",
        where=("guest", "container"),
        observed="every process and its parent; in the container, pstree of a script that starts itself",
        expected="every process leads up to process 1; zsh───test.sh───test.sh───…",
    ),
    Claim(
        id="C05",
        section="Noyau",
        slide="Un processus est un espace virtuel isolé.",
        where=("guest", "container"),
        observed="a variable's virtual address and value, in a process and in its child",
        expected="the same address in both, and a value of its own in each",
    ),
    Claim(
        id="C06",
        section="Noyau",
        slide="Le noyau se tient entre l'espace utilisateur (user land) et le matériel.",
        where=("guest",),
        observed="uname -s -o; root and the student reach for physical memory and an I/O port",
        expected="Linux under GNU; root reaches both, the kernel refuses the student",
    ),
    Claim(
        id="C07",
        section="VM vs container",
        slide="Une VM fonctionne comme une machine à part entière, à partir du noyau.",
        where=("guest",),
        observed="boot_id and uname -r, in the guest and on its host; the processes of both",
        expected="both differ; of the guest's processes the host sees none, but one QEMU process",
    ),
    Claim(
        id="C08",
        section="VM vs container",
        slide="Un container fonctionne sur le noyau de la machine.",
        where=("container", "guest"),
        observed="boot_id and uname -r, in the container and on its host (a guest, too, is one)",
        expected="both are equal",
    ),
    Claim(
        id="C09",
        section="CT",
        slide="Un container est séparé dans l'espace utilisateur (user land).",
        where=("container", "guest"),
        observed="the inodes in /proc/…/ns; NSpid of the container's first process, on the host",
        expected="pid, mnt, net, uts and ipc differ; the host sees the process, under another PID",
    ),
    Claim(
        id="C10",
        section="VM",
        slide="L'émulation fait tourner une autre architecture.",
        where=("container",),
        observed="an ARM64 and a PowerPC machine, booted by QEMU without KVM; uname -m in each",
        expected="aarch64 and ppc64le",
    ),
    Claim(
        id="C12",
        section="VM",
        slide="Virtualisation assistée par le matériel : le code de la VM s'exécute sur le processeur même.",
        where=("guest",),
        observed="the domain's type, and the files that its QEMU process has open",
        expected="the type is kvm, and /dev/kvm is among the files",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C13",
        section="VM",
        slide="vmenter et vmexit : le processeur passe de l'hyperviseur à la VM, et retour.",
        where=("guest",),
        observed="KVM's counter of exits of the guest, in debugfs, read twice while the guest runs",
        expected="it grows",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C14",
        section="VM",
        slide="AMD : AMD-V ; Intel : VT-x.",
        where=("kvm_host", "guest"),
        observed="lscpu, and the modules that are loaded; in the guest, the flag",
        expected="vendor, CPU flag (svm or vmx), module and lscpu's name for it agree",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C15",
        section="VM",
        slide="Le TP demande la virtualisation imbriquée (nested).",
        where=("kvm_host", "guest"),
        observed="the module's parameter nested, modprobe's configuration, /dev/kvm in the guest, and what a "
        "machine prints that the student boots in the guest",
        expected="nested is on, survives a reboot, the student can open /dev/kvm in the guest, and a machine "
        "reaches user space there, under KVM",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C16",
        section="VM",
        slide="lscpu dans la VM : Common KVM processor, family 15, model 6, stepping 1, 4 CPU, 1 thread, "
        "4 cœurs, 1 socket, 1 nœud NUMA, adresses de 40 et 48 bits.",
        where=("guest",),
        observed="lscpu --json, field by field, in the guest and on its host",
        expected="the slide's values; the vendor is the host's, the model is not",
    ),
    Claim(
        id="C17",
        section="VM",
        slide="Hyperviseur de type 1 : sur le matériel ; de type 2 : sur un système d'exploitation.",
        where=("guest", "kvm_host"),
        observed="the users of KVM's module; the owner and the open files of a QEMU that emulates",
        expected="the module, a part of the kernel, serves each guest; emulation is any user's process, "
        "without /dev/kvm",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C19",
        section="CT",
        slide="Le TP.",
        where=("container", "guest"),
        observed="every command of every sheet, typed in the student's environment",
        expected="it prints what the sheet says",
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
