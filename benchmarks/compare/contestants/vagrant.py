"""Vagrant, with its plugin for libvirt."""

from benchmarks.compare.contestant import ON_HOST, Command, Contestant
from benchmarks.compare.rows import HostLoad, Verb

_FOLDER = f"{ON_HOST}/vagrant"
_SEED = "/var/lib/libvirt/images/vagrant-seed.iso"
_VAGRANTFILE = f"""Vagrant.configure("2") do |config|
  config.vm.box = "base"
  config.vm.synced_folder ".", "/vagrant", disabled: true
  config.vm.communicator = "none"
  config.vm.provider :libvirt do |libvirt|
    libvirt.driver = "qemu"
    libvirt.uri = "qemu:///system"
    libvirt.cpus = 1
    libvirt.memory = 256
    libvirt.cpu_mode = "custom"
    libvirt.cpu_model = "kvm64"
    libvirt.storage_pool_name = "bench"
    libvirt.graphics_type = "none"
    libvirt.storage :file, device: :cdrom, path: "{_SEED}"
  end
  (1..ENV["SIZE"].to_i).each do |number|
    config.vm.define format("student%04d", number)
  end
end
"""
_BOX = f"""
mkdir -p {ON_HOST}/box && cd {ON_HOST}/box
cp /var/lib/libvirt/images/bench/base.qcow2 box.img
cp {ON_HOST}/seed.iso {_SEED}
echo '{{"provider": "libvirt", "format": "qcow2", "virtual_size": 1}}' >metadata.json
: >Vagrantfile
tar -czf ../base.box metadata.json Vagrantfile box.img
"""


class Vagrant(Contestant):
    """Debian's vagrant and vagrant-libvirt."""

    name = "vagrant-libvirt"
    how = (
        "Debian's `vagrant up --parallel` on the host itself. It waits for an address of each guest, "
        "which nothing in them asks for: its clock stops when it has said so of each. For the same reason it "
        "is neither given again nor timed when it removes them, which takes twenty seconds a guest. All "
        "guests have the same seed."
    )
    kinds = frozenset({"guests"})
    verbs = frozenset({"create"})
    versions = (
        "vagrant --version 2>/dev/null",
        "dpkg-query --show --showformat '${Package} ${Version}' vagrant-libvirt",
    )

    def prepare(self) -> None:
        """Make a box of the base image."""
        self.arena.host.run(_BOX)
        self.arena.write(f"{_FOLDER}/Vagrantfile", _VAGRANTFILE)
        self.arena.host.run(self._vagrant(f"box add --name base {ON_HOST}/base.box", 0))

    def before(self, verb: Verb, load: HostLoad) -> None:
        """Delete Vagrant's record of the guests of the last round."""
        self.arena.host.run(f"rm -rf {_FOLDER}/.vagrant")

    def command(self, verb: Verb, load: HostLoad) -> Command:
        """Return the command that creates the guests; there is no other that can be timed."""
        up = self._vagrant("up --provider libvirt --parallel", load.size)
        return self.on_host_until(up, "Waiting for domain to get an IP address", times=load.size)

    @staticmethod
    def _vagrant(arguments: str, size: int) -> str:
        variables = (
            f"LC_ALL=C.UTF-8 VAGRANT_HOME={ON_HOST}/vagrant.d VAGRANT_CHECKPOINT_DISABLE=1 SIZE={size}"
        )
        return f"cd {_FOLDER} && {variables} vagrant --no-color {arguments}"
