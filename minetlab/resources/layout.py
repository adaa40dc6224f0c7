"""What the lab's things are called on a KVM host, and where its files are: all carry the lab's name."""

import re
from dataclasses import dataclass

IMAGES = "/var/lib/libvirt/images"
ROOT = f"{IMAGES}/minet-lab"


@dataclass(frozen=True)
class Layout:
    """The names and paths of one lab on a KVM host.

    :param lab: the lab's name.
    """

    lab: str

    @property
    def folder(self) -> str:
        """Everything the lab keeps on the host, a few lines in /etc apart."""
        return f"{ROOT}/{self.lab}"

    @property
    def label(self) -> str:
        """The file that says whose the folder and the pool are; libvirt's pools carry no metadata."""
        return f"{self.folder}/lab"

    @property
    def disks(self) -> str:
        """The folder of the pool, which is named after the lab as the network is."""
        return f"{self.folder}/disks"

    @property
    def specs(self) -> str:
        """The last XML that was defined of each thing, as rendered: what ``--diff`` compares with."""
        return f"{self.folder}/specs"

    @property
    def consoles(self) -> str:
        """The log of each guest's serial console."""
        return f"{self.folder}/consoles"

    @property
    def bridge(self) -> str:
        """The bridge of the lab's NAT network."""
        return f"vbr-{self.lab}"

    @property
    def modprobe_options(self) -> str:
        """The file that keeps nested virtualization on after a reboot."""
        return f"/etc/modprobe.d/minet-lab-{self.lab}.conf"

    @property
    def modules_load(self) -> str:
        """The file that has KVM's module loaded at boot."""
        return f"/etc/modules-load.d/minet-lab-{self.lab}.conf"

    def spec(self, kind: str, name: str) -> str:
        """Where the rendered XML of a thing is kept.

        :param kind: libvirt's word for it, such as ``domain``.
        """
        return f"{self.specs}/{kind}-{name}.xml"

    def disk(self, volume: str) -> str:
        """The path of a volume."""
        return f"{self.disks}/{volume}"

    def console(self, guest: str) -> str:
        """The log of a guest's serial console."""
        return f"{self.consoles}/{guest}.log"

    def former_console(self, guest: str) -> str:
        """What that log held when the lab last started the guest."""
        return f"{self.console(guest)}.before"


_SEED = re.compile(r"(?P<guest>.+)-seed-[0-9a-f]{12}\.iso")


def overlay(guest: str) -> str:
    """The volume that holds what the guest has written."""
    return f"{guest}.qcow2"


def seed_named(guest: str, digest: str) -> str:
    """The volume of a guest's seed, named after its content."""
    return f"{guest}-seed-{digest[:12]}.iso"


def guest_of_seed(volume: str) -> str | None:
    """The guest whose seed a volume is, of now or of before; None: it is no seed."""
    found = _SEED.fullmatch(volume)
    return found["guest"] if found else None


def is_volume_of(volume: str, guest: str) -> bool:
    """Whether a volume is a guest's own: its overlay, or a seed."""
    return volume == overlay(guest) or guest_of_seed(volume) == guest
