"""Native hosts: machines with sshd, libvirtd and dockerd that share this machine's kernel, at its speed.

They boot in seconds, and leave nothing. They are for measurements, faults and scale, not for the course's
claims: they have neither KVM nor a kernel of their own. As root, with Debian's ``systemd-container``:

    with native_hosts(2, print) as hosts:
        hosts[0].run("virsh list")
        lab = write_lab(hosts, folder, students=10)
"""

from benchmarks.native.hosts import NativeHost, NativeHosts, native_hosts
from benchmarks.native.lab import firmware_image, write_lab

__all__ = ["NativeHost", "NativeHosts", "firmware_image", "native_hosts", "write_lab"]
