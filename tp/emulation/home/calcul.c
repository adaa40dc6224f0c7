/* Mesure ce que coûtent trois charges, chacune l'affaire d'une autre partie de la machine. Le même programme
 * pour toutes les machines.
 *
 * Usage : calcul       les trois charges
 *         calcul -     celles dont l'entrée standard donne les noms, l'une après l'autre, jusqu'à « fin »
 *         calcul +     compte les secondes
 *
 * Lancé par un noyau comme tout premier processus, il arrête la machine quand il a fini. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LIMITE 10000
#define APPELS 1000
#define PAGES 64
#define PAGE 4096
#define FOIS 100000

/* Des additions, des comparaisons, des sauts : le processeur, et rien d'autre. */
static int nombres_premiers(void)
{
    static char barre[LIMITE];
    int compte = 0;
    memset(barre, 0, sizeof barre);
    for (int n = 2; n < LIMITE; n++) {
        if (barre[n])
            continue;
        compte++;
        for (int multiple = 2 * n; multiple < LIMITE; multiple += n)
            barre[multiple] = 1;
    }
    return compte;
}

/* À chaque appel système, le processeur passe du programme au noyau, et retour. */
static int appels_systeme(void)
{
    int compte = 0;
    while (compte < APPELS && syscall(SYS_getppid) >= 0)
        compte++;
    return compte;
}

/* À la première écriture dans une page, le noyau lui trouve une place dans la mémoire physique. */
static int pages_de_memoire(void)
{
    int compte = 0;
    char *memoire = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memoire == MAP_FAILED)
        return 0;
    for (int page = 0; page < PAGES; page++)
        memoire[page * PAGE] = 1;
    for (int page = 0; page < PAGES; page++)
        compte += memoire[page * PAGE];
    munmap(memoire, PAGES * PAGE);
    return compte;
}

static const struct {
    const char *nom, *quoi;
    int (*travail)(void);
} charges[] = {
    {"processeur", "nombres premiers sous 10000", nombres_premiers},
    {"noyau", "appels système", appels_systeme},
    {"memoire", "pages de mémoire", pages_de_memoire},
};
#define CHARGES (sizeof charges / sizeof charges[0])

static double secondes(void)
{
    struct timespec maintenant;
    clock_gettime(CLOCK_MONOTONIC, &maintenant);
    return maintenant.tv_sec + maintenant.tv_nsec / 1e9;
}

static int comparer(const void *a, const void *b)
{
    double gauche = *(const double *)a, droite = *(const double *)b;
    return (gauche > droite) - (gauche < droite);
}

/* Combien de microsecondes prend le travail, répété pendant un quart de seconde. C'est la médiane : sur une
 * machine occupée ailleurs, le travail est interrompu quelques fois, et les autres fois non. */
static double mesurer(int (*travail)(void))
{
    static double durees[FOIS];
    int fois = 0;
    double debut = secondes(), avant = debut, apres;
    do {
        travail();
        apres = secondes();
        durees[fois++] = apres - avant;
        avant = apres;
    } while (apres - debut < 0.25 && fois < FOIS);
    qsort(durees, fois, sizeof *durees, comparer);
    return 1e6 * durees[fois / 2];
}

static void mesurer_toutes(void)
{
    for (size_t i = 0; i < CHARGES; i++)
        printf("%d %s : %.1f µs\n", charges[i].travail(), charges[i].quoi, mesurer(charges[i].travail));
}

static void mesurer_sur_demande(void)
{
    char nom[32];
    puts("pret");
    while (scanf("%31s", nom) == 1 && strcmp(nom, "fin") != 0)
        for (size_t i = 0; i < CHARGES; i++)
            if (strcmp(nom, charges[i].nom) == 0)
                printf("%s %.3f\n", nom, mesurer(charges[i].travail));
}

static void compter_les_secondes(void)
{
    for (int seconde = 1;; seconde++) {
        printf("%d\n", seconde);
        sleep(1);
    }
}

int main(int nombre, char **arguments)
{
    const char *choix = nombre > 1 ? arguments[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(choix, "-") == 0)
        mesurer_sur_demande();
    else if (strcmp(choix, "+") == 0)
        compter_les_secondes();
    else
        mesurer_toutes();
    if (getpid() == 1)
        reboot(RB_AUTOBOOT);
    return EXIT_SUCCESS;
}
