/*
 * A stand-in for the host core (tools/host/host.h) and for the Linux driver in
 * VTL2, so that VMBus, hvsock and the services run in a test or a fuzzer: RAM
 * is an array, the loop is turned by hand, and the guest_* functions do what
 * hv_vmbus and hv_sock do, written independently of the code under test.
 */
#ifndef VL_TEST_FAKE_HOST_H
#define VL_TEST_FAKE_HOST_H

#include "tools/host/host.h"
#include "tools/host/hvsock.h"
#include "tools/host/vmbus_protocol.h"

#define FAKE_RAM_BASE 0x40000000ull
#define FAKE_RAM_PAGES 1024u
#define FAKE_MESSAGES 64u

struct fake_message {
	uint8_t payload[HV_MESSAGE_PAYLOAD_BYTES];
	size_t bytes;
};

struct host {
	struct host_config config;
	uint8_t *ram;
	struct vmbus *bus;
	struct hvsock *sockets;
	struct fake_message message[FAKE_MESSAGES]; /* in VTL2's slot and behind it */
	unsigned message_count;
	bool slot_blocked; /* as if VTL2 took no messages */
	bool flag[2048];
	unsigned interrupts;
	struct host_source *source[64];
	uint32_t source_events[64];
	pthread_mutex_t lock; /* of `posted` */
	struct { void (*fn)(void *context); void *context; } posted[64];
	unsigned posted_count;
	int wake_fd; /* readable when something was posted */
	uint32_t next_page, next_gpadl;
};

/* A partition with VMBus and hvsock; fake_host_free ends it. */
struct host *fake_host_new(void);
void fake_host_free(struct host *h);
/* Runs what was posted to the loop, until nothing is. */
void fake_host_run(struct host *h);
/* Waits at most `limit_ms` for a source, calls it, then runs as above. False: nothing happened. */
bool fake_host_wait(struct host *h, int limit_ms);

/* --- VTL2's driver -------------------------------------------------------------- */

/* Posts a message and runs the loop; the hypercall's status. */
uint16_t guest_post(struct host *h, uint32_t type, const void *message, size_t bytes);
/* Takes the oldest message; its type must be `type`. Copies at most `bytes`. */
void guest_take(struct host *h, uint32_t type, void *message, size_t bytes);
void guest_initiate_contact(struct host *h);

struct guest_channel {
	struct host *h;
	uint32_t relid, connection_id, gpadl;
	uint32_t page[256]; /* index into RAM; send ring first */
	uint32_t send_pages, receive_pages;
	bool fin;
};

/* The host page behind page `index` of the channel's GPADL. */
uint8_t *guest_page(struct guest_channel *c, uint32_t index);
struct vmbus_ring_header *guest_send_header(struct guest_channel *c);
struct vmbus_ring_header *guest_receive_header(struct guest_channel *c);

/* Allocates scattered pages and creates a GPADL for both rings; the status of the answer. */
uint32_t guest_make_gpadl(struct guest_channel *c, uint32_t send_pages, uint32_t receive_pages);
/* Takes the offer that waits and fills in the channel. */
void guest_take_offer(struct host *h, struct guest_channel *c, struct vmbus_offer_channel *offer);
/* Opens the channel on its GPADL; the status of the answer. */
uint32_t guest_open(struct guest_channel *c);
/* Connects from `local` to the host's `port`: request, offer, GPADL, open, all successful. */
void guest_connect(struct host *h, struct guest_channel *c, uint32_t local, uint32_t port);
/* Sends the request only. */
void guest_request(struct host *h, uint32_t local, uint32_t port);
/* Writes one socket packet (0 bytes: FIN) and signals as Linux does; false when the ring is full. */
bool guest_send(struct guest_channel *c, const void *data, uint32_t bytes);
/* Reads one socket packet into out[0, 16384); -1 when the ring is empty. */
int64_t guest_receive(struct guest_channel *c, void *out);
void guest_signal(struct guest_channel *c);
/* Takes the rescind message, closes, and lets go of the channel as Linux does. */
void guest_take_rescind(struct guest_channel *c);

#endif
