/*
 * The devices that every machine has, put where a port says. Called by
 * ports/<arch>/vm while the machine is made; no input but the configuration.
 */
#include "runtime/vm/vm.h"

int vm_add_serial(struct vm *vm, unsigned n, const char *name, const struct dev_model *model, void *dev,
	unsigned irq, const struct dev_region *region, void (*init)(void *dev, struct dev_env *env))
{
	const enum control_device id = n ? CONTROL_DEVICE_COM2 : CONTROL_DEVICE_COM1;
	struct vm_device *d = vm->remote[id] ? vm_device_add_remote(vm, id, name, irq) :
		vm_device_add(vm, name, model, dev, irq);

	if (!d)
		return VL_E_LIMIT;
	d->stream = vm->console[n];
	if (d->stream)
		d->stream->device = d;
	if (!vm->remote[id])
		init(dev, &d->env);
	return bus_add(&vm->bus, d->instance, region);
}

int vm_add_tpm(struct vm *vm, const struct dev_region *regions, unsigned count)
{
	struct vm_tpm *t = &vm->tpm;

	if (!vm->remote[CONTROL_DEVICE_TPM])
		return 0;
	t->device = vm_device_add_remote(vm, CONTROL_DEVICE_TPM, "vtpm", VM_NO_IRQ);
	return t->device ? bus_add_all(&vm->bus, t->device->instance, regions, count) : VL_E_LIMIT;
}
