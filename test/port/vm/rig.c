/* rig.h. */
#include "test/port/vm/rig.h"
#include <check.h>
#include <sys/socket.h>

void vmrig_begin(struct fake_worker *w)
{
	worker_init(w);
	script_give_kernel(w);
}

void vmrig_start(struct fake_worker *w)
{
	ck_assert_int_eq(control_signal(w->control, CONTROL_START), 0);
	ck_assert_int_eq(worker_receive(w), CONTROL_STARTED);
}

void vmrig_stop(struct fake_worker *w)
{
	ck_assert_int_eq(control_signal(w->control, CONTROL_STOP), 0);
	ck_assert_int_eq(worker_receive(w), CONTROL_DONE);
	ck_assert_int_eq(w->message.done.error, 0);
}

void vmrig_boot(struct fake_worker *w)
{
	worker_start(w);
	vmrig_start(w);
}

void vmrig_expect_end(struct fake_worker *w, enum control_type type)
{
	ck_assert_int_eq(worker_receive(w), type);
	ck_assert_int_eq(worker_end(w), 0);
}

int vmrig_connect_disk(struct fake_worker *w)
{
	unsigned n = w->config.fd_count++;
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	w->config.fds[n] = (struct control_fd){ CONTROL_FD_DISK, 0 };
	w->fds[n] = pair[1];
	return pair[0];
}

int vmrig_save(struct fake_worker *w)
{
	vmrig_stop(w);
	ck_assert_int_eq(control_signal(w->control, CONTROL_SAVE), 0);
	ck_assert_int_eq(worker_receive(w), CONTROL_DONE);
	ck_assert_int_eq(w->message.done.error, 0);
	ck_assert_int_ge(w->fd, 0);
	return w->fd;
}

int vmrig_restore(struct fake_worker *w, int fd)
{
	ck_assert_int_eq(control_send(w->control, CONTROL_RESTORE, &(struct control_header){ 0 },
		sizeof(struct control_header), &fd, 1), 0);
	ck_assert_int_eq(worker_receive(w), CONTROL_DONE);
	return w->message.done.error;
}
