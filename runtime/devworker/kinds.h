/* The device models that vallum-devworker can host, by the name in its configuration. */
#ifndef VL_DEVWORKER_KINDS_H
#define VL_DEVWORKER_KINDS_H

#include "common/device/device.h"

struct devworker_kind {
	const char *name; /* the model's */
	const struct dev_model *model;
	void *dev; /* its state: there is one device in a process */
	void (*init)(void *dev, struct dev_env *env);
};

/* NULL: there is none of that name. */
const struct devworker_kind *devworker_kind(const char *name);

#endif
