"""Native hosts: containers with systemd, sshd, libvirtd and dockerd, at the speed of this machine.

They boot in seconds, and leave nothing behind. They are for measurements, faults and scale, and not for the
course's claims, as they have neither KVM nor a kernel of their own. They need root, and Debian's package
``systemd-container``:

    with native_hosts(2, print) as hosts:
        hosts[0].run("virsh list")
        lab = write_lab(hosts, folder, students=10)
"""

from benchmarks.native.hosts import NativeHost, NativeHosts, native_hosts
from benchmarks.native.lab import firmware_image, write_lab

__all__ = ["NativeHost", "NativeHosts", "firmware_image", "native_hosts", "write_lab"]
