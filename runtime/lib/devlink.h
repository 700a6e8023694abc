/*
 * How the two ends of a device worker's link take turns: the asking end is the
 * VM worker's (runtime/vm/remote.h), the answering one the device worker's
 * (runtime/devworker/host.h). What they say is common/devipc/devipc.h.
 *
 * Messages lie in the mailbox of the shared memory, one at a time. Each end
 * looks there for a while before it sleeps, and says that it does; who writes a
 * message then rings the sleeper's bell, an eventfd. A ring has no meaning of its
 * own. Beside the bells a link has a pair of sockets over which nothing is sent:
 * that one end is gone is what the other sees there at once. A worker does not
 * look into the mailbox before it is first rung: what its predecessor left there
 * is gone by then.
 *
 * Both ends have both bells and can ring and silence either; that harms nobody
 * but who waits for an answer, and that has a limit. None can make the other
 * block in a bell: they are non-blocking, and no cage of an end has a call that
 * would change that (a test of test/unit/sandbox says so). A bell that cannot
 * be rung because its counter is full rings already. Who rings again and again
 * without an answer breaks the rules.
 */
#ifndef VL_LIB_DEVLINK_H
#define VL_LIB_DEVLINK_H

#include "common/devipc/devipc.h"

/* What an end is handed, in the order of enum devipc_fd. */
#define DEVLINK_FDS (DEVIPC_FD_ANSWERED + 1)

/* One end of a link. It believes nothing of the mailbox that it wrote itself. */
struct devlink_end {
	int link;        /* tells of the other end's death; -1: there is none, nor are there bells */
	int bell, other; /* rung for this end, and for the other one */
	struct devipc_mailbox *mail;
	uint8_t *shared; /* DEVIPC_SHARED_BYTES */
	uint32_t count;  /* asked or answered so far */
	bool open;       /* answering: the bell was rung */
	uint32_t look_ns; /* how long to look before sleeping; adapts */
	uint32_t turns, rest_turns;
	/*
	 * Asking: where it says that somebody waits for this answer to come, or not to; NULL: nobody ever
	 * will.
	 */
	const _Atomic bool *hurry;
};

/* Once it is asked to hurry an end waits no longer than this: an honest worker answers long before. */
#define DEVLINK_HURRY_MS 2000u

/*
 * Makes a link: descriptors for each end, all of them the caller's, close-on-exec. VL_E_OS, and there are
 * none. (devlink_make.c; for the paravisor, which hands them over.)
 */
int devlink_make(int asker[DEVLINK_FDS], int answerer[DEVLINK_FDS]);
void devlink_close(const int fds[DEVLINK_FDS]);

/*
 * The descriptors are the end's from here on. The asking end empties the mailbox: no other worker may live
 * then.
 */
void devlink_asker(struct devlink_end *e, const int fds[DEVLINK_FDS], uint8_t *shared);
void devlink_answerer(struct devlink_end *e, const int fds[DEVLINK_FDS], uint8_t *shared);
/* Closes what it was handed, if there is anything. */
void devlink_drop(struct devlink_end *e);

/*
 * Puts `q` into the mailbox and waits at most `limit_ms`, or DEVLINK_HURRY_MS from when e->hurry is seen to
 * say so, until there is a reply, which devipc_take_reply() reads. VL_E_TIMEOUT, VL_E_CLOSED (the worker is
 * gone), VL_E_PROTOCOL (it counts wrong, or rings without end), VL_E_OS.
 */
int devlink_ask(struct devlink_end *e, const struct devipc_request *q, unsigned limit_ms);

/* The other end is gone, though nobody waits for it. */
bool devlink_lost(const struct devlink_end *e);

/* True: devlink_take() has something. False: nothing came for a while; poll for what devlink_poll() says. */
bool devlink_pending(struct devlink_end *e);
/* 0 and a checked copy; VL_E_PROTOCOL (the asker counts wrong), errors of devipc_take_request(). */
int devlink_take(struct devlink_end *e, struct devipc_request *q);
/* Puts `a` and its effects into the mailbox. VL_E_OS. */
int devlink_answer(struct devlink_end *e, const struct devipc_reply *a, const struct devipc_effect *effects);
/*
 * Waits for the next message to the device after a demand, at most `limit_ms`; errors of the others,
 * VL_E_TIMEOUT.
 */
int devlink_next(struct devlink_end *e, struct devipc_request *q, unsigned limit_ms);

/* For the answering end's loop: fills DEVLINK_POLL entries before poll(). */
#define DEVLINK_POLL 2
struct pollfd;
void devlink_poll(const struct devlink_end *e, struct pollfd *f);
/* After it: silences the bell if it rang. VL_E_CLOSED: the VM worker is gone; VL_E_OS. */
int devlink_woken(struct devlink_end *e, const struct pollfd *f);

#endif
