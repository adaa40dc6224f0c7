#!/bin/sh
# Makes a sandbox host that has just booted fit to be saved as the state that other hosts go on from.
# Arguments: the inventory's groups that those are of. Their daemons are enabled, as Debian's packages do it, and have
# run once, so that what they make at their first start is there; resume.sh starts them, as each makes up or reads
# identifiers when it starts.
set -eu

for group in "$@"; do
    case $group in
    kvm_hosts)
        for module in kvm_intel kvm_amd; do
            modprobe --quiet "$module" nested=1 && break
        done
        systemctl enable --now libvirtd.service libvirtd.socket
        # libvirt asks QEMU what it can do, which takes seconds, and remembers the answer.
        virsh --connect qemu:///system domcapabilities >/dev/null
        systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket
        sed -i '/<uuid>/d; /<mac /d' /etc/libvirt/qemu/networks/*.xml
        ;;
    container_hosts)
        systemctl enable --now docker.service
        systemctl stop docker.service docker.socket
        rm -rf /var/lib/docker/engine-id /var/lib/docker/network
        ;;
    esac
done

# Nobody is let in until resume.sh has made the host another one: what was this one's own goes.
systemctl stop ssh.service
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /var/lib/systemd/random-seed
: >/etc/machine-id
sync
