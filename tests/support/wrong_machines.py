"""What can be wrong with a machine: the answers that make each check of ``tests/hosts`` fail."""

from collections.abc import Callable
from typing import Any

import tests.hosts.test_container_hosts as container_hosts
import tests.hosts.test_containers as containers
import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_jump as jump
import tests.hosts.test_kvm_hosts as kvm_hosts
import tests.hosts.test_sheets as sheets
import tests.hosts.test_site as site
from minetlab.checks import binary, machines
from minetlab.checks.machines import ContainerMachine, GuestMachine
from minetlab.checks.modules import Confinement, Cpu, Docker, Kernel, Libvirt, Qemu, Units
from tests.support.recorded import ALICE, CONTAINER, CT1, GUEST_SHEETS, HV1, SHEETS, RecordedLab

Check = Callable[[Any], None]
AMD = machines.HARDWARE["AuthenticAMD"]
DISK = "/var/lib/libvirt/images/minet-lab/minet/disks/minet-alice.qcow2"
CHAIN = Libvirt.chain_command(DISK)
LIBVIRT_UNITS = Units.command(*machines.LIBVIRT_UNITS)
DOCKER_UNIT = Units.command(machines.DOCKER_UNIT)
KEYS, PASSWORD = machines.keys_of("alice"), machines.password_of("alice")
SAID = RecordedLab().answers
SITE, TLS, PLAIN, FOLDERS = RecordedLab().site.commands
EXITS = [line for line in SAID[HV1][Qemu.EXITS].splitlines() if line.startswith("minet-alice ")]
(PROFILE,) = (line for line in SAID[HV1][Qemu.PROFILES].splitlines() if line.startswith("minet-alice "))
USERS = SAID[HV1][AMD.users]
STARTED = machines.processes_with("proof-of-minet-alice")
ALICE_PID = dict(line.split()[:2] for line in SAID[CT1][Docker.PIDS].splitlines())[f"/{CONTAINER}"]
CPU_MODEL = '"Model:", "data": '


def container_sheet(container: ContainerMachine) -> None:
    sheets.test_container_prints_what_the_sheet_says(container, "processus")


def vm_sheet(guest: GuestMachine) -> None:
    sheets.test_guest_prints_what_the_sheet_says(guest, "vm")


def conteneur_sheet(guest: GuestMachine) -> None:
    sheets.test_guest_prints_what_the_sheet_says(guest, "conteneur")


# What can be wrong: the check that must see it, the machine, the command; what it answers, and instead.
WRONG: dict[tuple[Check, str, str], list[tuple[str, str | None]]] = {
    (guests.test_its_host_does_not_answer_it, ALICE, machines.GATEWAY_ANSWERS): [("no", "yes"), ("no", "")],
    (containers.test_its_host_does_not_answer_it, CONTAINER, machines.GATEWAY_ANSWERS): [("no", "yes")],
    (domains.test_domain_sends_from_its_own_address_to_others_than_its_neighbours, HV1, Libvirt.DOMAINS): [
        ("<port isolated='yes'/>", "<port isolated='no'/>"),
        ("<port isolated='yes'/>", ""),
        ("value='10.77.0.178'", "value='10.77.0.179'"),
        ("filter='clean-traffic'", "filter='allow-ipv4'"),
        ("<interface type='network'>", "<interface type='network'/><interface type='network'>"),
    ],
    (kvm_hosts.test_virtualization_is_the_vendors, HV1, Cpu.LSCPU): [
        ('"AMD-V"', '"VT-x"'),
    ],
    (kvm_hosts.test_virtualization_is_the_vendors, HV1, Kernel.MODULES): [
        ("kvm_amd", "kvm_intel"),
        ("kvm_amd", "kvm_amd\nkvm_intel"),
    ],
    (kvm_hosts.test_nested_is_on, HV1, AMD.nested): [
        ("1", "0"),
        ("1", None),
    ],
    (kvm_hosts.test_nested_survives_a_reboot, HV1, Kernel.OPTIONS): [
        ("kvm_amd nested=1", "kvm_amd nested=0"),
        ("options kvm_amd nested=1\n", ""),
        ("nested=1", "nested=1\noptions kvm_amd nested=0"),
        ("kvm_amd", "kvm_intel"),
    ],
    (kvm_hosts.test_kvm_device_is_open_to_qemu, HV1, machines.KVM_DEVICE): [
        ("kvm 660", "root 660"),
        ("660", "600"),
    ],
    (kvm_hosts.test_kvm_device_is_open_to_qemu, HV1, machines.QEMU_GROUPS): [
        ("kvm ", ""),
    ],
    (kvm_hosts.test_libvirt_answers, HV1, Libvirt.VERSION): [
        ("Running against daemon", "Running hypervisor"),
        ("libvirt", None),
    ],
    (kvm_hosts.test_libvirt_starts_at_boot, HV1, LIBVIRT_UNITS): [
        ("=enabled", "=disabled"),
        ("=active", "=failed"),
    ],
    (kvm_hosts.test_network_stands, HV1, Libvirt.NETWORKS): [
        ("minet", "default"),
    ],
    (kvm_hosts.test_network_stands, HV1, Libvirt.AUTOSTARTED_NETWORKS): [
        ("minet", ""),
    ],
    (kvm_hosts.test_pool_stands, HV1, Libvirt.POOLS): [
        ("minet", "default"),
    ],
    (kvm_hosts.test_pool_stands, HV1, Libvirt.AUTOSTARTED_POOLS): [
        ("minet", ""),
    ],
    (domains.test_domain_is_started_as_planned, HV1, Libvirt.RUNNING): [
        ("minet-alice", ""),
    ],
    (domains.test_domain_is_started_as_planned, HV1, Libvirt.AUTOSTARTED): [
        ("minet-alice", ""),
    ],
    (domains.test_domain_is_started_as_planned, HV1, Libvirt.DOMAINS): [
        ("<name>minet-alice<", "<name>minet-al<"),
    ],
    (domains.test_domain_is_accelerated, HV1, Libvirt.DOMAINS): [
        ("<domain type='kvm'", "<domain type='qemu'"),
    ],
    (domains.test_domain_is_as_planned, HV1, Libvirt.DOMAINS): [
        ("<uuid>4", "<uuid>5"),
        ("<mac address='52:54", "<mac address='52:55"),
        ("'KiB'>1048576<", "'KiB'>524288<"),
        (">4</vcpu>", ">2</vcpu>"),
        ("<total_iops_sec>2000<", "<total_iops_sec>20000<"),
        ("<size_iops_sec>65536<", "<size_iops_sec>0<"),
        ("<inbound average='12207'/>", "<inbound average='99999'/>"),
        ("<outbound average='12207'/>", ""),
    ],
    (domains.test_disk_is_a_whole_linked_clone, HV1, CHAIN): [
        ('"format": "qcow2"', '"format": "raw"'),
        ('"corrupt": false', '"corrupt": true'),
        ("qcow2", None),
    ],
    (domains.test_disk_is_a_whole_linked_clone, HV1, Libvirt.DOMAINS): [
        ("<source file=", "<source block="),
    ],
    (kvm_hosts.test_emulator_is_a_plain_process, HV1, Qemu.EMULATOR): [
        ("nobody", "root"),
        ("pipe:", "/dev/kvm\npipe:"),
        ("nobody", None),
    ],
    (domains.test_host_sees_one_qemu_process, HV1, Qemu.DOMAINS): [
        ("minet-alice", ""),
        ("minet-alice", "minet-alice\nminet-alice"),
    ],
    (domains.test_process_is_confined, HV1, Qemu.PROFILES): [
        ("(enforce)", "(complain)"),
        ("minet-alice libvirt-4", "minet-alice libvirt-5"),
        (PROFILE, "minet-alice unconfined"),
        (PROFILE, "minet-alicia"),
    ],
    (domains.test_process_uses_kvm, HV1, Qemu.FILES): [
        ("minet-alice /dev/kvm", "minet-alice /dev/null"),
        ("kvm-vm", "eventfd"),
    ],
    (domains.test_processor_leaves_the_guest, HV1, Qemu.EXITS): [
        (EXITS[1], EXITS[0]),
        (EXITS[1], "minet-alice"),
    ],
    (domains.test_module_serves_the_guest, HV1, AMD.users): [
        (USERS, "0"),
        (USERS, "1"),
    ],
    (domains.test_module_serves_the_guest, HV1, Qemu.DOMAINS): [
        ("minet-alice\nminet-bob", ""),
    ],
    (guests.test_processes_have_memories_of_their_own, ALICE, machines.FORK): [
        ("child", "parent"),
        (") child", "0) child"),
    ],
    (guests.test_processes_are_a_tree, ALICE, machines.TREE): [
        ("      1       0 systemd\n", ""),
        (" 1 sshd", " 0 sshd"),
    ],
    (guests.test_kernel_is_linux, ALICE, machines.KERNEL_NAME): [
        ("Linux ", "FreeBSD "),
    ],
    (guests.test_one_binary_computes_the_same_on_two_processors, ALICE, binary.RUN): [
        ("42", "41"),
        (binary.DIGEST, binary.DIGEST[::-1]),
        ("42", None),
    ],
    (guests.test_one_binary_computes_the_same_on_two_processors, HV1, binary.RUN): [
        ("42", "Illegal instruction"),
    ],
    (guests.test_kernel_stands_before_the_hardware, ALICE, machines.reach_hardware_as("alice")): [
        ("alice", "alice memory"),
        ("alice", "alice port"),
        ("root memory", "root"),
        ("memory port", "memory"),
        ("alice", ""),
    ],
    (guests.test_host_does_not_see_its_processes, ALICE, STARTED): [
        ("proof-of-minet-alice", "sleep"),
    ],
    (guests.test_host_does_not_see_its_processes, HV1, machines.PROCESSES): [
        ("/sbin/init", "/sbin/init\nproof-of-minet-alice 600"),
    ],
    (guests.test_lscpu_is_the_slides, ALICE, Cpu.LSCPU): [
        ("AuthenticAMD", "GenuineIntel"),
        ("Common KVM processor", "QEMU Virtual CPU version 2.5+"),
        ('family:", "data": "15"', 'family:", "data": "6"'),
        (f'{CPU_MODEL}"6"', f'{CPU_MODEL}"13"'),
        ('Stepping:", "data": "1"', 'Stepping:", "data": "3"'),
        ('CPU(s):", "data": "4"', 'CPU(s):", "data": "2"'),
        ('core:", "data": "1"', 'core:", "data": "2"'),
        ('per socket:", "data": "4"', 'per socket:", "data": "1"'),
        ('Socket(s):", "data": "1"', 'Socket(s):", "data": "4"'),
        ("NUMA node(s)", "no such field"),
        ("40 bits physical", "48 bits physical"),
    ],
    (guests.test_hosts_cpu_is_another_model, HV1, Cpu.LSCPU): [
        ("QEMU TCG CPU version 2.5+", "Common KVM processor"),
    ],
    (guests.test_hypervisor_is_kvm, ALICE, Cpu.LSCPU): [
        ('"data": "KVM"', '"data": "Xen"'),
        ('"full"', '"para"'),
    ],
    (guests.test_guest_can_virtualize, ALICE, Cpu.LSCPU): [
        (" svm ", " "),
    ],
    (guests.test_guest_can_virtualize, ALICE, Kernel.MODULES): [
        ("kvm_amd", ""),
    ],
    (guests.test_guest_can_virtualize, ALICE, AMD.nested): [
        ("1", "0"),
    ],
    (guests.test_guest_can_virtualize, ALICE, machines.open_kvm_as("alice")): [
        ("opened", None),
    ],
    (guests.test_guest_runs_a_kernel_of_its_own, ALICE, Kernel.BOOT_ID): [
        ("", "the host's"),
    ],
    (containers.test_hostname_tells_whose_it_is_and_of_which_tp, CONTAINER, machines.HOSTNAME): [
        ("alice-processus", "bob-processus"),
        ("alice-processus", "alice"),
    ],
    (guests.test_hostname_is_the_plans, ALICE, machines.HOSTNAME): [
        ("alice", "localhost"),
    ],
    (guests.test_address_is_the_plans, ALICE, machines.ADDRESSES): [
        ('"10.77.0.', '"10.77.1.'),
        ('"prefixlen":24', '"prefixlen":16'),
        ('"52:54:', '"52:55:'),
    ],
    (guests.test_student_can_log_in, ALICE, KEYS): [
        ("AAAA", "AAAB"),
        ("ssh-ed25519", None),
    ],
    (guests.test_passwords_open_nothing, ALICE, machines.SSHD): [
        ("passwordauthentication no", "passwordauthentication yes"),
        ("kbdinteractiveauthentication no", "kbdinteractiveauthentication yes"),
        ("permitemptypasswords no", "permitemptypasswords yes"),
        ("permitrootlogin without-password", "permitrootlogin yes"),
    ],
    (guests.test_passwords_open_nothing, ALICE, PASSWORD): [
        ("alice L", "alice P"),
    ],
    (container_hosts.test_dockerd_runs_now_and_at_boot, CT1, DOCKER_UNIT): [
        ("=active", "=failed"),
        ("=enabled", "=disabled"),
    ],
    (container_hosts.test_dockerd_is_healthy, CT1, Docker.INFO): [
        ('{"ID"', '{"ServerErrors": ["cannot connect"], "ID"'),
        ('"CgroupVersion": "2"', '"CgroupVersion": "1"'),
        ("ID", None),
    ],
    (container_hosts.test_settings_are_in_effect, CT1, Docker.INFO): [
        ("10.201.0.0/16", "172.17.0.0/16"),
        ('"LiveRestoreEnabled": true', '"LiveRestoreEnabled": false'),
        ('"local"', '"json-file"'),
    ],
    (containers.test_container_runs, CT1, Docker.CONTAINERS): [
        ('"running"', '"exited"'),
        ("unless-stopped", "no"),
        ("/minet-alice-", "/minet-al-"),
    ],
    (containers.test_container_is_on_the_labs_network, CT1, Docker.CONTAINERS): [
        ('{"minet": {}}', '{"bridge": {}}'),
    ],
    (containers.test_logs_are_bounded, CT1, Docker.CONTAINERS): [
        ('"max-size": "10m"', '"max-size": "10g"'),
        ('"local"', '"json-file"'),
    ],
    (containers.test_limits_hold_in_the_kernel, CONTAINER, "cat /sys/fs/cgroup/memory.max"): [
        ("268435456", "max"),
    ],
    (containers.test_limits_hold_in_the_kernel, CONTAINER, "cat /sys/fs/cgroup/memory.swap.max"): [
        ("0", "max"),
    ],
    (containers.test_limits_hold_in_the_kernel, CONTAINER, "cat /sys/fs/cgroup/pids.max"): [
        ("128", "max"),
    ],
    (containers.test_limits_hold_in_the_kernel, CONTAINER, "cat /sys/fs/cgroup/cpu.max"): [
        ("100000 100000", "max 100000"),
    ],
    (containers.test_limits_hold_in_the_kernel, CONTAINER, Confinement.LIMITS): [
        ("1024                 1024", "1024                 524288"),
    ],
    (containers.test_what_it_may_do_to_the_hosts_disks_is_limited, CT1, Docker.DISK_LIMITS): [
        ("/minet-alice-processus 7:0", "/minet-carol-processus 7:0"),
        ("riops=500", "riops=max"),
        ("wbps=32768000", "wbps=max"),
    ],
    (containers.test_privileges_are_the_planned_ones, CONTAINER, Confinement.STATUS): [
        ("CapBnd:\t00", "CapBnd:\t01"),
        ("CapBnd:\t0000000000000000", "CapBnd:\t0000000000002000"),
        ("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
    ],
    (containers.test_user_is_not_root, CONTAINER, Confinement.STATUS): [
        ("Uid:\t1879073425\t1879073425", "Uid:\t1879073425\t0"),
    ],
    (containers.test_user_is_of_no_other_container, CONTAINER, Confinement.STATUS): [
        ("Uid:\t1879073425", "Uid:\t1000"),
    ],
    (
        containers.test_it_writes_to_a_file_system_of_its_own_and_of_the_planned_size,
        CONTAINER,
        Confinement.MOUNTS,
    ): [
        ("overlay ro,relatime", "overlay rw,relatime"),
        ("ext4 rw,nosuid,nodev,relatime,discard", "ext4 rw,nodev,relatime,discard"),
        ("/dev/loop0 /home/etudiant", "/dev/loop0 /home/other"),
    ],
    (
        containers.test_it_writes_to_a_file_system_of_its_own_and_of_the_planned_size,
        CONTAINER,
        Confinement.HOME_SIZE,
    ): [
        ("4096 124725", "4096 24725"),
    ],
    (jump.test_jump_account_only_leads_on, HV1, machines.jump_settings("minet")): [
        ("authenticationmethods publickey", "authenticationmethods any"),
        ("/etc/ssh/minet-lab/minet/jump_keys", ".ssh/authorized_keys"),
        ("authorizedkeyscommand none", "authorizedkeyscommand /bin/keys"),
        ("trustedusercakeys none", "trustedusercakeys /etc/ssh/ca.pub"),
        ("allowtcpforwarding local", "allowtcpforwarding yes"),
        ("allowstreamlocalforwarding no", "allowstreamlocalforwarding yes"),
        ("permitlisten none", "permitlisten any"),
        ("gatewayports no", "gatewayports yes"),
        ("allowagentforwarding no", "allowagentforwarding yes"),
        ("x11forwarding no", "x11forwarding yes"),
        ("permittunnel no", "permittunnel yes"),
        ("permittty no", "permittty yes"),
        ("permituserrc no", "permituserrc yes"),
        ("maxsessions 0", "maxsessions 10"),
        ("forcecommand /usr/sbin/nologin\n", ""),
    ],
    (jump.test_jump_account_leads_each_student_to_their_own, HV1, machines.jump_keys("minet")): [
        ("root 644", "minet-jump 644"),
        ("root 644", "root 664"),
        ("root 644", None),
        ('permitopen="', 'permitopen="*:*",permitopen="'),
        ("AAAA", "AAAB"),
        ("restrict,", ""),
        (":22", ":2222"),
    ],
    (jump.test_jump_account_has_no_shell_and_no_password, HV1, machines.jump_login("minet")): [
        ("/usr/sbin/nologin", "/bin/sh"),
        ("minet-jump L", "minet-jump P"),
        ("minet-jump L", "minet-jump NP"),
        ("nologin", None),
    ],
    (site.test_every_sheet_is_there, CT1, SITE): [
        ("GET /tp/isa.html\nHTTP/1.1 200 OK", "GET /tp/isa.html\nHTTP/1.1 404 Not Found"),
        ("GET /\nHTTP/1.1 200 OK", "GET /\nHTTP/1.1 403 Forbidden"),
        ("HTTP/1.1 200 OK", "Connection refused"),
        ("TP — Les processus", "Apache2 Debian Default Page: It works"),
        ('content="', 'content="0'),
        ('<meta name="revision"', '<meta name="author"'),
        ('href="tp/vm.html"', 'href="#"'),
        ("GET", None),
    ],
    (site.test_site_proves_who_it_is_and_is_not_spoken_to_in_plain, CT1, TLS): [
        ("Verification: OK Verified peername: ct1", "Verification error: self-signed certificate"),
        ("Verified peername: ct1", ""),
        ("alert number 70", "alert number 40"),
        ("-tls1_1:", "-tls1_2:"),
        ("today: Verification: OK Verified peername: ct1 New", "today: connect: errno=111"),
    ],
    (site.test_site_proves_who_it_is_and_is_not_spoken_to_in_plain, CT1, PLAIN): [
        ("307 Temporary Redirect", "200 OK"),
        ("https://site", "http://site"),
        ("HTTP/1.1 307 Temporary Redirect", ""),
    ],
    (site.test_no_other_account_of_the_host_gets_to_pages_and_secrets, CT1, FOLDERS): [
        ("closed /var/lib/minet-lab/minet/site", "open /var/lib/minet-lab/minet/site"),
        ("closed /var/lib/minet-lab/minet/access", "open /var/lib/minet-lab/minet/access"),
        ("closed /var/lib/minet-lab/minet/site", "missing /var/lib/minet-lab/minet/site"),
        ("closed", None),
    ],
    (site.test_students_see_their_own_machines_only, CT1, SITE): [
        ("GET /moi\nHTTP/1.1 401 Unauthorized", "GET /moi\nHTTP/1.1 200 OK"),
        ("GET /formateur\nHTTP/1.1 401 Unauthorized", "GET /formateur\nHTTP/1.1 200 OK"),
        ("GET /etat.json\nHTTP/1.1 401 Unauthorized", "GET /etat.json\nHTTP/1.1 204 No Content"),
        # As where the web server cannot read its users.
        ("Basic eDp4\nHTTP/1.1 401 Unauthorized", "Basic eDp4\nHTTP/1.1 500 Internal Server Error"),
        ("GET /moi-alice\nHTTP/1.1 404 Not Found", "GET /moi-alice\nHTTP/1.1 200 OK"),
        ("HTTP/1.1 401 Unauthorized", "Connection refused"),
        ("GET", None),
    ],
    (site.test_web_server_runs_without_privileges, CT1, Docker.CONTAINERS): [
        ("/minet-site", "/minet-other"),
        ('"running"', '"exited"'),
        ("unless-stopped", "no"),
        ("www-data", "root"),
        ('"ReadonlyRootfs": true', '"ReadonlyRootfs": false'),
        ('"RW": false', '"RW": true'),
        ('"CapDrop": ["ALL"]', '"CapDrop": null'),
        ('"CapAdd": null', '"CapAdd": ["NET_ADMIN"]'),
        ("no-new-privileges", "apparmor=unconfined"),
    ],
    (containers.test_processes_have_memories_of_their_own, CONTAINER, machines.FORK): [
        ("child", "parent"),
        (") child", "0) child"),
    ],
    (containers.test_host_sees_its_process, CT1, Docker.PIDS): [
        ("/minet-alice-", "/minet-al-"),
        (f" {ALICE_PID} 1", " 1 1"),
        (f" {ALICE_PID} 1", f" {ALICE_PID}"),
    ],
    (container_sheet, CONTAINER, SHEETS["processus"]): [
        ("───test.sh(74)───pstree", "───pstree"),
        ("valeur 2", "valeur 1"),
        ("\x1e", "no shell"),
        ("docker-init -- ", "systemd -- "),
    ],
    (containers.test_processes_are_a_tree, CONTAINER, machines.TREE): [
        ("      1       0 docker-init\n", ""),
        ("26       7 sshd", "26       0 sshd"),
    ],
    (containers.test_student_can_log_in, CONTAINER, machines.CONTAINER_KEYS): [
        ("AAAAC3NzaC1lZDI1NTE5AAAAIPk", "AAAAC3NzaC1lZDI1NTE5AAAAIPl"),
        ("ssh-ed25519", None),
    ],
    (containers.test_passwords_open_nothing, CONTAINER, machines.CONTAINER_SSHD): [
        ("passwordauthentication no", "passwordauthentication yes"),
        ("kbdinteractiveauthentication no", "kbdinteractiveauthentication yes"),
        ("permitemptypasswords no", "permitemptypasswords yes"),
    ],
    (vm_sheet, ALICE, GUEST_SHEETS["vm"]): [
        ("40 bits", "46 bits"),
        ("Hypervisor detected: KVM\n--- Au revoir", "--- Au revoir"),
        ("Le compteur augmente.", ""),
        ("\x1e", "no shell"),
    ],
    (conteneur_sheet, ALICE, GUEST_SHEETS["conteneur"]): [
        ("NSpid:\t1077\t1", "NSpid:\t1077"),
        ("encore 5\n./poupees: 5: Cannot fork", "encore 5\nencore 4"),
        ("33554432 20", "0 <nil>"),
        ("\x1e", "no shell"),
    ],
    (containers.test_kernel_is_the_hosts, CONTAINER, Kernel.BOOT_ID): [
        ("-", "_"),
    ],
    (containers.test_kernel_is_the_hosts, CONTAINER, Kernel.RELEASE): [
        ("6.", "5."),
    ],
    (containers.test_namespaces_are_its_own, CONTAINER, Kernel.OWN_NAMESPACES): [
        ("pid:[4026532296]", "pid:[4026531836]"),
        ("mnt:[4026532293]", "mnt:[4026531841]"),
        ("net:[4026532297]", "net:[4026531840]"),
        ("uts:[4026532294]", "uts:[4026531838]"),
        ("ipc:[4026532295]", "ipc:[4026531839]"),
    ],
}
