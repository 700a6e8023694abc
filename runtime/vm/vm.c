/*
 * The virtual machine as a whole: set-up from CONFIG, start and stop, saved
 * state, and how the guest ends. Called by the I/O loop's thread; vm_finish
 * and its sisters by VP threads as well. CONFIG was checked by control_check.
 */
#include "common/base/fmt.h"
#include "runtime/vm/loop.h"
#include "runtime/vm/port.h"
#include <stdarg.h>
#include <stdlib.h>

/* For a person, in CONTROL_TEXT_MAX bytes; gives `err` back. */
static int fail(char *reason, int err, const char *what)
{
	vl_format(reason, CONTROL_TEXT_MAX, "%s: %s%s", what, vl_err_text(err),
		err == VL_E_OS ? "; VTL2's log says why" : "");
	return err;
}

static int map_memory(struct vm *vm, char *reason)
{
	for (uint32_t i = 0; i < vm->config->range_count; i++) {
		const struct control_range *r = &vm->config->ranges[i];
		void *host;
		int err;

		if (r->kind != CONTROL_RANGE_RAM)
			continue;
		err = hvport_map_memory(&vm->hv, gpa(r->base), r->size, &host);
		if (!err)
			err = guest_memory_add(&vm->memory, gpa(r->base), r->size, host);
		if (err)
			return fail(reason, err, "mapping VTL0's memory");
	}
	return vm->memory.range_count ? 0 : fail(reason, VL_E_MISSING, "VTL0 has no memory");
}

/* NULL in *out when the paravisor connected none. */
static int create_stream(struct vm *vm, int fd, bool at_once, struct vm_stream **out)
{
	struct vm_stream *s;

	if (fd < 0)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return VL_E_NOMEM;
	s->vm = vm;
	s->fd = fd;
	s->at_once = at_once;
	s->flush_ns = VM_NEVER;
	*out = vm->stream[vm->stream_count++] = s;
	return 0;
}

static int create_streams(struct vm *vm, const int *fds)
{
	int err = 0;

	for (unsigned i = 0; !err && i < CONTROL_CONSOLE_MAX; i++)
		err = create_stream(vm, control_fd_of(vm->config, fds, CONTROL_FD_CONSOLE, i), false,
			&vm->console[i]);
	for (unsigned i = 0; !err && i < CONTROL_DISK_MAX; i++)
		err = create_stream(vm, control_fd_of(vm->config, fds, CONTROL_FD_DISK, i), true,
			&vm->disk[i]);
	return err;
}

static void init(struct vm *vm, const struct control_config *config)
{
	*vm = (struct vm){ .config = config, .halt = true, .timer_fd = -1, .wake_fd = -1,
		.armed_ns = VM_NEVER };
	clock_init(&vm->clock);
	vm->clock.utc_ns = config->utc_ns;
	vm->clock.utc_boot_ns = config->utc_boot_ns;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_mutex_init(&vm->run_lock, NULL);
	pthread_cond_init(&vm->run_changed, NULL);
	bus_init(&vm->bus);
}

int vm_create(struct vm *vm, const struct control_config *config, const int *fds, char *reason)
{
	int err;

	init(vm, config);
	err = loop_create(vm);
	if (err)
		return fail(reason, err, "timer and event descriptors");
	vm->hv.takes_over = config->takes_over;
	err = hvport_open(&vm->hv, control_fd_of(config, fds, CONTROL_FD_MSHV, 0),
		control_fd_of(config, fds, CONTROL_FD_VTL_LOW, 0),
		control_fd_of(config, fds, CONTROL_FD_HVCALL, 0));
	if (err)
		return fail(reason, err, "taking over VTL0 through /dev/mshv");
	err = map_memory(vm, reason);
	if (err)
		return err;
	err = create_streams(vm, fds);
	vm->vp = calloc(config->vp_count, sizeof(*vm->vp));
	if (err || !vm->vp)
		return fail(reason, VL_E_NOMEM, "VPs and streams");
	err = vps_create(vm);
	if (err)
		return fail(reason, err, "opening the VPs");
	err = vm_remotes_connect(vm, fds);
	if (err)
		return fail(reason, err, "channels and memory of the device workers");
	err = machine_arch_create(vm);
	if (err)
		return fail(reason, err, "creating the devices");
	pthread_mutex_lock(&vm->lock);
	units_reset(vm->instance, vm->device_count);
	pthread_mutex_unlock(&vm->lock);
	return 0;
}

void vm_destroy(struct vm *vm)
{
	vps_destroy(vm);
	free(vm->vp);
	vm->vp = NULL;
	for (unsigned i = 0; i < vm->stream_count; i++)
		free(vm->stream[i]);
	vm->stream_count = 0;
	vm_remotes_destroy(vm);
	loop_destroy(vm);
}

int vm_load(struct vm *vm, char *reason)
{
	int err = vm_tpm_measure(vm, reason);

	if (!err)
		err = machine_arch_load(vm, reason);
	if (err)
		return err;
	err = vp_do(&vm->vp[0], VP_JOB_BOOT);
	return err ? fail(reason, err, "setting the boot VP's registers") : 0;
}

void vm_start(struct vm *vm)
{
	pthread_mutex_lock(&vm->lock);
	clock_start(&vm->clock);
	units_start(vm->instance, vm->device_count);
	pthread_mutex_unlock(&vm->lock);
	loop_wake(vm);
	vps_run(vm);
}

void vm_stop(struct vm *vm)
{
	atomic_store(&vm->stopping, true);
	vps_park(vm);
	pthread_mutex_lock(&vm->lock);
	units_stop(vm->instance, vm->device_count);
	clock_stop(&vm->clock);
	for (unsigned i = 0; i < vm->stream_count; i++)
		stream_flush(vm->stream[i]);
	pthread_mutex_unlock(&vm->lock);
	atomic_store(&vm->stopping, false);
}

/* --- Saved state: unit "vm" (1: VM time), one unit per device, one per VP ------- */

#define UNIT_VM "vm"
#define UNIT_VM_VERSION 1
#define FIELD_TIME_NS (1 | STATE_MANDATORY)
#define FIELD_VP_COUNT (2 | STATE_MANDATORY)
#define UNIT_VP_VERSION 1

static void vp_unit_name(char name[16], unsigned index)
{
	vl_format(name, 16, "vp%u", index);
}

static int save_vps(struct vm *vm, struct state_writer *w)
{
	for (unsigned i = 0; i < vm->vp_count; i++) {
		char name[16];
		int err;

		vp_unit_name(name, i);
		state_begin_unit(w, name, UNIT_VP_VERSION);
		vm->vp[i].save_to = w;
		err = vp_do(&vm->vp[i], VP_JOB_SAVE);
		if (err)
			return err;
		state_end_unit(w);
	}
	return 0;
}

int64_t vm_save(struct vm *vm, void *buffer, size_t size)
{
	struct state_writer w;
	int err;

	state_writer_init(&w, buffer, size);
	state_begin_unit(&w, UNIT_VM, UNIT_VM_VERSION);
	state_put_u64(&w, FIELD_TIME_NS, clock_now_ns(&vm->clock));
	state_put_u32(&w, FIELD_VP_COUNT, vm->vp_count);
	state_end_unit(&w);
	pthread_mutex_lock(&vm->lock);
	units_save(vm->instance, vm->device_count, &w);
	pthread_mutex_unlock(&vm->lock);
	err = save_vps(vm, &w);
	return err ? err : state_writer_finish(&w);
}

static int restore_vm(struct vm *vm, const struct state_stream *s)
{
	struct state_reader r;
	uint64_t time_ns = 0;
	uint32_t count = 0;
	int err = state_stream_find(s, UNIT_VM, &r);

	if (err)
		return err;
	if (r.version > UNIT_VM_VERSION)
		return VL_E_VERSION;
	if (!state_get_u64(&r, FIELD_TIME_NS & ~STATE_MANDATORY, &time_ns) ||
	    !state_get_u32(&r, FIELD_VP_COUNT & ~STATE_MANDATORY, &count))
		state_reader_fail(&r, VL_E_MISSING);
	if (count != vm->vp_count)
		state_reader_fail(&r, VL_E_RANGE);
	vm->clock.offset_ns = time_ns;
	return state_reader_finish(&r);
}

static int restore_vp(struct vp *vp, const struct state_stream *s)
{
	struct state_reader r;
	char name[16];
	int err;

	vp_unit_name(name, vp->index);
	err = state_stream_find(s, name, &r);
	if (err)
		return err;
	if (r.version > UNIT_VP_VERSION)
		return VL_E_VERSION;
	vp->restore_from = &r;
	err = vp_do(vp, VP_JOB_RESTORE);
	return err ? err : state_reader_finish(&r);
}

int vm_restore(struct vm *vm, const void *data, size_t size)
{
	struct state_stream s;
	size_t offset = 0, failed = 0;
	int err = state_stream_open(&s, data, size, &offset);

	if (!err)
		err = restore_vm(vm, &s);
	pthread_mutex_lock(&vm->lock);
	if (!err)
		err = units_restore(vm->instance, vm->device_count, &s, &failed);
	pthread_mutex_unlock(&vm->lock);
	for (unsigned i = 0; !err && i < vm->vp_count; i++)
		err = restore_vp(&vm->vp[i], &s);
	if (err)
		vl_error("restore: %s (offset %zu, unit %s)", vl_err_text(err), offset,
			failed < vm->device_count ? vm->instance[failed].name : "?");
	return err;
}

/* --- How the guest ends -------------------------------------------------------- */

/* The first end counts; all VPs leave VTL0. */
static void publish_end(struct vm *vm, const struct vm_end *end)
{
	pthread_mutex_lock(&vm->run_lock);
	if (!vm->end.type)
		vm->end = *end;
	pthread_mutex_unlock(&vm->run_lock);
	atomic_store(&vm->halt, true);
	for (unsigned i = 0; i < vm->vp_count; i++)
		hvport_kick(&vm->vp[i].hv);
	loop_wake(vm);
}

bool vm_ended(struct vm *vm, struct vm_end *end)
{
	bool ended;

	pthread_mutex_lock(&vm->run_lock);
	ended = vm->end.type != 0;
	if (ended && end)
		*end = vm->end;
	pthread_mutex_unlock(&vm->run_lock);
	return ended;
}

void vm_finish(struct vm *vm, enum control_type type)
{
	struct vm_end end = { .type = type };

	publish_end(vm, &end);
}

void vm_crash(struct vm *vm, uint32_t vp, int error, const char *fmt, ...)
{
	struct vm_end end = { .type = CONTROL_CRASH, .vp = vp, .error = error };
	va_list args;

	va_start(args, fmt);
	vl_vformat(end.text, sizeof(end.text), fmt, args);
	va_end(args);
	publish_end(vm, &end);
}

void vm_triple_fault(struct vp *vp)
{
	struct vm_end end = { .type = CONTROL_TRIPLE_FAULT, .vp = vp->index };

	/* What the guest was doing is its secret when the host is not trusted. */
	if (!vp->vm->config->isolated)
		end.register_count = vp_arch_registers(vp, end.registers, CONTROL_REGISTER_MAX);
	publish_end(vp->vm, &end);
}
