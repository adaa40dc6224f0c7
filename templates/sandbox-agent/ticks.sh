#!/bin/sh
# Fails unless the guest that tick.sh has started says something more within five minutes.
set -eu

log=/run/minetlab-tick.log
count() { grep -c tick $log; }
before=$(count)
for _ in $(seq 600); do
    systemctl --quiet is-active minetlab-tick.service || break
    [ "$(count)" -gt $((before + 2)) ] && exit 0
    sleep 0.5
done
echo "the guest says nothing more; it had said tick $before times, now $(count) times, and last: $(tail -n 3 $log)" >&2
exit 1
