"""Check the SSH host key of a real host: whether it is pinned, and whether the host shows it."""

from collections.abc import Iterator

from minetlab.inventory.hosts import InventoryHost
from minetlab.preflight.findings import Finding, Severity
from minetlab.ssh import ssh_config
from minetlab.ssh.host_keys import Endpoint, HostKey, KnownKeys, known, scan, to_pin

HOST_KEY_CHECK = "host key"


def pinned(host: InventoryHost) -> Iterator[Finding]:
    """Say by which key a host was believed that has answered; of a sandbox host there is nothing to say."""
    if host.is_real:
        endpoint = ssh_config.endpoint(host)
        believed = known(endpoint)
        if believed.keys:
            message = f"{to_pin(believed.keys)} is pinned in {believed.file}"
            yield Finding(endpoint.alias, HOST_KEY_CHECK, Severity.OK, message)


def problem(host: InventoryHost) -> Finding | None:
    """Look whether a host was not reached because of its key.

    :param host: a host that SSH has not reached.
    :return: the problem with its key, with the fingerprints to compare; None if the key is not the reason.
    """
    if not host.is_real:
        return None
    endpoint = ssh_config.endpoint(host)
    believed, shown = known(endpoint), scan(endpoint)
    if believed.keys:
        changed = bool(shown) and not set(shown) & set(believed.keys)
        return _changed(endpoint, believed, shown) if changed else None
    if shown:
        return _unknown(endpoint, to_pin(shown))
    return _hidden(endpoint) if endpoint.proxied else None


def _changed(host: Endpoint, believed: KnownKeys, shown: tuple[HostKey, ...]) -> Finding:
    expected = to_pin(believed.keys)
    of_same_type = [key for key in shown if key.type == expected.type]
    message = (
        f"it shows {to_pin(of_same_type or shown)}, but {expected} is pinned in {believed.file}: "
        "somebody may be in between"
    )
    removals = "; ".join(f"ssh-keygen -f {believed.file} -R '{name}'" for name in host.names)
    next_step = (
        "log in nowhere until you know why. If the host was installed anew, remove the old key: "
        f"{removals}; then ./lab check --pin"
    )
    return Finding(host.alias, HOST_KEY_CHECK, Severity.PROBLEM, message, next_step)


def _unknown(host: Endpoint, key: HostKey) -> Finding:
    message = f"it shows {key}, which is not pinned yet"
    next_step = f"compare it: {how_to_compare(key)}; then pin it: ./lab check --pin"
    return Finding(host.alias, HOST_KEY_CHECK, Severity.PROBLEM, message, next_step)


def _hidden(host: Endpoint) -> Finding:
    message = "its key is not pinned yet, and cannot be asked for, as the host is behind another one"
    next_step = (
        f"log in once with your own ssh ({host.alias}), compare what it shows, and answer yes: that counts"
    )
    return Finding(host.alias, HOST_KEY_CHECK, Severity.PROBLEM, message, next_step)


def how_to_compare(key: HostKey) -> str:
    """Return what an administrator types at a host's own console, to see the fingerprint of its key."""
    file = f"/etc/ssh/ssh_host_{key.short_type.lower()}_key.pub"
    return f"on the host's own console, ssh-keygen -lf {file} prints it"
