"""The limits of slices, of hosts that answer from a script."""

from minetlab.checks.slices import Slices
from minetlab.ssh.backend import connect
from tests.support.answering import AnsweringBackend


def slices_of(answer: str) -> Slices:
    slices: Slices = Slices.on(connect(AnsweringBackend("ct1", {"/sys/fs/cgroup": answer})))
    return slices


def test_a_host_without_containers_has_none() -> None:
    slices = slices_of("")
    assert (slices.weights(), slices.of_disks("a.slice"), slices.limits("a.slice", "io.max")) == ({}, [], [])


def test_of_each_slice_its_own_are_read() -> None:
    lines = "l.slice/l-a.slice/io.max:8:0 rbps=1 wbps=max\nl.slice/l-ba.slice/io.max:8:0 rbps=2\n"
    slices = slices_of(f"{lines}l.slice/l-a.slice/memory.swap.max:0\n")
    assert slices.of_disks("l-a.slice") == [{"rbps": "1", "wbps": "max"}]
    assert slices.limits("l-a.slice", "memory.swap.max") == ["0"]
    assert slices.limits("a.slice", "memory.swap.max") == []
