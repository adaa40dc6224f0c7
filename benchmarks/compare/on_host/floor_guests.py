"""Create, define, compare or remove guests by libvirt's API, in as many threads as are useful.

Usage: floor_guests.py create|define|compare|remove SIZE
"""

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
    """Return this thread's own connection, as libvirtd handles only five requests of one at a time."""
    if not hasattr(_of_thread, "connection"):
        _of_thread.connection = libvirt.open("qemu:///system")
    return _of_thread.connection


def make(name: str, start: bool) -> None:
    """Make one guest, with its disk, seed and definition, and start it if ``start`` is true."""
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
    own_domain = connection().lookupByUUID(domain.UUID())  # by this thread's connection
    name = own_domain.name()
    if own_domain.isActive():
        own_domain.destroy()
    own_domain.undefine()
    pool = connection().storagePoolLookupByName("bench")
    for volume in (f"{name}.qcow2", f"{name}-seed.iso"):
        pool.storageVolLookupByName(volume).delete()


def compare(names: list[str]) -> None:
    """Read everything on the host, and end with an error if a guest or a disk is missing."""
    domains = {
        domain.name(): domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        for domain in connection().listAllDomains()
    }
    pool = connection().storagePoolLookupByName("bench")
    volumes = {volume.name(): volume.XMLDesc() for volume in pool.listAllVolumes()}
    connection().networkLookupByName("bench").XMLDesc()
    missing = [name for name in names if name not in domains or f"{name}.qcow2" not in volumes]
    if missing:
        sys.exit(f"missing: {missing}")


def main(verb: str, size: str) -> None:
    """Create, define, compare or remove this number of guests."""
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
