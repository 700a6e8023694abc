/*
 * The virtio transport over PCI (Virtual I/O Device 1.2, section 4.1), modern
 * interface only: for device models that are virtio devices. BAR 0 holds all
 * structures. The guest's accesses and rings are hostile: a guest that breaks
 * the rules gets DEVICE_NEEDS_RESET and nothing else happens.
 */
#ifndef VL_DEV_VIRTIO_PCI_H
#define VL_DEV_VIRTIO_PCI_H

#include "runtime/dev/pci.h"
#include "runtime/dev/virtq.h"

#define VIRTIO_QUEUES_MAX 4
#define VIRTIO_STATUS_DRIVER_OK 0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u

/* What a kind of virtio device gives the transport; `dev` is its model's state. */
struct virtio_kind {
	uint16_t type;       /* device id of section 5: 2 block */
	uint32_t class_code;
	unsigned queue_count, config_bytes;
	/* Device configuration space; offset + size lies within config_bytes. */
	uint64_t (*config_read)(void *dev, unsigned offset, unsigned size);
	/* the guest put something in; only between DRIVER_OK and reset */
	void (*notify)(void *dev, unsigned queue);
	void (*reset)(void *dev); /* the guest resets the device: touch its memory no more */
};

struct virtio_pci {
	const struct virtio_kind *kind;
	void *dev;
	struct dev_env *env;
	struct pci_function pci;
	struct virtq queue[VIRTIO_QUEUES_MAX];
	uint64_t offered, accepted; /* features */
	uint32_t offered_select, accepted_select;
	uint16_t config_vector, queue_select;
	uint8_t status, isr, generation;
	uint8_t cfg_cap; /* where the PCI configuration access capability is */
};

/* `offered`: the device's features; VERSION_1, EVENT_IDX and INDIRECT_DESC are added. */
void virtio_pci_init(struct virtio_pci *v, struct dev_env *env, const struct virtio_kind *kind, void *dev,
		     uint64_t offered);
/* For the model's read and write, every region id. */
uint64_t virtio_pci_read(struct virtio_pci *v, unsigned id, uint64_t offset, unsigned size);
void virtio_pci_write(struct virtio_pci *v, unsigned id, uint64_t offset, unsigned size, uint64_t value);
void virtio_pci_reset(struct virtio_pci *v);
/* Fields 0xe00-0xfff of the unit are the transport's. */
void virtio_pci_save(const struct virtio_pci *v, struct state_writer *w);
void virtio_pci_restore(struct virtio_pci *v, struct state_reader *r);
/* For the model's inspect: the transport's registers, its queues and the function's. */
void virtio_pci_inspect(const struct virtio_pci *v, struct inspect *i);

/* The next chain of a queue: true. A rule broken ends in virtio_pci_fail(). */
bool virtio_pci_pop(struct virtio_pci *v, unsigned queue, struct virtq_chain *chain);
/* Gives a chain back; the guest hears of it at virtio_pci_signal(). */
void virtio_pci_push(struct virtio_pci *v, unsigned queue, uint16_t head, uint32_t written);
void virtio_pci_signal(struct virtio_pci *v, unsigned queue);
/* The guest broke the rules: it must reset the device. */
void virtio_pci_fail(struct virtio_pci *v);
/* The device configuration space has changed. */
void virtio_pci_config_changed(struct virtio_pci *v);
/* The device may touch the guest's rings and memory. */
bool virtio_pci_ready(const struct virtio_pci *v);

#endif
