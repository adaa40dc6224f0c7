#!/bin/sh
# Un processus en crée un autre, qui en crée un autre… et le dernier montre l'arbre.
# Usage : ./test.sh [PROFONDEUR]

profondeur=${1:-4}
racine=${2:-$PPID}
if [ "$profondeur" -gt 1 ]; then
    "$0" $((profondeur - 1)) "$racine"
else
    pstree --long --unicode --show-pids "$racine"
fi
