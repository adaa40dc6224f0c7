"""From the plan to what libvirt, guests and sshd are handed: XML with its label, seeds, and keys."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import uuid5

from minetlab.lab import GuestNetwork, GuestSize, Lab
from minetlab.plan import Container, Guest, Plan
from minetlab.plan.allocation import NAMESPACE
from minetlab.resources import jump, site
from minetlab.resources.access import AccessFile
from minetlab.resources.guests import GuestSpec
from minetlab.resources.layout import Layout, overlay, seed_named
from minetlab.resources.libvirt import METADATA, Reservation
from minetlab.resources.network import NetworkSpec
from minetlab.resources.seed import Seed
from minetlab.secrets import keys, passwords
from minetlab.util.render import render


def pool_xml(lab: str) -> str:
    """The lab's pool."""
    return render(
        "libvirt/pool.xml.j2", lab=lab, uuid=uuid5(NAMESPACE, f"{lab}/pool"), path=Layout(lab).disks
    )


def network_spec(lab: str, network: GuestNetwork, guests: Iterable[Guest]) -> NetworkSpec:
    """The lab's network on one host, with a reservation for each of its guests."""
    reservations = [Reservation(guest.mac, guest.hostname, str(guest.address.ip)) for guest in guests]
    values = {
        "lab": lab,
        "uuid": uuid5(NAMESPACE, f"{lab}/network"),
        "bridge": Layout(lab).bridge,
        "network": network,
    }
    digest = _digest(render("libvirt/network.xml.j2", **_labelled(values, ""), reservations=()))
    xml = render("libvirt/network.xml.j2", **_labelled(values, digest), reservations=reservations)
    return NetworkSpec(lab, xml, digest, frozenset(reservations if network.mode == "nat" else ()))


def guest_spec(
    lab: str, guest: Guest, *, size: GuestSize, network: GuestNetwork, base: str, feature: str | None
) -> GuestSpec:
    """One guest's domain and volumes.

    :param base: the volume of its base image.
    :param feature: the CPU's virtualization feature, ``svm`` or ``vmx``; None: the guest is emulated.
    """
    layout = Layout(lab)
    volume = seed_volume(lab, guest, network)
    values = {
        "lab": lab,
        "guest": guest,
        "size": size,
        "type": "kvm" if feature else "qemu",
        "feature": feature,
        "disk": layout.disk(overlay(guest.name)),
        "seed": layout.disk(volume),
        "console": layout.console(guest.name),
    }
    digest = _digest(render("libvirt/domain.xml.j2", **_labelled(values, "")))
    return GuestSpec(
        name=guest.name,
        mac=guest.mac,
        xml=render("libvirt/domain.xml.j2", **_labelled(values, digest)),
        digest=digest,
        seed=volume,
        base=base,
        disk=size.disk * 2**30,
        memory=size.memory,
        to_run=guest.to_run,
    )


def seed(lab: str, guest: Guest, network: GuestNetwork) -> Seed:
    """What is made of the guest: accounts, host name, address; said to cloud-init, and in plain files.

    The instance's ID follows the content, as guests do nothing about a seed of an instance they know.
    """
    files = _seed_files(lab, guest, network, keys.student_public_keys(lab, guest.student))
    instance = uuid5(guest.uuid, _seed_identity(lab, guest, network))
    return Seed({**files, "meta-data": render("cloud-init/meta-data.j2", guest=guest, instance=instance)})


def seed_volume(lab: str, guest: Guest, network: GuestNetwork) -> str:
    """The volume of a guest's seed, named after its content."""
    return seed_named(guest.name, _seed_identity(lab, guest, network))


def _seed_identity(lab: str, guest: Guest, network: GuestNetwork) -> str:
    """A hash of what a guest is to be restarted for, and its seed to be applied again.

    Of a generated key, only that it is one: docs/decisions/keys-are-replaced-in-running-guests.md.
    """
    return Seed(_seed_files(lab, guest, network, (guest.student.ssh_key or "generated",))).digest


def _seed_files(lab: str, guest: Guest, network: GuestNetwork, student_keys: Iterable[str]) -> dict[str, str]:
    lab_key = keys.lab_key(lab).public
    student = guest.student
    values: dict[str, Any] = {
        "lab": lab,
        "guest": guest,
        "accounts": [
            {"name": student.login, "full_name": student.name, "ssh_keys": [*student_keys, lab_key]},
            {"name": keys.ADMIN, "full_name": f"{lab} lab", "ssh_keys": [lab_key]},
        ],
        "host_key": keys.guest_host_key(lab, guest.name),
        "gateway": network.gateway,
        "nameservers": [str(each) for each in network.nameservers or (network.gateway,)],
    }
    return {
        "user-data": render("cloud-init/user-data.j2", **values),
        "network-config": render("cloud-init/network-config.j2", **values),
        **_plain_files(**values),
    }


def _plain_files(
    guest: Guest, accounts: list[dict[str, Any]], host_key: keys.KeyPair, **values: Any
) -> dict[str, str]:
    """What templates/guest/usr/lib/minet-lab/identity puts in place."""
    files = {
        "etc/hostname": f"{guest.hostname}\n",
        "etc/hosts": render("guest-seed/hosts.j2", guest=guest),
        "etc/resolv.conf": render("guest-seed/resolv.conf.j2", **values),
        "etc/ssh/ssh_host_ed25519_key.pub": f"{host_key.public}\n",
        "etc/systemd/network/10-lan.network": render("guest-seed/lan.network.j2", guest=guest, **values),
    }
    opened_by = {each["name"]: "".join(f"{key}\n" for key in each["ssh_keys"]) for each in accounts}
    return {
        # Neither a login nor a name has a colon or a line's end in it.
        "guest/accounts": "".join(f"{each['name']}:{each['full_name']}\n" for each in accounts),
        "guest/host_key": host_key.private.read_text(),
        **{f"guest/files/{path}": content for path, content in files.items()},
        **{f"guest/keys/{login}": text for login, text in opened_by.items()},
    }


def access(lab: str, containers: Iterable[Container]) -> dict[str, AccessFile]:
    """The keys that open each of these containers, and its own: by path below the lab's folder for them."""
    files = {}
    for container in containers:
        public = (*keys.student_public_keys(lab, container.student), keys.lab_key(lab).public)
        host_key = keys.container_host_key(lab, container.name)
        # The student runs the container's sshd, so its key has to be theirs.
        files[f"{container.name}/host_key"] = AccessFile(host_key.private.read_bytes(), 0o400)
        opened_by = "".join(f"{key}\n" for key in public)
        files[f"{container.name}/authorized_keys"] = AccessFile(opened_by.encode(), 0o444)
    return files


def site_users(lab: Lab) -> dict[str, AccessFile]:
    """Who is let into the lab's site, with hashes of passwords: by path below the lab's folder for keys."""
    logins = sorted(student.login for student in lab.students)
    students = (passwords.student(lab.name, login).line for login in logins)
    files = {site.STUDENTS: "".join(students), site.INSTRUCTOR: passwords.instructor(lab.name).line}
    folder = site.container_name(lab.name)
    return {f"{folder}/{name}": AccessFile(text.encode(), 0o400) for name, text in files.items()}


def jump_keys(lab: Lab, plan: Plan, host: str) -> str:
    """The keys that lead students of a plan through a host, as a file; empty: nobody has to go through it."""
    ways = jump.ways(lab, plan, host)
    students = [student for student in lab.students if student.login in ways]
    opened_by = {each.login: keys.student_public_keys(lab.name, each) for each in students}
    return jump.authorized_keys(ways, opened_by)


def _labelled(values: dict[str, Any], digest: str) -> dict[str, Any]:
    return {**values, "namespace": METADATA, "spec": digest}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
