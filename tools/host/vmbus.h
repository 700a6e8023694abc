/*
 * The host side of VMBus for VTL2 (peer: Linux's hv_vmbus driver, protocol
 * 5.0 to 6.0). The host core passes in what VTL2 posts and signals; hvsock.c
 * makes channels on it. All that comes from VTL2, messages and ring memory, is
 * untrusted.
 *
 * Threads: vmbus_post_message, vmbus_signal_event and vmbus_message_taken may
 * be called by any VP thread: they queue, wake the loop and never wait for
 * more than a short copy. All else runs on the event loop's thread.
 */
#ifndef VL_HOST_VMBUS_H
#define VL_HOST_VMBUS_H

#include "common/hv/hv.h"
#include "tools/host/loop.h"

/* VTL2's message connection; the one that is tried first (relayed VMBus) is refused. */
#define VMBUS_MESSAGE_CONNECTION_ID 4u
#define VMBUS_REDIRECT_CONNECTION_ID 0x800074u
#define VMBUS_EVENT_CONNECTION_BASE 0x2000u /* + relid: that channel's signal from VTL2 */

/* What the host core does for VMBus. Called on the loop's thread; must be safe against running VPs. */
struct vmbus_host_ops {
	/*
	 * Host memory of the RAM page at `at` (page aligned) that VTL2 may use, or NULL.
	 * It stays valid as long as the partition.
	 */
	uint8_t *(*page)(void *context, gpa_t at);
	/*
	 * Puts a message (type HV_MESSAGE_VMBUS) into the slot of `sint` on VP `vp_index`
	 * in VTL2 and raises the SINT's interrupt. 0; VL_E_AGAIN when the slot holds a
	 * message: then the core sets HV_MESSAGE_FLAG_PENDING in it and calls
	 * vmbus_message_taken() at the guest's EOM; VL_E_STATE when the SynIC is not
	 * enabled (the message is dropped).
	 */
	int (*post_message)(void *context, uint32_t vp_index, unsigned sint, const void *payload, size_t bytes);
	/*
	 * Sets event flag `flag` (0..2047) of `sint` on VP `vp_index` in VTL2 and raises
	 * the interrupt if the flag was clear.
	 */
	void (*signal_event)(void *context, uint32_t vp_index, unsigned sint, unsigned flag);
};

struct vmbus;

/* Allocates; `loop` and `ops` must outlive it. NULL when out of memory. */
struct vmbus *vmbus_create(struct host_loop *loop, const struct vmbus_host_ops *ops, void *context);
void vmbus_destroy(struct vmbus *bus);

/*
 * HvCallPostMessage from VTL2. `message` is a private copy of the input page.
 * Returns the hypercall's status: SUCCESS, INVALID_CONNECTION_ID,
 * INVALID_PARAMETER, INSUFFICIENT_BUFFERS (the guest retries).
 */
enum hv_status vmbus_post_message(struct vmbus *bus, const struct hv_input_post_message *message);
/* HvCallSignalEvent from VTL2: connection id in bits 0-31, flag number in 32-47 of the input. */
enum hv_status vmbus_signal_event(struct vmbus *bus, uint64_t input);
/* The guest ended a message (EOM) on some VP whose slot had been busy. */
void vmbus_message_taken(struct vmbus *bus);
/* VTL2 was reset: all connections end as if it had unloaded. Loop's thread. */
void vmbus_reset(struct vmbus *bus);

/* --- Channels, for hvsock.c ------------------------------------------------ */

struct vmbus_channel;
struct vmbus_ring;

struct vmbus_guid {
	uint8_t bytes[16];
};

#define VMBUS_CHANNEL_MAX 96
#define VMBUS_USER_DEFINED_BYTES 120

struct vmbus_offer {
	struct vmbus_guid type, instance;
	uint16_t flags; /* VMBUS_OFFER_* of vmbus_protocol.h */
	uint8_t user_defined[VMBUS_USER_DEFINED_BYTES];
};

struct vmbus_channel_ops {
	/* VTL2 opened the channel; the rings are ready. */
	void (*opened)(void *context);
	/* VTL2 signalled: there is something to read or room to write. */
	void (*signalled)(void *context);
	/* VTL2 closed an open channel; the rings must not be touched any more. */
	void (*closed)(void *context);
	/* The channel is gone (after vmbus_rescind, or with the whole connection). Last call. */
	void (*released)(void *context);
};

/* VTL2's request for a Hyper-V socket connection; answered by vmbus_offer or vmbus_refuse_connect. */
typedef void vmbus_connect_fn(void *context, const struct vmbus_guid *endpoint, const struct vmbus_guid *service);
void vmbus_set_connect_handler(struct vmbus *bus, vmbus_connect_fn *fn, void *context);
void vmbus_refuse_connect(struct vmbus *bus, const struct vmbus_guid *endpoint, const struct vmbus_guid *service);

/*
 * Offers a channel to VTL2. 0 and the channel, or VL_E_STATE (VTL2 is not
 * connected), VL_E_LIMIT (VMBUS_CHANNEL_MAX), VL_E_EXISTS (the instance is in use).
 */
int vmbus_offer(struct vmbus *bus, const struct vmbus_offer *offer, const struct vmbus_channel_ops *ops, void *context,
		struct vmbus_channel **channel);
/* Withdraws the offer; `released` follows when VTL2 has let go, or at reset. */
void vmbus_rescind(struct vmbus_channel *channel);
/* Interrupts VTL2 for this channel. */
void vmbus_interrupt(struct vmbus_channel *channel);
/* Rings of an open channel: what VTL2 writes, what VTL2 reads. */
struct vmbus_ring *vmbus_inbound(struct vmbus_channel *channel);
struct vmbus_ring *vmbus_outbound(struct vmbus_channel *channel);

#endif
