"""Guests by libvirt's own API, as many at once as pay: floor_guests.py create|define|compare|remove SIZE."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libvirt

HERE = Path(__file__).parent
THREADS = 8
DOMAIN, VOLUME = ((HERE / name).read_text() for name in ("domain.xml", "volume.xml"))
SEED = "<volume><name>{}-seed.iso</name><capacity>{}</capacity><target><format type='raw'/></target></volume>"
_of_thread = threading.local()


def connection() -> libvirt.virConnect:
    """A connection a thread: libvirtd answers five requests of each at once."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = libvirt.open("qemu:///system")
    return _of_thread.connection


def make(name: str, start: bool) -> None:
    """Make one guest: disk, seed, definition; and start it, if told to."""
    pool = connection().storagePoolLookupByName("bench")
    pool.createXML(VOLUME.replace("{{ guest }}", name))
    seed = (HERE / "seed.iso").read_bytes()
    volume = pool.createXML(SEED.format(name, len(seed)))
    stream = connection().newStream()
    volume.upload(stream, 0, len(seed))
    stream.send(seed)
    stream.finish()
    domain = connection().defineXML(DOMAIN.replace("{{ guest }}", name))
    domain.setAutostart(int(start))
    if start:
        domain.create()


def remove(domain: libvirt.virDomain) -> None:
    """Remove one guest, with its volumes."""
    own = connection().lookupByUUID(domain.UUID())
    name = own.name()
    if own.isActive():
        own.destroy()
    own.undefine()
    pool = connection().storagePoolLookupByName("bench")
    for volume in (f"{name}.qcow2", f"{name}-seed.iso"):
        pool.storageVolLookupByName(volume).delete()


def compare(names: list[str]) -> None:
    """Read all that there is, and see that nothing is missing."""
    domains = connection().listAllDomains()
    there = {domain.name(): domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE) for domain in domains}
    pool = connection().storagePoolLookupByName("bench")
    volumes = {volume.name(): volume.XMLDesc() for volume in pool.listAllVolumes()}
    connection().networkLookupByName("bench").XMLDesc()
    missing = [name for name in names if name not in there or f"{name}.qcow2" not in volumes]
    if missing:
        sys.exit(f"missing: {missing}")


def main(verb: str, size: str) -> None:
    """Do it."""
    names = [f"student{number:04}" for number in range(1, int(size) + 1)]
    with ThreadPoolExecutor(THREADS) as pool:
        if verb == "compare":
            compare(names)
        elif verb == "remove":
            list(pool.map(remove, connection().listAllDomains()))
        else:
            list(pool.map(lambda name: make(name, verb == "create"), names))


if __name__ == "__main__":
    main(*sys.argv[1:])
