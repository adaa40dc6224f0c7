#!/bin/sh
# Run in a sandbox host as soon as a saved state of it goes on.
# Arguments: the time, in seconds since 1970; the seconds that guests may take to have their clocks set. Where the host is
# to become another one than that which was saved: `new` and the inventory's groups that it is of; standard input is then
# a tar archive of who it is.
set -eu

date --utc --set="@$1" >/dev/null
limit=$2
shift 2

# freeze.sh has had the guests stand still, or still does: the run that wanted it was interrupted.
for process in /run/minetlab-stopping.pid /run/minetlab-stopped-for.pid; do
    kill "$(cat $process 2>/dev/null)" 2>/dev/null || true
    rm -f $process
done
if [ -d /sys/fs/cgroup/machine.slice ]; then
    find /sys/fs/cgroup/machine.slice -name cgroup.procs -exec cat {} + 2>/dev/null | xargs -r kill -CONT 2>/dev/null || true
fi
rm -f /run/minetlab-stopped

if [ "${1:-}" = new ]; then
    shift
    umask 077
    identity=$(mktemp -d /run/minetlab-identity.XXXXXX)
    trap 'rm -rf "$identity"' EXIT
    tar --extract --directory "$identity"
    install -m 644 "$identity/minetlab.machine_id" /etc/machine-id
    minetlab-identity "$identity"
    # These have read the machine's identifier, and write it down.
    rm -rf /var/log/journal/*
    systemctl restart systemd-journald.service systemd-networkd.service
    systemctl start ssh.service
    for group in "$@"; do
        case $group in
        kvm_hosts) systemctl start --no-block libvirtd.service libvirtd.socket ;;
        container_hosts) systemctl start --no-block docker.service ;;
        esac
    done
    exit
fi

# Guests have slept as long as their host. libvirtd may have ended meanwhile, for want of anybody who asks it something.
if ls /run/libvirt/qemu/*.pid >/dev/null 2>&1; then
    running=$(timeout "$limit" virsh --quiet --connect qemu:///system list --name)
    wrong=$(mktemp)
    for guest in $running; do
        timeout "$limit" virsh --quiet --connect qemu:///system domtime "$guest" --now >/dev/null 2>&1 ||
            echo "$guest" >>"$wrong" &
    done
    wait
    guests=$(xargs <"$wrong")
    rm "$wrong"
    [ -z "$guests" ] || { echo "the clocks of these guests are not set: $guests" >&2; exit 1; }
fi
