"""Names and paths of what a lab has on a KVM host; all contain the lab's name. No I/O."""

import re
from dataclasses import dataclass

LIBVIRT_IMAGES = "/var/lib/libvirt/images"
LABS_FOLDER = f"{LIBVIRT_IMAGES}/minet-lab"


@dataclass(frozen=True)
class Layout:
    """The names and paths of one lab on a KVM host."""

    lab: str

    @property
    def folder(self) -> str:
        """The folder of all files that the lab has on the host, except a few in /etc."""
        return f"{LABS_FOLDER}/{self.lab}"

    @property
    def label(self) -> str:
        """The file that names the lab that owns folder and pool, as libvirt's pools have no metadata."""
        return f"{self.folder}/lab"

    @property
    def disks(self) -> str:
        """The folder of the lab's storage pool, in which guests' disks are."""
        return f"{self.folder}/disks"

    @property
    def specs(self) -> str:
        """The folder of the XML from which pool, network and domains were last defined, for ``--diff``."""
        return f"{self.folder}/specs"

    @property
    def consoles(self) -> str:
        """The folder of the logs of guests' serial consoles."""
        return f"{self.folder}/consoles"

    @property
    def bridge(self) -> str:
        """The name of the bridge of the lab's NAT network."""
        return f"vbr-{self.lab}"

    @property
    def modprobe_options(self) -> str:
        """The file that keeps nested virtualization on after a reboot."""
        return f"/etc/modprobe.d/minet-lab-{self.lab}.conf"

    @property
    def modules_load(self) -> str:
        """The file that lets the host load KVM's module at boot."""
        return f"/etc/modules-load.d/minet-lab-{self.lab}.conf"

    def spec(self, kind: str, name: str) -> str:
        """Return the path of the XML from which a pool, network or domain was last defined.

        :param kind: ``pool``, ``network`` or ``domain``.
        :param name: libvirt's name for it.
        :return: path on the host.
        """
        return f"{self.specs}/{kind}-{name}.xml"

    def disk(self, volume: str) -> str:
        """Return the path of a volume of the lab's pool."""
        return f"{self.disks}/{volume}"

    def console(self, guest: str) -> str:
        """Return the path of the log of a guest's serial console."""
        return f"{self.consoles}/{guest}.log"

    def former_console(self, guest: str) -> str:
        """Return the path of a guest's former console log, set aside when the lab last started the guest."""
        return f"{self.console(guest)}.before"


_SEED = re.compile(r"(?P<guest>.+)-seed-[0-9a-f]{12}\.iso")


def overlay(guest: str) -> str:
    """Return the name of the volume that holds what a guest has written."""
    return f"{guest}.qcow2"


def seed_volume_name(guest: str, digest: str) -> str:
    """Return the name of the volume of a guest's seed, which contains part of the seed's digest."""
    return f"{guest}-seed-{digest[:12]}.iso"


def guest_of_seed(volume: str) -> str | None:
    """Return the guest to which a present or former seed volume belongs; None if it is no seed."""
    match = _SEED.fullmatch(volume)
    return match["guest"] if match else None


def is_volume_of(volume: str, guest: str) -> bool:
    """Tell whether a volume is the overlay of a guest, or a seed of it."""
    return volume == overlay(guest) or guest_of_seed(volume) == guest
