"""The lab's firewall, on a host that answers from a script."""

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from minetlab.lab import Lab
from minetlab.operations import firewall, specs
from minetlab.plan import allocate
from minetlab.resources.firewall import FirewallSpec, files, service
from tests.support.fake_host import Operation, Run, run_operation
from tests.support.places import lab_of

STATE = "@loaded"
HOST = "@fake/ct1"
RULES, SCRIPT, SERVICE, NAMES_SERVICE, TIMER = files("lab")
RELOAD = "systemctl reload-or-restart minet-lab-lab.service"


def lab_with(host: str = HOST, **guests: Any) -> Lab:
    """A lab of two students, whose guests are on the host."""
    lab = lab_of(("alice", "bob"))
    (before,) = lab.kvm_hosts
    kvm_host = before.model_copy(update={"name": host, "settings": before.settings.model_copy(update=guests)})
    changed: Lab = lab.model_copy(update={"kvm_hosts": (kvm_host,)})
    return changed


def spec_of(lab: Lab) -> FirewallSpec:
    return specs.firewall_spec(lab, allocate(lab), HOST)


def said(content: Mapping[str, str], enabled: tuple[str, ...] = (), loaded: str = "") -> list[str]:
    """What a host says that has these files, units and rules."""
    lines = [
        line
        for path, text in content.items()
        for line in (f"@{path}", *(f" {each}" for each in text.splitlines()))
    ]
    lines += [line for unit in enabled for line in (f"@enabled {unit}", " enabled")]
    return [*lines, f"@enabled {TIMER.rpartition('/')[2]}", "@loaded", *([f" {loaded}"] if loaded else [])]


def run(lab: Lab, lines: list[str], operation: Operation = firewall.load) -> Run:
    arguments = {"lab": lab, "plan": allocate(lab)} if operation is firewall.load else {"lab": lab.name}
    return run_operation(operation, {STATE: lines}, **arguments)


def test_a_host_gets_files_units_and_rules_and_then_is_left_alone() -> None:
    lab = lab_with()
    spec = spec_of(lab)
    assert set(spec.files) == {RULES, SERVICE}
    files, enable, reload = run(lab, said({})).commands[1:]
    assert files.index(f"mv -f {RULES}.new {RULES}") < files.index("systemctl daemon-reload")
    assert (enable, reload) == (f"systemctl enable --now {service('lab')}", RELOAD)
    whole = said(spec.files, (service("lab"),), spec.digest)
    assert run(lab, whole).idle


def test_rules_of_other_settings_are_replaced_at_once() -> None:
    before, after = spec_of(lab_with()), lab_with(egress=(IPv4Network("192.0.2.0/24"),))
    commands = run(after, said(before.files, (service("lab"),), before.digest)).commands[1:]
    assert [command.split(" && ")[-1] for command in commands] == ["systemctl daemon-reload", RELOAD]
    assert SERVICE not in commands[0]


def test_rules_that_somebody_removed_are_loaded_again() -> None:
    spec = spec_of(lab_with())
    for loaded in ("", "of another lab"):
        assert run(lab_with(), said(spec.files, (service("lab"),), loaded)).commands[1:] == [RELOAD]


def test_names_are_looked_up_again_and_again_as_long_as_there_are_some() -> None:
    lab = lab_with(egress=("deb.debian.org",))
    spec = spec_of(lab)
    timer = TIMER.rpartition("/")[2]
    assert set(spec.files) == {RULES, SCRIPT, SERVICE, NAMES_SERVICE, TIMER}
    _, enable, _ = run(lab, said({})).commands[1:]
    assert enable == f"systemctl enable --now {timer} {service('lab')}"
    disable, remove, *_ = run(lab_with(), said(spec.files, (service("lab"), timer), spec.digest)).commands[1:]
    assert disable == f"systemctl disable --now {timer}"
    assert remove == f"rm -f {SCRIPT} {NAMES_SERVICE} {TIMER} && systemctl daemon-reload"


def test_a_host_without_machines_of_the_lab_has_no_rules() -> None:
    spec, elsewhere = spec_of(lab_with()), lab_with("hv7")
    here = said(spec.files, (service("lab"),), spec.digest)
    removed = [
        f"systemctl disable --now {service('lab')}",
        f"rm -f {RULES} {SERVICE} && systemctl daemon-reload",
    ]
    assert run(elsewhere, here).commands[1:] == removed
    assert run(lab_with(), here, firewall.remove).commands[1:] == removed
    assert run(elsewhere, said({})).noops == ("the rules are loaded",)
    assert run(elsewhere, said({}), firewall.remove).noops == ("there are no rules",)


def test_guests_on_a_bridge_of_the_host_are_told_from_others_by_their_addresses() -> None:
    network = {"mode": "bridge", "bridge": "br0", "subnet": "192.0.2.0/24", "gateway": "192.0.2.1"}
    settings = type(lab_with().kvm_hosts[0].settings).model_validate(
        {"guest_network": {**network, "nameservers": ["192.0.2.1"]}}
    )
    lab = lab_with(guest_network=settings.guest_network)
    addresses = [str(guest.address.ip) for guest in allocate(lab).guests]
    rules = spec_of(lab).files[RULES]
    assert f'iifname "br0" ip saddr {{ {", ".join(addresses)} }} jump br0-to-host' in rules
    assert f"ether saddr {{ {', '.join(guest.mac for guest in allocate(lab).guests)} }} jump beyond" in rules
    nobody = lab.model_copy(update={"students": ()})
    assert spec_of(nobody).files == {}
