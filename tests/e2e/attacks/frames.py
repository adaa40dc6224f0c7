"""Ethernet frames that a guest may not send, programs that send them, and programs that hear what arrives."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

BROADCAST = bytes([255] * 6)
ETHERTYPE_IPV4, ETHERTYPE_ARP, ETHERTYPE_IPV6 = 0x0800, 0x0806, 0x86DD
MARK = b"minet-frame:"
# Sends frames: lines of hexadecimal digits on standard input, by the interface that its argument names.
SEND = r"""
use Socket;
my $index = do { open my $f, "<", "/sys/class/net/$ARGV[0]/ifindex" or die; <$f> + 0 };
socket(my $s, 17, SOCK_RAW, 0) or die "socket: $!\n";
while (<STDIN>) { chomp; send($s, pack("H*", $_), 0, pack("SnlSCCx8", 17, 0, $index, 0, 0, 0)); }
"""
# Prints the marks of all frames that it hears on an interface, until it hears the mark that it is given.
HEAR = r"""
use Socket;
$| = 1;
my ($name, $last) = @ARGV;
my $index = do { open my $f, "<", "/sys/class/net/$name/ifindex" or die; <$f> + 0 };
socket(my $s, 17, SOCK_RAW, unpack("S", pack("n", 3))) or die "socket: $!\n";
bind($s, pack("SnlSCCx8", 17, 3, $index, 0, 0, 0)) or die "bind: $!\n";
# PACKET_MR_PROMISC: also what is for others.
setsockopt($s, 263, 1, pack("iSSx8", $index, 1, 0)) or die "promiscuous: $!\n";
print "listening\n";
while (recv($s, my $frame, 2048, 0)) {
    next unless $frame =~ /minet-frame:([a-z0-9-]+)/;
    print "$1\n";
    last if $1 eq $last;
}
"""


@dataclass(frozen=True)
class Nic:
    """An interface on the guests' network.

    :param mac: its MAC address, such as ``52:54:00:00:00:01``.
    :param address: its IPv4 address.
    """

    mac: str
    address: IPv4Address

    @property
    def hardware(self) -> bytes:
        """The MAC address as bytes."""
        return bytes.fromhex(self.mac.replace(":", ""))


def ethernet(source: bytes, kind: int, payload: bytes, target: bytes = BROADCAST) -> bytes:
    """Return an Ethernet frame, to everybody unless it says to whom."""
    return target + source + struct.pack("!H", kind) + payload


def arp_reply(source: bytes, address: IPv4Address, mark: str, sender: bytes | None = None) -> bytes:
    """Return an ARP reply to everybody: this address is at this MAC address (RFC 826)."""
    answer = struct.pack("!HHBBH", 1, ETHERTYPE_IPV4, 6, 4, 2) + (sender or source) + address.packed
    return ethernet(source, ETHERTYPE_ARP, answer + BROADCAST + address.packed + MARK + mark.encode())


def udp(source: bytes, address: IPv4Address, ports: tuple[int, int], mark: str) -> bytes:
    """Return an IPv4 packet to everybody from this address, with a UDP datagram that has no checksum."""
    payload = MARK + mark.encode()
    datagram = struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload
    head = (
        struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0)
        + address.packed
        + BROADCAST[:4]
    )
    return ethernet(source, ETHERTYPE_IPV4, head[:10] + _checksum(head) + head[12:] + datagram)


def router_advertisement(source: bytes, mark: str) -> bytes:
    """Return an ICMPv6 message by which a router announces itself to all nodes (RFC 4861, 4.2)."""
    sender = bytes.fromhex("fe80") + bytes(13) + b"\x01"
    nodes = bytes.fromhex("ff02") + bytes(13) + b"\x01"
    body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + MARK + mark.encode()
    pseudo_header = sender + nodes + struct.pack("!IxxxB", len(body), 58)
    body = body[:2] + _checksum(pseudo_header + body) + body[4:]
    head = struct.pack("!IHBB", 6 << 28, len(body), 58, 255)
    target = bytes.fromhex("333300000001")
    return ethernet(source, ETHERTYPE_IPV6, head + sender + nodes + body, target)


def forged(attacker: Nic, neighbour: Nic, gateway: Nic) -> Mapping[str, bytes]:
    """Return frames with which a guest pretends to be somebody else, by their marks."""
    own, theirs = attacker.hardware, neighbour.hardware
    return {
        "arp-gateway": arp_reply(own, gateway.address, "arp-gateway"),
        "arp-neighbour": arp_reply(own, neighbour.address, "arp-neighbour"),
        "arp-sender": arp_reply(own, attacker.address, "arp-sender", sender=theirs),
        "ip-neighbour": udp(own, neighbour.address, (4000, 4000), "ip-neighbour"),
        "ip-gateway": udp(own, gateway.address, (53, 4000), "ip-gateway"),
        "mac-neighbour": udp(theirs, attacker.address, (4000, 4000), "mac-neighbour"),
        "mac-gateway": arp_reply(gateway.hardware, gateway.address, "mac-gateway"),
        "router": router_advertisement(own, "router"),
    }


def _checksum(content: bytes) -> bytes:
    """Return the checksum of the Internet protocols (RFC 1071)."""
    padded = content + bytes(len(content) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
