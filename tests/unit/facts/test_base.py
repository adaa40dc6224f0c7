"""A host whose answer cannot be read fails, whatever it has answered, and no other host does."""

from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from minetlab.facts.access import AccessFiles
from minetlab.facts.base import HostFact
from minetlab.facts.docker import DockerRoom, DockerState
from minetlab.facts.jump import JumpState
from minetlab.facts.kvm import IdleProcessors, KvmModule
from minetlab.facts.libvirt import FailedBoots, LibvirtState
from minetlab.facts.lock import LockHolder
from minetlab.facts.packages import DebianPackages


@pytest.mark.parametrize(
    ("fact", "lines"),
    [
        (AccessFiles(), ["digest-without-a-path"]),
        (DebianPackages(), []),
        (DockerRoom(), ["much"]),
        (DockerState(), ['"container"']),
        (DockerState(), ["[" * 100_000]),
        (DockerState(), ['{"kind": ["container"]}']),
        (DockerState(), ['{"kind":"container","name":{},"state":"","lab":""}']),
        (DockerState(), ['{"kind":"container","name":"a","state":5,"lab":""}']),
        (FailedBoots(), ["off"]),
        (IdleProcessors(), ["4", "cpu 1"]),
        (JumpState(), ["account nobody"]),
        (KvmModule(), ["users many"]),
        (LibvirtState(), ["@services", "ActiveState=active", "UnitFileState=enabled"]),
        (LibvirtState(), ["@memory", "9" * 5000]),
        (LibvirtState(), ["@xml", "<a>\x00</a>"]),
    ],
)
def test_an_answer_that_cannot_be_read_fails_its_host(fact: HostFact[Any], lines: list[str]) -> None:
    with pytest.raises(FactProcessError, match="the host's answer cannot be read: ") as refused:
        fact.process(lines)
    assert "\x00" not in str(refused.value)


def test_what_is_read_is_the_facts_value() -> None:
    assert DockerRoom().process(["12"]) == 12
    assert LockHolder().process(["held", "x", "["]) is not None  # it knows by itself what to make of this
