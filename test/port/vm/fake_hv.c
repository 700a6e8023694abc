/* fake_hv.h. */
#include "test/port/vm/fake_hv.h"
#include "runtime/vm/loop.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct fake_hv fake_hv = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* --- hvport.h ---------------------------------------------------------------------- */

int hvport_open(struct hvport *p, int mshv_fd, int low_fd, int hvcall_fd)
{
	*p = (struct hvport){ .vtl_fd = -1, .low_fd = low_fd, .hvcall_fd = hvcall_fd,
		.has_register_page = !fake_hv.no_register_page };
	return 0;
}

int hvport_map_memory(struct hvport *p, gpa_t base, uint64_t size, void **out)
{
	*out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*out == MAP_FAILED)
		return VL_E_OS;
	/* A worker that is created later has the same memory, as in life. */
	if (!gpa_raw(base) && fake_hv.ram)
		memcpy(*out, fake_hv.ram, size);
	if (!gpa_raw(base))
		fake_hv.ram = *out;
	return 0;
}

int hvport_vp_open(struct hvport *p, unsigned index, struct hvport_vp *vp)
{
	struct fake_vp *f = &fake_hv.vp[index];

	if (index >= FAKE_VP_MAX)
		return VL_E_LIMIT;
	f->index = index;
	*vp = (struct hvport_vp){ p, index, -1, &f->cancel, &f->message, f->context,
		fake_hv.no_register_page ? NULL : f->register_page };
	return 0;
}

int hvport_vp_bind(struct hvport_vp *vp)
{
	return 0;
}

int hvport_run(struct hvport_vp *vp)
{
	struct fake_vp *f = &fake_hv.vp[vp->index];
	int result = -1;

	pthread_mutex_lock(&fake_hv.lock);
	while (result < 0) {
		if (f->kicked) {
			f->kicked = false;
			pthread_mutex_unlock(&fake_hv.lock);
			return VL_E_AGAIN;
		}
		if (fake_hv.guest && fake_hv.guest(f)) {
			f->waiting = false;
			f->step++;
			result = 0;
			continue;
		}
		f->waiting = true;
		pthread_cond_wait(&fake_hv.changed, &fake_hv.lock);
	}
	pthread_mutex_unlock(&fake_hv.lock);
	return 0;
}

void hvport_kick(struct hvport_vp *vp)
{
	pthread_mutex_lock(&fake_hv.lock);
	fake_hv.vp[vp->index].kicked = true;
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
}

static struct hv_reg_assoc *find(struct fake_vp *f, uint32_t name)
{
	for (unsigned i = 0; i < f->reg_count; i++)
		if (le32_to_cpu(f->reg[i].name) == name)
			return &f->reg[i];
	return NULL;
}

int hvport_get_register(struct hvport_vp *vp, uint32_t name, struct hv_reg_value *value)
{
	if (name == fake_hv.refuse_register)
		return VL_E_HYPERCALL;
	*value = fake_register(vp->index, name);
	return 0;
}

int hvport_set_register(struct hvport_vp *vp, uint32_t name, const struct hv_reg_value *value)
{
	struct fake_vp *f = &fake_hv.vp[vp->index];
	struct hv_reg_assoc *r;

	if (name == fake_hv.refuse_register)
		return VL_E_HYPERCALL;
	pthread_mutex_lock(&fake_hv.lock);
	r = find(f, name);
	if (!r && f->reg_count < FAKE_REGISTER_MAX)
		r = &f->reg[f->reg_count++];
	if (!r)
		abort(); /* the test port is too small for the test */
	*r = (struct hv_reg_assoc){ .name = cpu_to_le32(name), .value = *value };
	pthread_mutex_unlock(&fake_hv.lock);
	return 0;
}

int hvport_call(struct hvport *p, uint16_t code, const void *in, size_t in_size, void *out, size_t out_size,
	uint16_t *status)
{
	struct fake_call call = { .code = code };

	memcpy(call.in, in, in_size < sizeof(call.in) ? in_size : sizeof(call.in));
	pthread_mutex_lock(&fake_hv.lock);
	fake_hv.call[fake_hv.call_count++ % FAKE_CALL_MAX] = call;
	pthread_cond_broadcast(&fake_hv.changed);
	pthread_mutex_unlock(&fake_hv.lock);
	if (status)
		*status = code == fake_hv.refuse_call ? HV_STATUS_ACCESS_DENIED : HV_STATUS_SUCCESS;
	return code == fake_hv.refuse_call ? VL_E_HYPERCALL : 0;
}

/* --- What tests ask ------------------------------------------------------------------- */

struct hv_reg_value fake_register_held(unsigned vp, uint32_t name)
{
	struct hv_reg_assoc *r = find(&fake_hv.vp[vp], name);

	return r ? r->value : (struct hv_reg_value){ 0 };
}

struct hv_reg_value fake_register(unsigned vp, uint32_t name)
{
	struct hv_reg_value value;

	pthread_mutex_lock(&fake_hv.lock);
	value = fake_register_held(vp, name);
	pthread_mutex_unlock(&fake_hv.lock);
	return value;
}

unsigned fake_calls(uint16_t code, struct fake_call *last)
{
	unsigned count = 0;

	pthread_mutex_lock(&fake_hv.lock);
	for (unsigned i = 0; i < fake_hv.call_count && i < FAKE_CALL_MAX; i++) {
		if (fake_hv.call[i].code != code)
			continue;
		count++;
		if (last)
			*last = fake_hv.call[i];
	}
	pthread_mutex_unlock(&fake_hv.lock);
	return count;
}

/* --- The worker ------------------------------------------------------------------------- */

void worker_init(struct fake_worker *w)
{
	static const uint32_t roles[] = { CONTROL_FD_MSHV, CONTROL_FD_VTL_LOW, CONTROL_FD_HVCALL,
		CONTROL_FD_CONSOLE };
	int pair[2];

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	w->config.header = (struct control_header){ CONTROL_CONFIG, sizeof(w->config) };
	w->config.version = CONTROL_VERSION;
	w->config.vp_count = w->config.range_count = 1;
	w->config.ranges[0] = (struct control_range){ .base = 0, .size = FAKE_RAM_BYTES };
	for (unsigned i = 0; i < CONTROL_VP_MAX; i++)
		w->config.vps[i].hw_id = i;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	w->console = pair[0];
	for (unsigned i = 0; i < VL_ARRAY_COUNT(roles); i++) {
		w->config.fds[i].role = roles[i];
		w->fds[i] = roles[i] == CONTROL_FD_CONSOLE ? pair[1] : dup(pair[1]);
		w->config.fd_count++;
	}
}

static void *worker_main(void *arg)
{
	static struct vm vm;
	struct fake_worker *w = arg;
	char reason[CONTROL_TEXT_MAX] = "";
	int err = vm_create(&vm, &w->config, w->fds, reason);

	w->result = err ? err : loop_run(&vm, w->their_control,
		control_fd_of(&w->config, w->fds, CONTROL_FD_INSPECT, 0));
	vm_destroy(&vm);
	close(w->their_control);
	return NULL;
}

void worker_start(struct fake_worker *w)
{
	int pair[2];

	if (control_check(&w->config, sizeof(w->config), w->config.fd_count) || channel_pair(pair))
		abort();
	w->control = pair[0];
	w->their_control = pair[1];
	if (pthread_create(&w->thread, NULL, worker_main, w))
		abort();
}

enum control_type worker_receive(struct fake_worker *w)
{
	struct channel_message m = { .data = &w->message, .capacity = sizeof(w->message) };

	w->fd = -1;
	if (channel_receive(w->control, &m, FAKE_WAIT_MS) || control_check(m.data, m.size, m.fd_count))
		return 0;
	if (m.fd_count)
		w->fd = m.fds[0];
	return (enum control_type)w->message.header.type;
}

int worker_end(struct fake_worker *w)
{
	close(w->control);
	pthread_join(w->thread, NULL);
	close(w->console);
	for (unsigned i = 0; i < w->config.fd_count; i++)
		close(w->fds[i]);
	return w->result;
}

size_t worker_console(struct fake_worker *w, char *out, size_t size)
{
	struct pollfd p = { w->console, POLLIN, 0 };
	size_t done = 0;

	while (done < size && poll(&p, 1, FAKE_WAIT_MS) > 0) {
		ssize_t n = read(w->console, out + done, size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}
