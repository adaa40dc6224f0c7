#!/bin/sh
# What every contestant finds on its host: a pool with the base image, networks, the containers' image and keys.
set -eu
here=$(dirname "$0")
images=/var/lib/libvirt/images/bench
access=/srv/bench/access

mkdir -p "$images" "$access"
mv "$here/base.qcow2" "$images/base.qcow2"
genisoimage -quiet -volid cidata -joliet -rock -output "$here/seed.iso" "$here/user-data" "$here/meta-data"
virsh -q pool-define "$here/pool.xml"
virsh -q pool-start bench
virsh -q pool-autostart bench
virsh -q net-define "$here/network.xml"
virsh -q net-start bench
virsh -q net-autostart bench

ssh-keygen -q -t ed25519 -N '' -f "$access/host_key"
cp "$access/host_key.pub" "$access/authorized_keys"
chown 1000 "$access/host_key"
docker network create --opt com.docker.network.bridge.name=dbr-bench bench >/dev/null
docker import --change 'USER etudiant' --change 'WORKDIR /home/etudiant' --change 'ENV LANG=C.UTF-8 SHELL=/bin/zsh' \
    --change 'CMD ["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/minet-lab/sshd_config"]' \
    "$here/student.tar.gz" bench/student >/dev/null
