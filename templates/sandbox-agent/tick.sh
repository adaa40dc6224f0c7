#!/bin/sh
# Starts a guest in a sandbox host that says something again and again, to see whether it goes on with its host.
# It runs the host's own kernel on the host's own disk, of which it changes nothing.
set -eu

# It computes between two ticks: a host whose processor is inside a guest is the hardest to save.
tick='while :; do echo tick; n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; done'

modprobe --quiet kvm_amd || modprobe kvm_intel
systemd-run --quiet --unit=minetlab-tick --slice=machine.slice -- qemu-system-x86_64 -nodefaults -no-user-config -display none \
    -machine q35 -accel kvm -cpu host -m 256 -serial file:/run/minetlab-tick.log \
    -drive file=/dev/vda,format=raw,if=virtio,snapshot=on -kernel /vmlinuz -initrd /initrd.img \
    -append "console=ttyS0 quiet root=/dev/vda1 ro init=/bin/sh -- -c \"$tick\""
timeout 600 sh -c 'until grep -q tick /run/minetlab-tick.log; do sleep 0.5; done'
