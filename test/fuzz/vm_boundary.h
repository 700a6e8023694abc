/*
 * The boundary of the VM worker for fuzzers of a port's exits (ports/<arch>/test/fuzz):
 * runtime/vm/hvport.h where hypercalls succeed and registers answer what the
 * fuzzer says, and a machine with all of the port's devices. Included once per fuzzer.
 */
#ifndef VL_FUZZ_VM_BOUNDARY_H
#define VL_FUZZ_VM_BOUNDARY_H

#include "runtime/vm/port.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_RAM_BYTES 0x8000u

/* The fuzzer's: what register `name` reads as. */
struct hv_reg_value fuzz_register(uint32_t name);

int hvport_get_register(struct hvport_vp *vp, uint32_t name, struct hv_reg_value *value)
{
	*value = fuzz_register(name);
	return 0;
}

int hvport_set_register(struct hvport_vp *vp, uint32_t name, const struct hv_reg_value *value)
{
	return 0;
}

int hvport_call(struct hvport *p, uint16_t code, const void *in, size_t in_size, void *out, size_t out_size,
	uint16_t *status)
{
	if (status)
		*status = HV_STATUS_SUCCESS;
	return 0;
}

void hvport_kick(struct hvport_vp *vp)
{
}

int hvport_run(struct hvport_vp *vp)
{
	return VL_E_OS;
}

int hvport_open(struct hvport *p, int mshv_fd, int low_fd, int hvcall_fd)
{
	return VL_E_OS;
}

int hvport_map_memory(struct hvport *p, gpa_t base, uint64_t size, void **out)
{
	return VL_E_OS;
}

int hvport_vp_open(struct hvport *p, unsigned index, struct hvport_vp *vp)
{
	return VL_E_OS;
}

int hvport_vp_bind(struct hvport_vp *vp)
{
	return VL_E_OS;
}

/* A machine of one VP with `ram` at address 0, its devices after a reset; vp->hv is the fuzzer's to fill. */
static inline void fuzz_machine(struct vm *vm, struct vp *vp, uint8_t ram[FUZZ_RAM_BYTES])
{
	static struct control_config config = { .vp_count = 1 };

	memset(vm, 0, sizeof(*vm));
	memset(vp, 0, sizeof(*vp));
	vm->config = &config;
	vm->vp = vp;
	vm->vp_count = 1;
	vm->wake_fd = vm->timer_fd = -1;
	vm->armed_ns = VM_NEVER;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->run_lock, NULL);
	bus_init(&vm->bus);
	vp->vm = vm;
	if (guest_memory_add(&vm->memory, gpa(0), FUZZ_RAM_BYTES, ram) || machine_arch_create(vm))
		abort();
	units_reset(vm->instance, vm->device_count);
}

#endif
