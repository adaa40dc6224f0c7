#!/bin/sh
# Un processus en crée un autre, qui en crée un autre… puis le dernier montre l'arbre.
# Usage : ./test.sh [PROFONDEUR]

profondeur=${1:-4}
if [ "$profondeur" -gt 1 ]; then
    "$0" $((profondeur - 1))
else
    pstree --ascii --show-pids --arguments --show-parents $$
fi
