"""Whether a host's kernel loads modules when a program needs one that is not there: kmod(8). No I/O.

Before Linux 6.14, a container can have it look for a module as often as it likes: it runs a file of no known
format. docs/decisions/hosts-load-no-modules-on-demand.md says what that costs others.
"""

from dataclasses import dataclass

from minetlab.resources.units import UNITS

UNIT = "minet-lab-modules.service"
"""Loads :data:`NEEDED`, and then has the kernel look for no others. All labs of a host share it."""
UNIT_FILE = f"{UNITS}/{UNIT}"
LOADER = "/proc/sys/kernel/modprobe"
"""The file with the program by which the kernel loads modules; none if it is empty: proc_sys_kernel(5)."""
DOCKER_MODULES = (
    *("bridge", "br_netfilter", "overlay", "veth", "nft_chain_nat", "nft_compat"),
    *("xt_MASQUERADE", "xt_addrtype", "xt_conntrack", "xt_nat", "xt_tcpudp"),
)
FIREWALL_MODULES = (
    *("nf_conntrack_netlink", "nft_connlimit", "nft_ct", "nft_limit", "nft_meta_bridge", "nft_reject_inet"),
)
HOME_MODULES = ("ext4", "loop")
GUEST_MODULES = (
    *("tun", "vhost_net", "ebt_arp", "ebt_ip", "ipt_REJECT", "xt_CHECKSUM", "xt_physdev"),
    *("act_police", "cls_fw", "cls_u32", "sch_htb", "sch_ingress", "sch_sfq"),
)
"""For guests on the same host: their devices, their filters (nwfilter), and how much they send."""
SOCKET_MODULES = ("tcp_diag", "udp_diag", "unix_diag")
"""For ss(8), which finds the sessions that a replaced key has opened."""
NEEDED = (*DOCKER_MODULES, *FIREWALL_MODULES, *HOME_MODULES, *GUEST_MODULES, *SOCKET_MODULES)
"""What a host needs for machines that are made, started or let through later."""


@dataclass(frozen=True)
class AutoloadObserved:
    """What a host has of it.

    :param unit: the content of :data:`UNIT_FILE`; empty if there is none.
    :param enabled: whether the unit starts at boot.
    :param loader: the content of :data:`LOADER`; None: the host is a container, without a kernel of its own.
    """

    unit: str = ""
    enabled: bool = False
    loader: str | None = None
