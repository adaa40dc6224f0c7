#!/bin/sh
# What stands here: a line "guest NAME STATE DISKS INTERFACES" each, and "container NAME STATE PORTS".
virsh -q list --all --name | while read -r name; do
    [ -n "$name" ] || continue
    state=$(virsh -q domstate "$name" | tr -d '\n ')
    echo "guest $name $state $(virsh -q domblklist "$name" | grep -c .) $(virsh -q domiflist "$name" | grep -c .)"
done
docker ps --all --format '{{.Names}} {{.State}} {{.Ports}}' | sed 's/^/container /'
