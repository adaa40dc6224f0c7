"""What can be wrong with a container or its host: the answers that make each of their checks fail."""

from collections.abc import Callable
from typing import Any

import tests.hosts.test_container_hosts as container_hosts
import tests.hosts.test_containers as containers
import tests.hosts.test_sheets as sheets
import tests.hosts.test_site as site
from minetlab.checks import machines
from minetlab.checks.machines import ContainerMachine
from minetlab.checks.modules import Confinement, Docker, Kernel, ModuleLoader, Units
from minetlab.checks.slices import Slices
from tests.support.recorded import CONTAINER, CT1, SHEETS, RecordedLab

Check = Callable[[Any], None]
Wrong = dict[tuple[Check, str, str], list[tuple[str, str | None]]]
DOCKER_UNIT = Units.command(machines.DOCKER_UNIT)
SITE, TLS, PLAIN, FOLDERS = RecordedLab().site.commands
PIDS = RecordedLab().answers[CT1][Docker.PIDS]
ALICE_PID = dict(line.split()[:2] for line in PIDS.splitlines())[f"/{CONTAINER}"]


def container_sheet(container: ContainerMachine) -> None:
    sheets.test_container_prints_what_the_sheet_says(container, "processus")


# What can be wrong: the check that must see it, the machine, the command; what it answers, and instead.
WRONG_CONTAINERS: Wrong = {
    (containers.test_its_host_does_not_answer_it, CONTAINER, machines.GATEWAY_ANSWERS): [("no", "yes")],
    (containers.test_hostname_tells_whose_it_is_and_of_which_tp, CONTAINER, machines.HOSTNAME): [
        ("alice-processus", "bob-processus"),
        ("alice-processus", "alice"),
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
    (container_hosts.test_its_containers_leave_processors_to_others, CT1, Slices.WEIGHTS): [("30", "100")],
    (container_hosts.test_dockerd_leaves_processors_to_containers, CT1, Slices.WEIGHT_OF_DOCKERD): [
        ("10", "100")
    ],
    (container_hosts.test_its_kernel_loads_no_modules_for_containers, CT1, ModuleLoader.PROGRAM): [
        ("", "/sbin/modprobe"),
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
    (containers.test_it_takes_no_swap_of_its_host, CT1, Slices.LIMITS): [
        ("swap.max:0", "swap.max:max"),
        (r"alice\x2dprocessus.slice/memory.swap.max:0", ""),
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
    (containers.test_what_it_may_do_to_the_hosts_disks_is_limited, CT1, Slices.LIMITS): [
        (r"alice\x2dprocessus.slice/io.max:7:0", r"carol\x2dprocessus.slice/io.max:7:0"),
        ("riops=500", "riops=max"),
        ("wbps=32768000", "wbps=max"),
    ],
    (containers.test_privileges_are_the_planned_ones, CONTAINER, Confinement.STATUS): [
        ("CapBnd:\t00", "CapBnd:\t01"),
        ("CapBnd:\t0000000000000000", "CapBnd:\t0000000000002000"),
        ("CapEff:\t0000000000000000", "CapEff:\t000001ffffffffff"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
    ],
    (containers.test_kernel_gives_it_no_memory_that_no_limit_counts, CONTAINER, Confinement.STATUS): [
        ("Seccomp:\t2", "Seccomp:\t0"),
    ],
    (containers.test_kernel_gives_it_no_memory_that_no_limit_counts, CONTAINER, machines.UNCOUNTED): [
        ("ran", "ran netlink"),
        ("ran", "ran lock aio"),
        ("ran", ""),
    ],
    (containers.test_user_is_not_root, CONTAINER, Confinement.STATUS): [
        ("Uid:\t1879073425\t1879073425", "Uid:\t1879073425\t0"),
    ],
    (containers.test_user_is_of_no_other_container, CONTAINER, Confinement.STATUS): [
        ("Uid:\t1879073425", "Uid:\t1000"),
    ],
    (
        containers.test_it_has_terminals_of_its_own_and_not_all_of_its_hosts,
        CONTAINER,
        Confinement.MOUNTS,
    ): [
        (",max=64", ""),
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
