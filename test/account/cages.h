/* Part of vallum-account (account.c). */
#ifndef VL_TEST_CAGES_H
#define VL_TEST_CAGES_H

#include <stdio.h>

/* Lines "account-cages: PROGRAM killed N of N" in `log`, one for each cage of ours. */
void account_cages(FILE *log);

#endif
