#!/bin/sh
# Fails unless the guest that tick.sh has started says something more within a minute.
set -eu

count() { grep -c tick /run/minetlab-tick.log; }
before=$(count)
export before
systemctl --quiet is-active minetlab-tick.service
for _ in $(seq 120); do
    [ "$(count)" -gt $((before + 2)) ] && exit 0
    sleep 0.5
done
echo "the guest says nothing more" >&2
exit 1
