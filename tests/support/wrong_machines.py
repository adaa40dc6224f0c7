"""What can be wrong with a machine: the answers that make each check of ``tests/hosts`` fail."""

import tests.hosts.test_domains as domains
import tests.hosts.test_guests as guests
import tests.hosts.test_jump as jump
import tests.hosts.test_kvm_hosts as kvm_hosts
import tests.hosts.test_sheets as sheets
from minetlab.checks import binary, machines
from minetlab.checks.jump import jump_keys, jump_login, jump_settings
from minetlab.checks.machines import GuestMachine
from minetlab.checks.modules import Cpu, Kernel, Libvirt, Qemu, Units
from tests.support.recorded import ALICE, GUEST_SHEETS, HV1, RecordedLab
from tests.support.wrong_containers import WRONG_CONTAINERS, Wrong

AMD = machines.HARDWARE["AuthenticAMD"]
DISK = "/var/lib/libvirt/images/minet-lab/minet/disks/minet-alice.qcow2"
CHAIN = Libvirt.chain_command(DISK)
LIBVIRT_UNITS = Units.command(*machines.LIBVIRT_UNITS)
KEYS, PASSWORD = machines.keys_of("alice"), machines.password_of("alice")
SAID = RecordedLab().answers
EXITS = [line for line in SAID[HV1][Qemu.EXITS].splitlines() if line.startswith("minet-alice ")]
(PROFILE,) = (line for line in SAID[HV1][Qemu.PROFILES].splitlines() if line.startswith("minet-alice "))
USERS = SAID[HV1][AMD.users]
STARTED = machines.processes_with("proof-of-minet-alice")
OF_NOBODY = SAID[HV1][machines.LIBVIRT_TO_NOBODY]
CPU_MODEL = '"Model:", "data": '


def vm_sheet(guest: GuestMachine) -> None:
    sheets.test_guest_prints_what_the_sheet_says(guest, "vm")


def conteneur_sheet(guest: GuestMachine) -> None:
    sheets.test_guest_prints_what_the_sheet_says(guest, "conteneur")


# What can be wrong: the check that must see it, the machine, the command; what it answers, and instead.
WRONG: Wrong = {
    (guests.test_its_host_does_not_answer_it, ALICE, machines.GATEWAY_ANSWERS): [("no", "yes"), ("no", "")],
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
    (kvm_hosts.test_libvirt_refuses_other_accounts, HV1, machines.LIBVIRT_TO_NOBODY): [
        ("libvirt-sock closed", "libvirt-sock open"),
        ("libvirt-sock-ro closed", "libvirt-sock-ro open"),
        (OF_NOBODY, ""),
        (OF_NOBODY, None),
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
    (jump.test_jump_account_only_leads_on, HV1, jump_settings("minet")): [
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
    (jump.test_jump_account_leads_each_student_to_their_own, HV1, jump_keys("minet")): [
        ("root 644", "minet-jump 644"),
        ("root 644", "root 664"),
        ("root 644", None),
        ('permitopen="', 'permitopen="*:*",permitopen="'),
        ("AAAA", "AAAB"),
        ("restrict,", ""),
        (":22", ":2222"),
    ],
    (jump.test_jump_account_has_no_shell_and_no_password, HV1, jump_login("minet")): [
        ("/usr/sbin/nologin", "/bin/sh"),
        ("minet-jump L", "minet-jump P"),
        ("minet-jump L", "minet-jump NP"),
        ("nologin", None),
    ],
    (
        jump.test_connections_through_it_are_limited_in_what_they_take_of_the_host,
        HV1,
        jump_login("minet"),
    ): [
        ("MemoryMax=603979776", "MemoryMax=infinity"),
        ("MemorySwapMax=0", "MemorySwapMax=infinity"),
        ("TasksMax=288", "TasksMax=10315"),
        ("nologin", None),
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
    **WRONG_CONTAINERS,
}
