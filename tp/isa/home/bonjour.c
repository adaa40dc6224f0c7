#include <stdio.h>

int add(int a, int b);

int main(void)
{
    printf("Bonjour ! 20 + 22 = %d\n", add(20, 22));
    return 0;
}
