/*
 * The host side of VMBus for VTL2 (peer: Linux's hv_vmbus driver, protocol
 * 5.0 to 6.0). The host core passes in what VTL2 posts and signals
 * (vmbus_post_message, vmbus_signal_event in host.h, any VP thread); hvsock.c
 * makes channels on it. What is declared here runs on the loop's thread only.
 * All that comes from VTL2, messages and ring memory, is untrusted.
 */
#ifndef VL_HOST_VMBUS_H
#define VL_HOST_VMBUS_H

#include "common/base/types.h"

/* VTL2's message connection; the one that Linux tries first (relayed VMBus) is refused. */
#define VMBUS_MESSAGE_CONNECTION_ID 4u
#define VMBUS_EVENT_CONNECTION_BASE 0x2000u /* + relid: that channel's signal from VTL2 */

#define VMBUS_CHANNEL_MAX 96
#define VMBUS_USER_DEFINED_BYTES 120

struct vmbus;
struct vmbus_channel;
struct vmbus_ring;

struct vmbus_guid {
	uint8_t bytes[16];
};

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
typedef void vmbus_connect_fn(void *context, const struct vmbus_guid *endpoint,
		const struct vmbus_guid *service);
void vmbus_set_connect_handler(struct vmbus *bus, vmbus_connect_fn *fn, void *context);
void vmbus_refuse_connect(struct vmbus *bus, const struct vmbus_guid *endpoint,
		const struct vmbus_guid *service);

/*
 * Offers a channel to VTL2. 0 and the channel, or VL_E_STATE (VTL2 is not
 * connected), VL_E_LIMIT (VMBUS_CHANNEL_MAX), VL_E_EXISTS (the instance is in use).
 */
int vmbus_offer(struct vmbus *bus, const struct vmbus_offer *offer, const struct vmbus_channel_ops *ops,
		void *context, struct vmbus_channel **channel);
/* Withdraws the offer; `released` follows when VTL2 has let go, or at its next connection. */
void vmbus_rescind(struct vmbus_channel *channel);
/* Releases every channel at once, as when VTL2 unloads. */
void vmbus_disconnect(struct vmbus *bus);
/* Interrupts VTL2 for this channel. */
void vmbus_interrupt(struct vmbus_channel *channel);
/* Rings of an open channel: what VTL2 writes, what VTL2 reads. */
struct vmbus_ring *vmbus_inbound(struct vmbus_channel *channel);
struct vmbus_ring *vmbus_outbound(struct vmbus_channel *channel);

#endif
