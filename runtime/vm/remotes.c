/*
 * The devices of a machine that the paravisor put into workers: takes their
 * channels and memory from CONFIG and puts a stand-in (remote.h) into the place
 * of each device's model. Called while the machine is built and torn down.
 */
#include "runtime/vm/remote.h"
#include "runtime/vm/vm.h"

#include <stdlib.h>
#include <sys/mman.h>

static const struct {
	const char *name;
	unsigned limit_ms; /* for one answer */
	unsigned journal_limit;
} devices[CONTROL_DEVICE_COUNT] = {
	/* It leaves a checkpoint with each command by itself, and one is large. */
	[CONTROL_DEVICE_TPM] = { "vtpm", 60000, REMOTE_JOURNAL_MAX }, /* makes keys when it is switched on */
	[CONTROL_DEVICE_COM1] = { "com1", 10000, REMOTE_JOURNAL_DEFAULT },
	[CONTROL_DEVICE_COM2] = { "com2", 10000, REMOTE_JOURNAL_DEFAULT },
};

static int connect(struct vm *vm, unsigned id, int supply, int memory)
{
	struct remote *r;
	uint8_t *shared;
	int err;

	if (memory < 0)
		return VL_E_MISSING;
	shared = mmap(NULL, DEVIPC_SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	if (shared == MAP_FAILED)
		return VL_E_OS;
	r = malloc(sizeof(*r));
	if (!r) {
		munmap(shared, DEVIPC_SHARED_BYTES);
		return VL_E_NOMEM;
	}
	vm->remote[id] = r;
	err = remote_init(r, devices[id].name, supply, shared, &vm->lock);
	r->limit_ms = devices[id].limit_ms;
	r->hurry = &vm->stopping;
	r->journal_limit = devices[id].journal_limit;
	return err;
}

int vm_remotes_connect(struct vm *vm, const int *fds)
{
	int err = 0;

	for (unsigned i = 0; !err && i < CONTROL_DEVICE_COUNT; i++) {
		int supply = control_fd_of(vm->config, fds, CONTROL_FD_SUPPLY, i);

		if (supply >= 0)
			err = connect(vm, i, supply, control_fd_of(vm->config, fds, CONTROL_FD_SHARED, i));
	}
	return err;
}

void vm_remotes_destroy(struct vm *vm)
{
	for (unsigned i = 0; i < CONTROL_DEVICE_COUNT; i++) {
		struct remote *r = vm->remote[i];

		if (!r)
			continue;
		remote_destroy(r);
		munmap(r->shared, DEVIPC_SHARED_BYTES);
		free(r);
		vm->remote[i] = NULL;
	}
}

struct vm_device *vm_device_add_remote(struct vm *vm, enum control_device id, const char *name, unsigned irq)
{
	struct vm_device *d = vm_device_add(vm, name, &remote_model, vm->remote[id], irq);

	if (d)
		vm->remote[id]->env = &d->env;
	return d;
}
