/* vallum-host's command line. Called by main.c; the user is trusted, but makes mistakes. */
#ifndef VL_HOST_OPTIONS_H
#define VL_HOST_OPTIONS_H

#include "tools/host/host.h"

/*
 * Fills *config from argv. 0; or VL_E_FORMAT after one line on stderr that says
 * what is wrong and what is allowed; or 1 when the help was asked for (printed on stdout).
 */
int options_parse(int argc, char **argv, struct host_config *config);

#endif
