/*
 * hvport.h over the mainline mshv_vtl driver. Called by the whole VM worker.
 * Semantics were read from Linux drivers/hv/mshv_vtl_main.c: mmap offsets,
 * one register per ioctl, the run page, cancellation by the poll file.
 */
#include "common/base/log.h"
#include "runtime/vm/hvport.h"
#include <errno.h>
#include <linux/mshv.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct mshv_vtl_run, which the UAPI header leaves to the driver's own. */
struct run_page {
	uint32_t cancel;
	uint32_t vtl_ret_action_size;
	uint32_t pad[2];
	uint8_t exit_message[MSHV_MAX_RUN_MSG_SIZE];
	uint8_t context[HVPORT_CONTEXT_BYTES];
	uint8_t vtl_ret_actions[MSHV_MAX_RUN_MSG_SIZE];
};
_Static_assert(offsetof(struct run_page, context) == 272, "struct mshv_vtl_run");

/* mmap offset in pages: CPU in bits 0-15, which page above (MSHV_REAL_OFF_SHIFT). */
#define RUN_PAGE(cpu) ((uint64_t)(cpu))
#define REGISTER_PAGE(cpu) (1ull << 16 | (cpu))

/* The step that failed, for the log; errno is this thread's own. */
static int os_error(const char *what)
{
	vl_error("%s: %s", what, strerror(errno));
	return VL_E_OS;
}

/* The hypercalls that this process makes; the driver denies all others. */
static const uint16_t allowed[] = { HV_CALL_ASSERT_VIRTUAL_INTERRUPT, HV_CALL_REGISTER_INTERCEPT_RESULT };

/* The bitmap can be set once per descriptor; EINVAL means that its giver has done so. */
static int allow_hypercalls(int fd)
{
	uint8_t bitmap[HV_CALL_ASSERT_VIRTUAL_INTERRUPT / 8 + 1] = { 0 };
	struct mshv_vtl_hvcall_setup setup = {
		.bitmap_array_size = sizeof(bitmap),
		.allow_bitmap_ptr = (uintptr_t)bitmap,
	};

	for (size_t i = 0; i < VL_ARRAY_COUNT(allowed); i++)
		bitmap[allowed[i] / 8] |= 1u << (allowed[i] % 8);
	if (ioctl(fd, MSHV_HVCALL_SETUP, &setup) < 0 && errno != EINVAL)
		return os_error("allowing our hypercalls");
	return 0;
}

int hvport_open(struct hvport *p, int mshv_fd, int low_fd, int hvcall_fd)
{
	uint32_t capability = MSHV_CAP_REGISTER_PAGE;

	p->low_fd = low_fd;
	p->hvcall_fd = hvcall_fd;
	p->has_register_page = ioctl(mshv_fd, MSHV_CHECK_EXTENSION, &capability) > 0;
	p->vtl_fd = ioctl(mshv_fd, MSHV_CREATE_VTL, 0);
	if (p->vtl_fd < 0)
		return os_error("MSHV_CREATE_VTL");
	return allow_hypercalls(hvcall_fd);
}

int hvport_map_memory(struct hvport *p, gpa_t base, uint64_t size, void **out)
{
	struct mshv_vtl_ram_disposition ram = {
		.start_pfn = gpa_raw(base) >> VL_PAGE_SHIFT,
		.last_pfn = (gpa_raw(base) + size) >> VL_PAGE_SHIFT,
	};

	/* The driver keeps it until VTL2 ends. */
	if (!p->takes_over && ioctl(p->vtl_fd, MSHV_ADD_VTL0_MEMORY, &ram) < 0)
		return os_error("MSHV_ADD_VTL0_MEMORY");
	/* An address that agrees with the GPA modulo 2 MiB lets the driver map large pages. */
	*out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, p->low_fd, (off_t)gpa_raw(base));
	return *out == MAP_FAILED ? os_error("mapping /dev/mshv_vtl_low") : 0;
}

static void *map_page(int fd, uint64_t page)
{
	void *p = mmap(NULL, VL_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)(page << VL_PAGE_SHIFT));

	return p == MAP_FAILED ? NULL : p;
}

int hvport_vp_open(struct hvport *p, unsigned index, struct hvport_vp *vp)
{
	struct mshv_vtl_set_poll_file poll_file = { .cpu = index };
	struct run_page *run = map_page(p->vtl_fd, RUN_PAGE(index));

	*vp = (struct hvport_vp){ .port = p, .index = index, .kick_fd = -1 };
	if (index >= CPU_SETSIZE)
		return VL_E_LIMIT;
	if (!run)
		return os_error("mapping a VP's run page");
	vp->cancel = &run->cancel;
	vp->message = (struct hv_message *)run->exit_message;
	vp->context = run->context;
	if (p->has_register_page) {
		vp->register_page = map_page(p->vtl_fd, REGISTER_PAGE(index));
		if (!vp->register_page)
			return os_error("mapping a VP's register page");
	}
	vp->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vp->kick_fd < 0)
		return os_error("eventfd");
	poll_file.fd = (uint32_t)vp->kick_fd;
	return ioctl(p->vtl_fd, MSHV_SET_POLL_FILE, &poll_file) < 0 ? os_error("MSHV_SET_POLL_FILE") : 0;
}

/*
 * The guest is this CPU's idle task: whatever else wakes up here (the I/O
 * loop, the paravisor) runs at once, and when nothing does the guest runs. In
 * SCHED_IDLE the kernel also counts the CPU as free when it places a task.
 */
int hvport_vp_bind(struct hvport_vp *vp)
{
	struct sched_param param = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(vp->index, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return VL_E_OS;
	/*
	 * musl's sched_setscheduler() always fails: POSIX means it for a process, Linux does it for
	 * a thread.
	 */
	return syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &param) < 0 ? VL_E_OS : 0;
}

int hvport_run(struct hvport_vp *vp)
{
	if (ioctl(vp->port->vtl_fd, MSHV_RETURN_TO_LOWER_VTL) == 0)
		return 0;
	if (errno != EINTR)
		return os_error("MSHV_RETURN_TO_LOWER_VTL");
	/* Cleared before the caller looks for what it was kicked for, so no kick is lost. */
	__atomic_store_n(vp->cancel, 0, __ATOMIC_SEQ_CST);
	return VL_E_AGAIN;
}

void hvport_kick(struct hvport_vp *vp)
{
	uint64_t one = 1;
	/* The counter is never read: each write wakes the poll file, EAGAIN needs 2^64 of them. */
	ssize_t n = write(vp->kick_fd, &one, sizeof(one));

	(void)n;
}

int hvport_get_register(struct hvport_vp *vp, uint32_t name, struct hv_reg_value *value)
{
	struct hv_reg_assoc assoc = { .name = cpu_to_le32(name) };
	struct mshv_vp_registers registers = { .count = 1, .regs_ptr = (uintptr_t)&assoc };

	if (ioctl(vp->port->vtl_fd, MSHV_GET_VP_REGISTERS, &registers) < 0)
		return VL_E_HYPERCALL;
	*value = assoc.value;
	return 0;
}

int hvport_set_register(struct hvport_vp *vp, uint32_t name, const struct hv_reg_value *value)
{
	struct hv_reg_assoc assoc = { .name = cpu_to_le32(name), .value = *value };
	struct mshv_vp_registers registers = { .count = 1, .regs_ptr = (uintptr_t)&assoc };

	return ioctl(vp->port->vtl_fd, MSHV_SET_VP_REGISTERS, &registers) < 0 ? VL_E_HYPERCALL : 0;
}

int hvport_call(struct hvport *p, uint16_t code, const void *in, size_t in_size, void *out, size_t out_size,
	uint16_t *status)
{
	struct mshv_vtl_hvcall call = {
		.control = code,
		.input_size = in_size,
		.input_ptr = (uintptr_t)in,
		.output_size = out_size,
		.output_ptr = (uintptr_t)out,
	};

	if (ioctl(p->hvcall_fd, MSHV_HVCALL, &call) < 0)
		return VL_E_OS;
	if (status)
		*status = (uint16_t)call.status;
	return (uint16_t)call.status == HV_STATUS_SUCCESS ? 0 : VL_E_HYPERCALL;
}
