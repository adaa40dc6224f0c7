"""Facts about a host's hardware virtualization."""

from minetlab.facts.base import HostFact
from minetlab.resources.kvm import MODULES, KvmObserved
from minetlab.resources.layout import Layout
from minetlab.resources.printed import text, values_by_key

# QEMU runs as libvirt-qemu with the group kvm; until libvirt is installed, root tries /dev/kvm instead.
_COMMAND = """
echo "vendor $(sed -n 's/^vendor_id[[:space:]]*: //p' /proc/cpuinfo | head -n 1)"
echo "feature $(grep -m 1 -o -w -E 'svm|vmx' /proc/cpuinfo | head -n 1)"
for module in {modules}; do
    folder=/sys/module/$module
    [ -d $folder ] && echo "loaded $module" &&
        echo "nested $(cat $folder/parameters/nested)" && echo "users $(cat $folder/refcnt)"
done
as=
id libvirt-qemu >/dev/null 2>&1 && as='setpriv --reuid=libvirt-qemu --regid=kvm --clear-groups'
[ -c /dev/kvm ] && $as sh -c ': <>/dev/kvm' 2>/dev/null && echo "device yes"
[ "$(systemd-detect-virt --vm 2>/dev/null)" = qemu ] && echo "emulated yes"
sed 's/^/options /' {options} 2>/dev/null
sed 's/^/autoload /' {autoload} 2>/dev/null
true
"""


class KvmModule(HostFact[KvmObserved]):
    """The CPU's virtualization feature, KVM's module and its settings, and whether /dev/kvm can be used."""

    default = KvmObserved

    def command(self, lab: str) -> str:
        """Return a command that prints lines of the form ``key value``."""
        layout = Layout(lab)
        return _COMMAND.format(
            modules=" ".join(MODULES.values()), options=layout.modprobe_options, autoload=layout.modules_load
        )

    def parse(self, output: list[str]) -> KvmObserved:
        """Parse the lines; those of a file have the same key."""
        values = values_by_key(output)

        def first(key: str) -> str:
            return values.get(key, [""])[0].strip()

        feature = first("feature") or None
        return KvmObserved(
            vendor=first("vendor"),
            feature=feature,
            loaded=MODULES.get(feature or "") in values.get("loaded", []),
            nested=first("nested") in {"1", "Y"},
            users=int(first("users") or 0),
            device=first("device") == "yes",
            emulated=first("emulated") == "yes",
            options=text(values.get("options", [])),
            autoload=text(values.get("autoload", [])),
        )


class IdleProcessors(HostFact[float]):
    """How many of the host's processors had nothing to do for a moment, such as 1.7 of 2."""

    default = float

    def command(self) -> str:
        """Return a command that prints how many processors there are, and twice their times: proc(5)."""
        return "nproc; grep '^cpu ' /proc/stat; sleep 0.3; grep '^cpu ' /proc/stat"

    def parse(self, output: list[str]) -> float:
        """Compute from both times how long processors were idle, or waited for disks."""
        processors, *lines = output
        before, after = ([int(word) for word in line.split()[1:9]] for line in lines)
        spent = [later - earlier for earlier, later in zip(before, after, strict=True)]
        idle, waiting_for_disks = spent[3], spent[4]
        return int(processors) * (idle + waiting_for_disks) / max(sum(spent), 1)
