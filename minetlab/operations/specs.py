"""Make from the plan what libvirt, guests, containers and sshd need: XML, seeds, keys and password files."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from uuid import uuid5

from minetlab.lab import ContainerHost, GuestNetwork, KvmHostSettings, Lab
from minetlab.plan import Container, Guest, Plan
from minetlab.plan.allocation import NAMESPACE
from minetlab.resources import firewall, jump, site
from minetlab.resources.access import AccessFile, guest_logins
from minetlab.resources.docker import container_user
from minetlab.resources.firewall import FirewallSpec
from minetlab.resources.guests import GuestSpec
from minetlab.resources.layout import Layout, overlay, seed_volume_name
from minetlab.resources.libvirt import METADATA, Reservation
from minetlab.resources.network import NetworkSpec
from minetlab.resources.seed import Seed
from minetlab.secrets import certificates, keys, passwords
from minetlab.util.render import render


def pool_xml(lab: str) -> str:
    """Return the XML of the lab's pool."""
    return render(
        "libvirt/pool.xml.j2", lab=lab, uuid=uuid5(NAMESPACE, f"{lab}/pool"), path=Layout(lab).disks
    )


def network_spec(lab: str, network: GuestNetwork, guests: Iterable[Guest]) -> NetworkSpec:
    """Return the lab's network on a host, with an address reserved for each guest of the host."""
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
    lab: str, guest: Guest, settings: KvmHostSettings, base: str, feature: str | None
) -> GuestSpec:
    """Return what a guest's domain and volumes shall be.

    :param lab: the lab's name.
    :param guest: the planned guest.
    :param settings: the settings of its host.
    :param base: the volume of its base image.
    :param feature: the CPU's virtualization feature, ``svm`` or ``vmx``; None if the guest is emulated.
    :return: the guest as desired.
    """
    layout = Layout(lab)
    size = settings.guest
    volume = seed_volume(lab, guest, settings.guest_network)
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
    """Return the seed with a guest's accounts, host name and address, for cloud-init and in plain files.

    :param lab: the lab's name.
    :param guest: the planned guest.
    :param network: the network of the host's guests.
    :return: the seed.
    :raises LabError: a key cannot be generated.
    """
    files = _seed_files(
        lab, guest, network, keys.student_public_keys(lab, guest.student), keys.of_lab(lab).accepted
    )
    # Guests apply a seed only if they do not know its instance ID, so it changes with the content.
    instance = uuid5(guest.uuid, _seed_identity(lab, guest, network))
    return Seed({**files, "meta-data": render("cloud-init/meta-data.j2", guest=guest, instance=instance)})


def seed_volume(lab: str, guest: Guest, network: GuestNetwork) -> str:
    """Return the name of the volume of a guest's seed, which depends on the seed's content."""
    return seed_volume_name(guest.name, _seed_identity(lab, guest, network))


def _seed_identity(lab: str, guest: Guest, network: GuestNetwork) -> str:
    """Return a hash of everything in a seed for which a guest has to restart, to apply it again."""
    # A generated key counts as one, whatever its content: new keys need no restart, see
    # docs/decisions/keys-are-replaced-in-running-guests.md.
    student_key = guest.student.ssh_key or "generated"
    return Seed(_seed_files(lab, guest, network, (student_key,), ("generated",))).digest


def _seed_files(
    lab: str, guest: Guest, network: GuestNetwork, student_keys: Iterable[str], lab_keys: Iterable[str]
) -> dict[str, str]:
    student, lab_logins = guest.student, guest_logins(network, lab_keys)
    student_logins = [*guest_logins(network, student_keys), *lab_logins]
    values: dict[str, Any] = {
        "lab": lab,
        "guest": guest,
        "accounts": [
            {"name": student.login, "full_name": student.name, "ssh_keys": student_logins},
            {"name": keys.ADMIN, "full_name": f"{lab} lab", "ssh_keys": lab_logins},
        ],
        "host_key": keys.guest_host_key(lab, guest.name),
        "gateway": network.gateway,
        "nameservers": [str(address) for address in network.nameservers or (network.gateway,)],
    }
    return {
        "user-data": render("cloud-init/user-data.j2", **values),
        "network-config": render("cloud-init/network-config.j2", **values),
        **_plain_files(**values),
    }


def _plain_files(
    guest: Guest, accounts: list[dict[str, Any]], host_key: keys.KeyPair, **values: Any
) -> dict[str, str]:
    """Return the files that templates/guest/usr/lib/minet-lab/identity reads from the seed."""
    files = {
        "etc/hostname": f"{guest.hostname}\n",
        "etc/hosts": render("guest-seed/hosts.j2", guest=guest),
        "etc/resolv.conf": render("guest-seed/resolv.conf.j2", **values),
        "etc/ssh/ssh_host_ed25519_key.pub": f"{host_key.public}\n",
        "etc/systemd/network/10-lan.network": render("guest-seed/lan.network.j2", guest=guest, **values),
    }
    authorized_keys = {
        account["name"]: "".join(f"{key}\n" for key in account["ssh_keys"]) for account in accounts
    }
    return {
        # Neither logins nor names contain a colon or a line break.
        "guest/accounts": "".join(f"{account['name']}:{account['full_name']}\n" for account in accounts),
        "guest/host_key": host_key.private.read_text(),
        **{f"guest/files/{path}": content for path, content in files.items()},
        **{f"guest/keys/{login}": text for login, text in authorized_keys.items()},
    }


def access(lab: str, containers: Iterable[Container]) -> dict[str, AccessFile]:
    """Return the authorized keys and the host key of each container.

    :param lab: the lab's name.
    :param containers: the planned containers.
    :return: files by path below :func:`minetlab.resources.docker.access_folder`.
    :raises LabError: a key cannot be generated.
    """
    files = {}
    for container in containers:
        public_keys = (*keys.student_public_keys(lab, container.student), *keys.of_lab(lab).accepted)
        host_key = keys.container_host_key(lab, container.name)
        owner = container_user(container.ssh_port)
        # sshd runs as the student's account in the container, so the key belongs to that account.
        files[f"{container.name}/host_key"] = AccessFile(host_key.private.read_bytes(), 0o400, owner)
        authorized_keys = "".join(f"{key}\n" for key in public_keys)
        files[f"{container.name}/authorized_keys"] = AccessFile(authorized_keys.encode(), 0o444, owner)
    return files


def with_revoked_keys(lab: str, plan: Plan) -> Plan:
    """Return the part of a plan whose machines an old key has opened: that of the lab, or of its student.

    :param lab: the lab's name.
    :param plan: who has which machine.
    :return: the machines where sessions may go on that the old key has opened.
    """
    if keys.of_lab(lab).revoked:
        return plan
    students = {machine.student for machine in plan.machines}
    return plan.of_students(
        {student.login for student in students if keys.of_student(lab, student.login).revoked}
    )


def site_users(lab: Lab) -> dict[str, AccessFile]:
    """Return the password files of the lab's site.

    :param lab: the lab.
    :return: files by path below :func:`minetlab.resources.docker.access_folder`.
    :raises LabError: a password's file cannot be written, or has wrong content.
    """
    logins = sorted(student.login for student in lab.students)
    student_lines = (passwords.student(lab.name, login).line for login in logins)
    files = {site.STUDENTS: "".join(student_lines), site.INSTRUCTOR: passwords.instructor(lab.name).line}
    folder = site.container_name(lab.name)
    return {
        f"{folder}/{name}": AccessFile(text.encode(), 0o400, site.WEB_SERVER_UID)
        for name, text in files.items()
    }


def site_tls(lab: Lab, host: ContainerHost) -> dict[str, AccessFile]:
    """Return the files of the site's certificate on a host, and of its private key.

    :param lab: the lab.
    :param host: a host that serves the site.
    :return: files by path below :func:`minetlab.resources.docker.access_folder`.
    :raises LabError: group data names a certificate that is not good, or a file cannot be written.
    """
    certificate = certificates.site_certificate(lab, host)
    folder = site.container_name(lab.name)
    return {
        f"{folder}/{name}": AccessFile(text.encode(), 0o400, site.WEB_SERVER_UID)
        for name, text in ((site.TLS_CHAIN, certificate.chain), (site.TLS_KEY, certificate.key))
    }


def jump_keys(lab: Lab, plan: Plan, host: str) -> str:
    """Return the jump account's file of keys on a host.

    :param lab: the lab.
    :param plan: who has which machine.
    :param host: the host's name.
    :return: content of the file; empty if no student needs the account on this host.
    :raises LabError: a key cannot be generated.
    """
    targets = jump.jump_targets(lab, plan, host)
    students = [student for student in lab.students if student.login in targets]
    public_keys = {student.login: keys.student_public_keys(lab.name, student) for student in students}
    return jump.authorized_keys(targets, public_keys)


def firewall_spec(lab: Lab, plan: Plan, host: str) -> FirewallSpec:
    """Return the lab's firewall on a host; it has no files if the lab has no machines there.

    :param lab: the lab.
    :param plan: who has which machine.
    :param host: the host's name.
    :return: the firewall as desired.
    """
    segments = firewall.segments(lab, plan, host)
    if not segments:
        return FirewallSpec(lab.name)
    rules, script, service, names_service, timer = firewall.files(lab.name)
    names = script if any(segment.names for segment in segments) else ""
    values = {
        "lab": lab.name,
        "segments": segments,
        "table": firewall.table(lab.name),
        "connections": firewall.MAX_CONNECTIONS,
        "questions": firewall.MAX_QUESTIONS,
        "conversations": firewall.MAX_CONVERSATIONS,
        "visits": firewall.MAX_VISITS,
        "logins": firewall.MAX_LOGINS,
        "students": lab.student_networks,
        "rules": rules,
        "names": names,
        "bridged": any(segment.machines for segment in segments),
        "service": firewall.service(lab.name),
    }
    digest = _digest(render("firewall/rules.nft.j2", **values, digest=""))
    files = {
        rules: render("firewall/rules.nft.j2", **values, digest=digest),
        service: render("firewall/service.j2", **values),
    }
    if names:
        files |= {
            script: render("firewall/names.sh.j2", **values),
            names_service: render("firewall/names.service.j2", **values),
            timer: render("firewall/names.timer.j2", **values),
        }
    return FirewallSpec(lab.name, files, digest)


def _labelled(values: dict[str, Any], digest: str) -> dict[str, Any]:
    return {**values, "namespace": METADATA, "spec": digest}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
