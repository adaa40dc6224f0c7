/* Demande son nom au processeur, avec l'instruction CPUID des x86. */
#include <cpuid.h>
#include <stdio.h>

int main(void)
{
    unsigned int nom[13] = {0};
    for (unsigned int i = 0; i < 3; i++)
        __get_cpuid(0x80000002 + i, &nom[4 * i], &nom[4 * i + 1], &nom[4 * i + 2], &nom[4 * i + 3]);
    puts((const char *)nom);
    return 0;
}
