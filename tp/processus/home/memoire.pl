#!/usr/bin/perl
# Deux processus, la même adresse virtuelle, deux valeurs.
use strict;
use warnings;

my $valeur = 1;
my $enfant = fork;    # à partir d'ici il y a deux processus ; fork renvoie 0 à l'enfant

if ($enfant) {
    waitpid $enfant, 0;
} else {
    $valeur = 2;
}

my $qui = $enfant ? "parent" : "enfant";
printf "%s, PID %d : à l'adresse 0x%x se trouve la valeur %d\n", $qui, $$, \$valeur, $valeur;
