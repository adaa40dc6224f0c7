#!/bin/sh
# Has the guests of a sandbox host stand still, so that none of its processors is inside of one: all that libvirt runs is
# in this control group (cgroup v2's freezer, cgroups(7)). resume.sh has them go on. Should the run end that wants the
# host saved, before it does that, they go on by themselves after a minute of the host's own time.
set -eu

guests=/sys/fs/cgroup/machine.slice
[ -e $guests/cgroup.freeze ] || exit 0
thaw=/run/minetlab-thaw.pid
setsid sh -c "sleep 60; rm -f $thaw; echo 0 >$guests/cgroup.freeze" </dev/null >/dev/null 2>&1 &
echo $! >$thaw
echo 1 >$guests/cgroup.freeze
timeout 20 sh -c "until grep -qx 'frozen 1' $guests/cgroup.events; do sleep 0.02; done"
