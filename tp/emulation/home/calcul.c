/* Compte les nombres premiers, et dit combien de temps cela a pris. Le même calcul pour toutes les machines. */
#include <stdio.h>
#include <time.h>

#define LIMITE 10000000

static char barre[LIMITE];

static int premiers(void)
{
    int compte = 0;
    for (int n = 2; n < LIMITE; n++) {
        if (barre[n])
            continue;
        compte++;
        for (int multiple = 2 * n; multiple < LIMITE; multiple += n)
            barre[multiple] = 1;
    }
    return compte;
}

static double secondes(void)
{
    struct timespec maintenant;
    clock_gettime(CLOCK_MONOTONIC, &maintenant);
    return maintenant.tv_sec + maintenant.tv_nsec / 1e9;
}

int main(void)
{
    double debut = secondes();
    int compte = premiers();
    double duree = secondes() - debut;
    printf("%d nombres premiers sous %d\n", compte, LIMITE);
    printf("durée : %.3f s\n", duree);
    return 0;
}
