#!/bin/sh
# Has the guests of a sandbox host stand still, so that none of its processors is inside of one: stops the programs that
# libvirt runs, which are in this control group. The group's freezer would do the same, but on Linux 6.1 it never reports
# that it is done, as it cannot freeze a thread of KVM's. resume.sh has the guests go on; if it is not run, because the
# run that was saving the host was killed, they go on by themselves after a minute of the host's own time.
set -eu

stopped=/run/minetlab-stopped
[ -d /sys/fs/cgroup/machine.slice ] || exit 0
timer=/run/minetlab-stopped-for.pid
kill "$(cat $timer 2>/dev/null)" 2>/dev/null || true # of a run that was killed
echo $$ >/run/minetlab-stopping.pid                  # resume.sh ends this if it is not done by then
trap 'rm -f /run/minetlab-stopping.pid' EXIT
programs() {
    for process in $(find /sys/fs/cgroup/machine.slice -name cgroup.procs -exec cat {} + 2>/dev/null); do
        if readlink "/proc/$process/exe" >/dev/null; then # a program, and no thread of the kernel
            echo "$process"
        fi
    done
}
running() {
    for process in $(cat $stopped); do
        grep -hs '^State:' "/proc/$process"/task/*/status
    done | grep -v '(stopped)'
}

programs >$stopped
[ -s $stopped ] || exit 0
setsid sh -c "sleep 60; rm -f $timer; xargs kill -CONT <$stopped" </dev/null >/dev/null 2>&1 &
echo $! >$timer
tries=0
while
    xargs kill -STOP <$stopped || true # one may have ended
    programs >$stopped                 # one may have started meanwhile
    running >/dev/null
do
    tries=$((tries + 1))
    [ $tries -lt 60 ] || { echo "guests still run: $(running)" >&2; exit 1; }
    sleep 0.05
done
