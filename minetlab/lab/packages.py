"""The Debian packages each role needs, by Debian release; the sandbox's warm images have them already."""

from collections.abc import Mapping

# apparmor: on a kernel that has it on, as Debian's has, dockerd starts no container without apparmor_parser.
# docker-cli: Debian 13 took the client out of docker.io, and only recommends it.
# pigz: dockerd unpacks images with its unpigz where that is there, in a third of the time of its own way.
CONTAINER_HOST_PACKAGES: Mapping[int, tuple[str, ...]] = {
    12: ("apparmor", "docker.io", "pigz"),
    13: ("apparmor", "docker-cli", "docker.io", "pigz"),
}

# Complete with APT::Install-Recommends off. dnsmasq-base and iptables serve libvirt's NAT networks, netcat
# its connections over SSH, libxml2-utils virt-xml-validate.
_KVM_HOST: tuple[str, ...] = (
    "dnsmasq-base",
    "iptables",
    "libvirt-clients",
    "libvirt-daemon-system",
    "libxml2-utils",
    "netcat-openbsd",
    "qemu-system-x86",
    "qemu-utils",
)
KVM_HOST_PACKAGES: Mapping[int, tuple[str, ...]] = {12: _KVM_HOST, 13: _KVM_HOST}
