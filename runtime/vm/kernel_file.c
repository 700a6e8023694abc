/*
 * The guest's kernel as the host placed it, for the ports' loaders: its head, and
 * how a refusal is told. The file is hostile.
 */
#include "common/base/fmt.h"
#include "runtime/vm/vm.h"

int vm_load_fail(char *reason, int err, const char *what)
{
	vl_format(reason, CONTROL_TEXT_MAX, "%s", what);
	return err;
}

int vm_kernel_head(const struct vm *vm, void *out, size_t size, size_t *got, char *reason)
{
	const struct control_blob *k = &vm->config->kernel;

	*got = k->size < size ? (size_t)k->size : size;
	if (!k->size)
		return vm_load_fail(reason, VL_E_MISSING, "the host gave no guest kernel (--kernel)");
	if (guest_memory_read(&vm->memory, gpa(k->base), out, *got))
		return vm_load_fail(reason, VL_E_RANGE, "the guest kernel is not in VTL0's memory");
	return 0;
}
