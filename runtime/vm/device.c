/*
 * Hosts the device models: each one's environment (common/device/device.h)
 * and the way of the guest's register accesses to them. Called by VP threads
 * and the I/O loop. Models call back under the machine lock.
 */
#include "runtime/vm/port.h"

static struct vm_device *host_of(struct dev_env *env)
{
	return VL_CONTAINER_OF(env, struct vm_device, env);
}

/* Devices may share an interrupt: it is active while any of them drives it. */
static bool shared_level(const struct vm *vm, unsigned irq)
{
	bool level = false;

	for (unsigned i = 0; !level && i < vm->device_count; i++) {
		const struct vm_device *d = &vm->device[i];

		level = d->irq != VM_NO_IRQ && irq - d->irq < 32 && d->lines >> (irq - d->irq) & 1;
	}
	return level;
}

static void env_irq(struct dev_env *env, unsigned line, bool level)
{
	struct vm_device *d = host_of(env);
	uint32_t bit = line < 32 ? 1u << line : 0;

	if (d->irq == VM_NO_IRQ || !bit)
		return;
	d->lines = level ? d->lines | bit : d->lines & ~bit;
	machine_arch_irq(d->vm, d->irq + line, level || shared_level(d->vm, d->irq + line));
}

static void env_msi(struct dev_env *env, uint64_t address, uint32_t data)
{
	machine_arch_msi(host_of(env)->vm, address, data);
}

static int env_mem_read(struct dev_env *env, gpa_t addr, void *out, size_t size)
{
	return guest_memory_read(&host_of(env)->vm->memory, addr, out, size);
}

static int env_mem_write(struct dev_env *env, gpa_t addr, const void *data, size_t size)
{
	return guest_memory_write(&host_of(env)->vm->memory, addr, data, size);
}

static uint64_t env_now_ns(struct dev_env *env)
{
	return clock_now_ns(&host_of(env)->vm->clock);
}

static void env_timer_set(struct dev_env *env, unsigned timer, uint64_t deadline_ns)
{
	struct vm_device *d = host_of(env);

	if (timer >= DEV_TIMER_COUNT)
		return;
	d->deadline_ns[timer] = deadline_ns;
	loop_arm(d->vm, clock_to_monotonic(&d->vm->clock, deadline_ns));
}

static void env_timer_cancel(struct dev_env *env, unsigned timer)
{
	if (timer < DEV_TIMER_COUNT)
		host_of(env)->deadline_ns[timer] = VM_NEVER;
}

static uint64_t env_wall_ns(struct dev_env *env)
{
	return clock_wall_ns(&host_of(env)->vm->clock);
}

static size_t env_output(struct dev_env *env, const uint8_t *data, size_t size)
{
	struct vm_device *d = host_of(env);

	return d->stream ? stream_output(d->stream, data, size) : size;
}

static size_t env_output_room(struct dev_env *env, size_t wanted)
{
	struct vm_device *d = host_of(env);

	return d->stream ? stream_room(d->stream, wanted) : SIZE_MAX;
}

static void env_input_ready(struct dev_env *env)
{
	if (host_of(env)->stream)
		stream_input_ready(host_of(env)->stream);
}

static void env_machine(struct dev_env *env, unsigned event)
{
	struct vm *vm = host_of(env)->vm;

	if (event == DEV_MACHINE_POWER_OFF)
		vm_finish(vm, CONTROL_POWER_OFF);
	else if (event == DEV_MACHINE_RESET)
		vm_finish(vm, CONTROL_RESET);
	else
		vl_warn("the guest asked for a sleep state that is not offered; ignored");
}

static int env_map(struct dev_env *env, const struct dev_region *region)
{
	return bus_map(&host_of(env)->vm->bus, host_of(env)->instance, region);
}

static const struct dev_env_ops env_ops = {
	.irq = env_irq,
	.msi = env_msi,
	.mem_read = env_mem_read,
	.mem_write = env_mem_write,
	.now_ns = env_now_ns,
	.timer_set = env_timer_set,
	.timer_cancel = env_timer_cancel,
	.wall_ns = env_wall_ns,
	.output = env_output,
	.output_room = env_output_room,
	.input_ready = env_input_ready,
	.machine = env_machine,
	.map = env_map,
};

struct vm_device *vm_device_add(struct vm *vm, const char *name, const struct dev_model *model, void *dev,
	unsigned irq)
{
	struct vm_device *d = &vm->device[vm->device_count];

	if (vm->device_count == VM_DEVICE_MAX)
		return NULL;
	d->env.ops = &env_ops;
	d->vm = vm;
	d->instance = &vm->instance[vm->device_count++];
	d->irq = irq;
	for (unsigned i = 0; i < DEV_TIMER_COUNT; i++)
		d->deadline_ns[i] = VM_NEVER;
	*d->instance = (struct dev_instance){ name, model, dev };
	return d;
}

uint64_t vm_bus_read(struct vm *vm, enum dev_space space, uint64_t address, unsigned size)
{
	uint64_t value = ~0ull;

	pthread_mutex_lock(&vm->lock);
	if (!bus_read(&vm->bus, space, address, size, &value))
		vm->strays++;
	pthread_mutex_unlock(&vm->lock);
	return value;
}

void vm_bus_write(struct vm *vm, enum dev_space space, uint64_t address, unsigned size, uint64_t value)
{
	pthread_mutex_lock(&vm->lock);
	if (!bus_write(&vm->bus, space, address, size, value))
		vm->strays++;
	pthread_mutex_unlock(&vm->lock);
}

uint64_t vm_timers_run(struct vm *vm)
{
	uint64_t now = clock_now_ns(&vm->clock), next = VM_NEVER;

	if (!vm->clock.running)
		return VM_NEVER;
	for (unsigned i = 0; i < vm->device_count; i++) {
		struct vm_device *d = &vm->device[i];

		for (unsigned t = 0; t < DEV_TIMER_COUNT; t++) {
			if (d->deadline_ns[t] <= now) {
				d->deadline_ns[t] = VM_NEVER;
				d->instance->model->timer(d->instance->dev, t);
			}
		}
	}
	/* A model may have armed a timer of any device while it ran. */
	for (unsigned i = 0; i < vm->device_count; i++)
		for (unsigned t = 0; t < DEV_TIMER_COUNT; t++)
			if (vm->device[i].deadline_ns[t] < next)
				next = vm->device[i].deadline_ns[t];
	return next;
}
