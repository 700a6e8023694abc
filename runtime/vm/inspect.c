/*
 * The VM worker's part of the inspect tree (runtime/lib/inspect_unit.h): topology, memory,
 * VPs, devices with their registers, streams. Called by the I/O loop's thread; the VPs go on
 * meanwhile. Registers and what the guest was told are "sensitive"; counts are "safe".
 */
#include "runtime/vm/inspect.h"
#include "common/base/fmt.h"
#include "runtime/vm/port.h"

/* NUMA nodes, by the numbers that the host gave. */
struct node {
	uint32_t number;
	unsigned vps;
	uint64_t ram_bytes;
};

#define NODE_MAX 16u /* that are shown; hosts have fewer */

static struct node *node_of(struct node nodes[NODE_MAX], unsigned *count, uint32_t number)
{
	unsigned n = 0;

	while (n < *count && nodes[n].number != number)
		n++;
	if (n == NODE_MAX)
		return NULL;
	if (n == *count)
		nodes[(*count)++] = (struct node){ .number = number };
	return &nodes[n];
}

static void put_nodes(const struct control_config *c, struct inspect *i)
{
	struct node nodes[NODE_MAX], *node;
	unsigned count = 0;

	for (uint32_t n = 0; n < c->vp_count; n++)
		if ((node = node_of(nodes, &count, c->vps[n].node)))
			node->vps++;
	for (uint32_t n = 0; n < c->range_count; n++)
		if (c->ranges[n].kind == CONTROL_RANGE_RAM &&
				(node = node_of(nodes, &count, c->ranges[n].node)))
			node->ram_bytes += c->ranges[n].size;
	for (unsigned n = 0; n < count; n++) {
		char name[24];

		vl_format(name, sizeof(name), "node%u", nodes[n].number);
		if (!inspect_open(i, name, INSPECT_SAFE))
			continue;
		inspect_u64(i, "vps", INSPECT_SAFE, INSPECT_COUNT, nodes[n].vps);
		inspect_u64(i, "ram-bytes", INSPECT_SAFE, INSPECT_PLAIN, nodes[n].ram_bytes);
		inspect_close(i);
	}
}

static void put_topology(const struct vm *vm, struct inspect *i)
{
	if (!inspect_open(i, "topology", INSPECT_SAFE))
		return;
	inspect_u64(i, "vps", INSPECT_SAFE, INSPECT_COUNT, vm->vp_count);
	for (unsigned n = 0; n < vm->vp_count; n++) {
		char name[24];

		vl_format(name, sizeof(name), "vp%u", n);
		if (!inspect_open(i, name, INSPECT_SAFE))
			continue;
		inspect_u64(i, "hardware-id", INSPECT_SAFE, INSPECT_HEX, vm->vp[n].hw_id);
		inspect_u64(i, "node", INSPECT_SAFE, INSPECT_PLAIN, vm->config->vps[n].node);
		inspect_close(i);
	}
	put_nodes(vm->config, i);
	inspect_close(i);
}

static void put_memory(const struct vm *vm, struct inspect *i)
{
	uint64_t ram_bytes = 0;

	if (!inspect_open(i, "memory", INSPECT_SAFE))
		return;
	for (uint32_t n = 0; n < vm->config->range_count; n++) {
		const struct control_range *r = &vm->config->ranges[n];
		char name[24];

		ram_bytes += r->kind == CONTROL_RANGE_RAM ? r->size : 0;
		vl_format(name, sizeof(name), "range%u", n);
		if (!inspect_open(i, name, INSPECT_SAFE))
			continue;
		inspect_text(i, "kind", INSPECT_SAFE, r->kind == CONTROL_RANGE_RAM ? "ram" : "mmio");
		inspect_u64(i, "base", INSPECT_SAFE, INSPECT_HEX, r->base);
		inspect_u64(i, "size", INSPECT_SAFE, INSPECT_HEX, r->size);
		inspect_u64(i, "node", INSPECT_SAFE, INSPECT_PLAIN, r->node);
		inspect_close(i);
	}
	inspect_u64(i, "ram-bytes", INSPECT_SAFE, INSPECT_PLAIN, ram_bytes);
	inspect_close(i);
}

static void put_exits(const struct vp_counts *c, struct inspect *i)
{
	if (!inspect_open(i, "exits", INSPECT_SAFE))
		return;
	for (unsigned n = 0; n < VP_EXIT_KINDS; n++) {
		uint32_t type = atomic_load_explicit(&c->kind[n].type, memory_order_relaxed);
		const char *known = vp_exit_name(type);
		char name[24];

		if (!type)
			break;
		vl_format(name, sizeof(name), "0x%x", type);
		inspect_u64(i, known ? known : name, INSPECT_SAFE, INSPECT_COUNT,
			atomic_load_explicit(&c->kind[n].count, memory_order_relaxed));
	}
	inspect_u64(i, "other", INSPECT_SAFE, INSPECT_COUNT,
		atomic_load_explicit(&c->other, memory_order_relaxed));
	inspect_u64(i, "kicked", INSPECT_SAFE, INSPECT_COUNT,
		atomic_load_explicit(&c->kicked, memory_order_relaxed));
	inspect_close(i);
}

/*
 * By their TLFS numbers, as a triple fault's are told. A VP that runs VTL0 cannot be asked, an isolated
 * one is not.
 */
static void put_registers(struct vp *vp, struct inspect *i)
{
	if (vp->vm->clock.running || vp->vm->config->isolated ||
			!inspect_open(i, "registers", INSPECT_SENSITIVE))
		return;
	if (vp_do(vp, VP_JOB_LOOK))
		vp->seen_count = 0;
	for (uint32_t n = 0; n < vp->seen_count; n++) {
		const struct control_register *r = &vp->seen[n];
		char name[24];

		vl_format(name, sizeof(name), "0x%08x", r->name);
		inspect_u64(i, name, INSPECT_SENSITIVE, INSPECT_HEX, r->low);
	}
	inspect_close(i);
}

static void put_vps(struct vm *vm, struct inspect *i)
{
	for (unsigned n = 0; n < vm->vp_count; n++) {
		const struct vp_counts *c = &vm->vp[n].counts;
		char name[24];

		vl_format(name, sizeof(name), "vp%u", n);
		if (!inspect_open(i, name, INSPECT_SAFE))
			continue;
		inspect_u64(i, "exits-in-all", INSPECT_SAFE, INSPECT_COUNT, atomic_load(&vm->vp[n].exits));
		inspect_u64(i, "time-in-vtl0-ns", INSPECT_SAFE, INSPECT_PLAIN,
			clock_ticks_ns(&vm->clock,
				atomic_load_explicit(&c->vtl0_ticks, memory_order_relaxed)));
		inspect_u64(i, "time-in-vtl2-ns", INSPECT_SAFE, INSPECT_PLAIN,
			clock_ticks_ns(&vm->clock,
				atomic_load_explicit(&c->vtl2_ticks, memory_order_relaxed)));
		put_exits(c, i);
		put_registers(&vm->vp[n], i);
		inspect_close(i);
	}
}

static void put_stream(const struct vm_stream *s, struct inspect *i)
{
	if (!inspect_open(i, "stream", INSPECT_SAFE))
		return;
	inspect_bool(i, "connected", INSPECT_SAFE, s->fd >= 0);
	inspect_u64(i, "out-waiting-bytes", INSPECT_SAFE, INSPECT_PLAIN, s->out_count);
	inspect_u64(i, "in-waiting-bytes", INSPECT_SAFE, INSPECT_PLAIN, s->in_count);
	inspect_bool(i, "starved", INSPECT_SAFE, s->starved);
	inspect_bool(i, "input-held", INSPECT_SAFE, s->input_held);
	inspect_close(i);
}

static void put_regions(const struct vm *vm, const struct dev_instance *device, struct inspect *i)
{
	unsigned count = 0;

	if (!inspect_open(i, "regions", INSPECT_SAFE))
		return;
	for (unsigned space = 0; space < VL_ARRAY_COUNT(vm->bus.count); space++)
		for (unsigned n = 0; n < vm->bus.count[space]; n++) {
			const struct bus_entry *e = &vm->bus.entry[space][n];
			char name[24], text[48];

			if (e->device != device)
				continue;
			vl_format(name, sizeof(name), "%u", count++);
			vl_format(text, sizeof(text), "%s 0x%llx-0x%llx",
				space == DEV_PIO ? "port" : "memory", (unsigned long long)e->region.base,
				(unsigned long long)(e->region.base + e->region.size - 1));
			inspect_text(i, name, INSPECT_SAFE, text);
		}
	inspect_close(i);
}

static void put_device(const struct vm *vm, const struct vm_device *d, struct inspect *i)
{
	if (!inspect_open(i, d->instance->name, INSPECT_SAFE))
		return;
	inspect_text(i, "model", INSPECT_SAFE, d->instance->model->name);
	if (d->irq != VM_NO_IRQ) {
		inspect_u64(i, "irq", INSPECT_SAFE, INSPECT_PLAIN, d->irq);
		inspect_u64(i, "irq-lines", INSPECT_UNSPECIFIED, INSPECT_HEX, d->lines);
	}
	put_regions(vm, d->instance, i);
	if (d->stream)
		put_stream(d->stream, i);
	if (d->instance->model->inspect && inspect_open(i, "registers", INSPECT_SENSITIVE)) {
		d->instance->model->inspect(d->instance->dev, i);
		inspect_close(i);
	}
	inspect_close(i);
}

static void put_devices(struct vm *vm, struct inspect *i)
{
	if (!inspect_open(i, "devices", INSPECT_SAFE))
		return;
	for (unsigned n = 0; n < vm->device_count; n++)
		put_device(vm, &vm->device[n], i);
	inspect_close(i);
}

static const char *state_of(struct vm *vm)
{
	if (vm_ended(vm, NULL))
		return "ended";
	return vm->clock.running ? "running" : "stopped";
}

void vm_inspect(void *context, struct inspect *i)
{
	struct vm *vm = context;

	inspect_text(i, "state", INSPECT_SAFE, state_of(vm));
	put_topology(vm, i);
	put_memory(vm, i);
	if (inspect_open(i, "vps", INSPECT_SAFE)) {
		put_vps(vm, i);
		inspect_close(i);
	}
	pthread_mutex_lock(&vm->lock);
	inspect_u64(i, "time-ns", INSPECT_SAFE, INSPECT_PLAIN, clock_now_ns(&vm->clock));
	inspect_u64(i, "stray-accesses", INSPECT_SAFE, INSPECT_COUNT, vm->strays);
	put_devices(vm, i);
	pthread_mutex_unlock(&vm->lock);
}
