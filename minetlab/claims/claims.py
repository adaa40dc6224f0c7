"""What the course's slides claim of the lab's machines, as data: the contract that the verification proves.

A test in ``tests/hosts`` that proves a claim, or a part of it, carries its id: ``@pytest.mark.claim("C16")``.
"""

from typing import Annotated, Literal

from pydantic import Field

from minetlab.lab.base import Frozen

Section = Literal["Prérequis hardware", "Noyau", "VM vs container", "VM", "CT"]
MachineKind = Literal["kvm_host", "guest", "container_host", "container"]


class Claim(Frozen):
    """One statement of the slides that a machine can be asked to prove.

    The texts are in French, because the report that shows them is for the class.

    :param id: how tests, reports and documentation name it.
    :param section: part of the course.
    :param slide: what the slides say.
    :param where: the kinds of machines on which it is proved.
    :param observed: what is looked at on a machine.
    :param expected: what the machine has to show.
    :param not_demonstrable: why a machine may be unable to show it; None: every machine can.
    """

    id: Annotated[str, Field(pattern=r"^C\d\d$")]
    section: Section
    slide: str
    where: tuple[MachineKind, ...]
    observed: str
    expected: str
    not_demonstrable: str | None = None


_WITHOUT_HARDWARE = "l'hôte n'a pas de virtualisation matérielle : ses VM sont émulées"
_WITHOUT_LOAD = "aucun container du TP emulation, dont le programme est la charge, ou aucune VM sur l'hôte"

CLAIMS = (
    Claim(
        id="C01",
        section="Prérequis hardware",
        slide="Un logiciel est compilé pour une ISA précise.",
        where=("container",),
        observed="uname -m ; un programme compilé pour ARM64, lancé tel quel, puis par qemu-aarch64",
        expected="x86_64 ; le noyau le refuse (Exec format error) ; émulé, il tourne",
    ),
    Claim(
        id="C02",
        section="Prérequis hardware",
        slide="add x86 ≠ add ARM32",
        where=("container",),
        observed="objdump d'une même fonction C, compilée pour i386, x86_64, ARM32, ARM64 et PowerPC",
        expected="cinq codes machine différents",
    ),
    Claim(
        id="C03",
        section="Prérequis hardware",
        slide="Une micro-architecture ne change rien à l'ISA.",
        where=("guest",),
        observed="un même binaire, par son SHA-256, sur l'hôte et dans la VM, qui voit un autre modèle de "
        "processeur",
        expected="le même résultat sur les deux modèles",
    ),
    Claim(
        id="C04",
        section="Noyau",
        slide="Un processus est un élément d'un arbre.",
        where=("guest", "container"),
        observed="chaque processus, son parent ; dans le container, pstree d'un script qui se lance lui-même",
        expected="de parent en parent, chacun remonte au processus 1 ; zsh───test.sh───test.sh───…",
    ),
    Claim(
        id="C05",
        section="Noyau",
        slide="Un processus est un espace virtuel isolé.",
        where=("guest", "container"),
        observed="l'adresse virtuelle et la valeur d'une variable, dans un processus et dans son enfant",
        expected="la même adresse dans les deux, et dans chacun sa propre valeur",
    ),
    Claim(
        id="C06",
        section="Noyau",
        slide="Le noyau se tient entre l'espace utilisateur (user land) et le matériel.",
        where=("guest",),
        observed="uname -s -o ; root, puis l'élève, tentent d'atteindre la mémoire physique et un port d'E/S",
        expected="Linux sous GNU ; root atteint les deux, le noyau refuse l'élève",
    ),
    Claim(
        id="C07",
        section="VM vs container",
        slide="Une VM fonctionne comme une machine à part entière, à partir du noyau.",
        where=("guest",),
        observed="boot_id et uname -r, dans la VM et sur son hôte ; les processus des deux",
        expected="deux boot_id, donc deux noyaux ; des processus de la VM, l'hôte n'en voit qu'un : QEMU",
    ),
    Claim(
        id="C08",
        section="VM vs container",
        slide="Un container fonctionne sur le noyau de la machine.",
        where=("container", "guest"),
        observed="boot_id et uname -r, dans le container et sur son hôte (qui peut être une VM)",
        expected="les mêmes des deux côtés",
    ),
    Claim(
        id="C09",
        section="CT",
        slide="Un container est séparé dans l'espace utilisateur (user land).",
        where=("container", "guest"),
        observed="les inodes de /proc/…/ns ; sur l'hôte, le NSpid du premier processus du container",
        expected="pid, mnt, net, uts et ipc diffèrent ; l'hôte voit le processus, sous un autre PID",
    ),
    Claim(
        id="C10",
        section="VM",
        slide="L'émulation fait tourner une autre architecture.",
        where=("container",),
        observed="une machine ARM64 et une PowerPC, démarrées par QEMU sans KVM ; uname -m dans chacune",
        expected="aarch64 et ppc64le",
    ),
    Claim(
        id="C11",
        section="VM",
        slide="L'émulation coûte cher.",
        where=("kvm_host", "container_host"),
        observed="la même charge, à tour de rôle, nativement, dans un container, dans une VM, et émulée",
        expected="émulée, elle prend plusieurs fois plus de temps que nativement",
        not_demonstrable=_WITHOUT_LOAD,
    ),
    Claim(
        id="C12",
        section="VM",
        slide="Virtualisation assistée par le matériel : le code de la VM s'exécute sur le processeur même.",
        where=("guest", "kvm_host"),
        observed="le type du domaine libvirt, les fichiers que son processus QEMU tient ouverts, et la durée "
        "d'un calcul, dans une VM et sur son hôte",
        expected="/dev/kvm est parmi les fichiers, et les deux durées sont voisines",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C13",
        section="VM",
        slide="vmenter et vmexit : le processeur passe de l'hyperviseur à la VM, et retour.",
        where=("guest",),
        observed="le compteur de vmexit de la VM, tenu par KVM, lu deux fois pendant qu'elle tourne",
        expected="il augmente",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C14",
        section="VM",
        slide="AMD : AMD-V ; Intel : VT-x.",
        where=("kvm_host", "guest"),
        observed="lscpu, et les modules chargés ; dans la VM, le drapeau",
        expected="fabricant, drapeau du processeur (svm ou vmx), module et nom que donne lscpu concordent",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C15",
        section="VM",
        slide="Le TP demande la virtualisation imbriquée (nested).",
        where=("kvm_host", "guest"),
        observed="le paramètre nested du module, la configuration de modprobe, /dev/kvm dans la VM, et ce "
        "qu'affiche une machine que l'élève démarre dans la VM",
        expected="nested est actif, et le reste au redémarrage ; dans la VM, l'élève peut ouvrir /dev/kvm, "
        "et une machine y démarre sous KVM, jusqu'à l'espace utilisateur",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C16",
        section="VM",
        slide="lscpu dans la VM : Common KVM processor, family 15, model 6, stepping 1, 4 CPU, 1 thread, "
        "4 cœurs, 1 socket, 1 nœud NUMA, adresses de 40 et 48 bits.",
        where=("guest",),
        observed="lscpu --json, champ par champ, dans la VM et sur son hôte",
        expected="les valeurs de la slide ; le fabricant est celui de l'hôte, le modèle non",
        not_demonstrable="les VM de ce lab n'ont pas les 4 cœurs de la slide (guest.cores)",
    ),
    Claim(
        id="C17",
        section="VM",
        slide="Hyperviseur de type 1 : sur le matériel ; de type 2 : sur un système d'exploitation.",
        where=("guest", "kvm_host"),
        observed="qui utilise le module de KVM ; le propriétaire et les fichiers ouverts d'un QEMU qui émule",
        expected="le module, partie du noyau, sert chaque VM ; l'émulation est un processus de n'importe "
        "quel utilisateur, sans /dev/kvm",
        not_demonstrable=_WITHOUT_HARDWARE,
    ),
    Claim(
        id="C18",
        section="VM vs container",
        slide="Ce que les VM apportent, et ce qu'elles coûtent.",
        where=("kvm_host",),
        observed="une VM qui compte les secondes, prise en instantané, puis ramenée à cet instant ; le temps "
        "de démarrage, la mémoire et le disque d'une VM et d'un container",
        expected="après le retour, la VM compte de nouveau ce qu'elle avait déjà compté ; elle coûte plus "
        "qu'un container en temps, en mémoire et en disque",
        not_demonstrable=_WITHOUT_LOAD,
    ),
    Claim(
        id="C19",
        section="CT",
        slide="Le TP.",
        where=("container_host", "container", "guest"),
        observed="le site du TP, demandé à son hôte ; chaque commande de chaque fiche, tapée dans "
        "l'environnement de l'élève",
        expected="le site répond, et chaque fiche y est ; chaque commande affiche ce que dit la fiche",
    ),
)

BY_ID = {claim.id: claim for claim in CLAIMS}
