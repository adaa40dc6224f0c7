"""The Debian packages that KVM hosts and container hosts need; the sandbox's warm images contain them."""

from collections.abc import Mapping

# Both mappings are keyed by Debian release.
#
# apparmor: Debian's kernel has AppArmor on, and then dockerd starts no container without apparmor_parser;
# libvirt confines each QEMU with it.
# docker-cli: in Debian 13 the client is no longer in docker.io, which only recommends it.
# openssl: the verification speaks TLS with the TP site by it.
# pigz: where its unpigz is installed, dockerd unpacks images with it, in a third of the time.
CONTAINER_HOST_PACKAGES: Mapping[int, tuple[str, ...]] = {
    12: ("apparmor", "docker.io", "e2fsprogs", "nftables", "openssl", "pigz"),
    13: ("apparmor", "docker-cli", "docker.io", "e2fsprogs", "nftables", "openssl", "pigz"),
}

# Complete with APT::Install-Recommends off: libvirt needs dnsmasq-base and iptables for its NAT networks, and
# netcat for connections over SSH; virt-xml-validate is in libxml2-utils.
_KVM_HOST: tuple[str, ...] = (
    "apparmor",
    "dnsmasq-base",
    "iptables",
    "libvirt-clients",
    "libvirt-daemon-system",
    "libxml2-utils",
    "netcat-openbsd",
    "nftables",
    "qemu-system-x86",
    "qemu-utils",
)
KVM_HOST_PACKAGES: Mapping[int, tuple[str, ...]] = {12: _KVM_HOST, 13: _KVM_HOST}
