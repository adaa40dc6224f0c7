"""Parse what a host says of what keeps its machines apart."""

import pytest

from minetlab.resources.security import FileState, Listener, ProcessState, Tap, parse

OUTPUT = """\
@time
 1800000000
@listeners
 udp UNCONN 0      0      0.0.0.0%vbr-minet:67    0.0.0.0:*    users:(("dnsmasq",pid=704,fd=3))
 tcp LISTEN 0      4096           127.0.0.1:631   0.0.0.0:*
 tcp LISTEN 0      128                    *:22          *:*    users:(("sshd",pid=1,fd=7),("sshd",pid=2,fd=7))
@files
 600 64055 1800000000.5 f /var/lib/libvirt/images/minet-lab/minet/disks/a disk
 711 0 1800000000.0 d /var/lib/libvirt/images/minet-lab/minet
@qemu
 minet-alice 64055 2 libvirt-498c (enforce)
 minet-bob 0 0 \n\
@domains
 <domain type='kvm' id='1'>
   <name>minet-alice</name>
   <devices>
     <interface type='network'>
       <port isolated='yes'/>
       <filterref filter='clean-traffic'>
         <parameter name='IP' value='10.77.0.178'/>
       </filterref>
       <target dev='vnet0'/>
     </interface>
   </devices>
 </domain>

 <domain type='kvm' id='2'>
   <name>minet-bob</name>
 </domain>
@filtered
  vnet0      clean-traffic
@ports
 [{"ifname":"vnet0","isolated":true},{"ifname":"vnet1","isolated":false},{"ifname":"vnet2"},{}]
@dockerd
 ["name=apparmor","name=seccomp,profile=builtin"]
@containers
 {"Name":"/minet-alice-processus","HostConfig":{"Privileged":false}}
@first-processes
 minet-alice-processus 1879068192 2 docker-default (enforce)
@network
 {"com.docker.network.bridge.enable_icc":"false"}
@rules
 table inet minet-lab-minet {
 \tcomment "0a1b"
 \tset vbr-minet-connections {
 \t\ttype ipv4_addr
 \t\telements = { 10.77.0.178 }
 \t}

 \tchain input {
 \t\ttype filter hook input priority filter - 5; policy accept;
 \t\tiifname "vbr-minet" jump vbr-minet-to-host
 \t}
 }
 table bridge minet-lab-minet {
 \tchain forward {
 \t}
 }
@rules-of-file
@sshd
 port 22
 port 2022
 passwordauthentication no
@keys /root/.ssh/authorized_keys
 # ours
 @cert-authority ssh-ed25519 AAAA x
@open-to-all
 docker
@open-sockets
 /run/libvirt/libvirt-sock-ro
@groups
 docker:x:998:
 libvirt:x:997:carol,dave
@lists
 1799990000
@upgrades
 Reading package lists...
 Inst sudo [1.9] (1.9.1 Debian-Security:13/stable-security [amd64]) []
 Conf sudo (1.9.1 Debian-Security:13/stable-security [amd64])
"""


def test_each_section_is_read() -> None:
    observed = parse(OUTPUT.splitlines())
    assert (observed.time, observed.lists_fetched) == (1_800_000_000, 1_799_990_000)
    assert observed.listeners == (
        Listener("udp", "0.0.0.0%vbr-minet", 67, "dnsmasq"),
        Listener("tcp", "127.0.0.1", 631),
        Listener("tcp", "*", 22, "sshd"),
    )
    assert [listener.local for listener in observed.listeners] == [False, True, False]
    assert list(observed.files.values()) == [
        FileState(0o600, 64055, 1_800_000_000.5, "f"),
        FileState(0o711, 0, 1_800_000_000, "d"),
    ]
    assert next(iter(observed.files)).endswith("/a disk")
    assert observed.qemu == {
        "minet-alice": ProcessState(64055, 2, "libvirt-498c (enforce)"),
        "minet-bob": ProcessState(0, 0, ""),
    }
    assert [process.enforced for process in observed.qemu.values()] == [True, False]
    assert observed.taps == {"minet-alice": Tap("vnet0", "clean-traffic", "10.77.0.178"), "minet-bob": Tap()}
    assert (set(observed.filtered), dict(observed.isolated)) == (
        {"vnet0"},
        {"vnet0": True, "vnet1": False, "vnet2": False},
    )
    assert observed.dockerd == ("name=apparmor", "name=seccomp,profile=builtin")
    assert observed.containers["minet-alice-processus"]["HostConfig"] == {"Privileged": False}
    assert observed.first_processes["minet-alice-processus"].enforced
    assert observed.icc is False
    assert observed.rules == {
        "inet input": (
            "type filter hook input priority filter - 5; policy accept;",
            'iifname "vbr-minet" jump vbr-minet-to-host',
        ),
        "bridge forward": (),
    }
    assert observed.rules_of_file == {}
    assert observed.sshd == {"port": "22", "passwordauthentication": "no"}
    assert observed.authorized_keys == {
        "/root/.ssh/authorized_keys": ("# ours", "@cert-authority ssh-ed25519 AAAA x")
    }
    assert observed.open_to_all == {"docker"}
    assert observed.open_sockets == ("/run/libvirt/libvirt-sock-ro",)
    assert observed.root_by_group == {"docker": (), "libvirt": ("carol", "dave")}
    assert observed.upgrades == {"sudo": "1.9.1 Debian-Security:13/stable-security [amd64]"}


def test_without_the_options_of_the_network_its_containers_reach_each_other() -> None:
    assert parse(["@time", " 1", "@network", " {}"]).icc is True


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["@time", " soon"],
        ["@time", " 1", "@listeners", " tcp"],
        ["@time", " 1", "@files", " rw 0 0 f /x"],
        ["@time", " 1", "@domains", " <domain>"],
        ["@time", " 1", "@containers", " {}"],
        ["@time", " 1", "@containers", " [1]"],
        ["@time", " 1", "@ports", " 7"],
        ["@time", " 1", "@network", " []"],
        ["@time", " 1", "@groups", " docker"],
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse(wrong)
