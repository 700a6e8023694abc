/* kinds.h: to host another model, give it a row. */
#include "runtime/devworker/kinds.h"
#include "runtime/dev/pl011.h"
#include "runtime/dev/serial16550.h"

#include <string.h>

static void init_serial16550(void *dev, struct dev_env *env)
{
	serial16550_init(dev, env);
}

static void init_pl011(void *dev, struct dev_env *env)
{
	pl011_init(dev, env);
}

static union {
	struct serial16550 serial16550;
	struct pl011 pl011;
} state;

static const struct devworker_kind kinds[] = {
	{ "serial16550", &serial16550_model, &state, init_serial16550 },
	{ "pl011", &pl011_model, &state, init_pl011 },
};

const struct devworker_kind *devworker_kind(const char *name)
{
	for (size_t i = 0; i < VL_ARRAY_COUNT(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}
