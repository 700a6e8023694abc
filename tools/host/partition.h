/*
 * Inside of the reference host: the partition's state as the core (tools/host)
 * and the port (ports/<arch>/host) share it. Other parts use host.h only.
 */
#ifndef VL_HOST_PARTITION_H
#define VL_HOST_PARTITION_H

#include "tools/host/host.h"
#include <sys/types.h>

/* --- Memory ------------------------------------------------------------------ */

struct host_ram {
	struct host_range range;
	uint64_t offset; /* in the memfd and in `base` */
	bool vtl2;
};

/*
 * One memfd, mapped twice: `base` is VTL2's view and ours, always read-write.
 * `vtl0_base` is VTL0's view: guest physical address a lies at vtl0_base + a;
 * all that is not VTL0's RAM, and what VTL2 protects, is inaccessible there, so
 * that KVM cannot resolve it and returns to us.
 */
struct host_memory {
	int fd;
	uint8_t *base;
	uint64_t bytes;
	uint8_t *vtl0_base;
	uint8_t *vtl0_denied; /* per page of it: HV_MAP_GPA_* that VTL2 took from VTL0 */
	uint64_t vtl0_bytes; /* end of VTL0's address space that has a view */
	struct host_ram ram[HOST_RAM_MAX];
	unsigned ram_count;
};

/* Decides the layout for config->memory_bytes and vtl2_bytes, and maps it. 0 or VL_E_RANGE, VL_E_NOMEM. */
int memory_create(struct host_memory *m, struct host_config *config, uint64_t vtl2_bytes);
void memory_destroy(struct host_memory *m);
/*
 * Lets VTL0 do what `access` (HV_MAP_GPA_*) says to one page of its RAM. KVM
 * knows no execute permission: it is ignored; a page without READ is not
 * accessible at all. VL_E_RANGE when not VTL0 RAM, VL_E_NOMEM when the system's
 * limit of mappings is reached.
 */
int memory_protect_vtl0(struct host_memory *m, gpa_t page, unsigned access);
/* True when the address is VTL0 RAM that VTL0 may read (write). */
bool memory_vtl0_access(const struct host_memory *m, gpa_t addr, bool write);

/* --- SynIC --------------------------------------------------------------------- */

#define SYNIC_QUEUE_MAX 64
#define SYNIC_EVENT_FLAGS (HV_EVENT_FLAGS_BYTES * 8)

struct synic {
	pthread_mutex_t lock;
	uint64_t scontrol, siefp, simp;
	uint64_t sint[HV_SINT_COUNT];
	struct {
		unsigned sint;
		struct hv_message message;
	} queue[SYNIC_QUEUE_MAX]; /* oldest first, over all SINTs */
	unsigned queue_count;
};

void synic_init(struct synic *s);
/* True while a SINT of that vector shows what VTL2 has not taken: a message, or event flags. Any thread. */
bool synic_waiting(struct host_vp *vp, unsigned vector);
/* Registers SINT0..15, SCONTROL, SVERSION, SIEFP, SIMP, EOM; VP's own thread. Result: enum hv_status. */
uint16_t synic_register_get(struct host_vp *vp, uint32_t name, uint64_t *value);
uint16_t synic_register_set(struct host_vp *vp, uint32_t name, uint64_t value);

/* --- VPs ------------------------------------------------------------------------ */

struct port_vp;
struct port_vm;
struct host_vbs;

struct host_call {
	uint64_t control;
	bool fast;
	gpa_t input, output;      /* when not fast */
	uint8_t in[VL_PAGE_BYTES];  /* the host's copy; the port fills it for a fast call */
	size_t in_bytes;
	uint8_t out[VL_PAGE_BYTES]; /* written back to memory, or to registers by the port */
	size_t out_bytes;
};

struct host_vp {
	struct host *host;
	unsigned index;
	uint64_t hardware_id; /* APIC id, MPIDR affinity */
	pthread_t thread;
	bool thread_running;
	atomic_bool finished; /* the thread is about to return */
	struct synic synic;
	uint64_t assist_page;   /* VTL2's VP assist page register */
	uint64_t register_page; /* VTL0's register page register */
	uint64_t crash[5];
	struct host_call call;
	struct port_vp *port;
	/* Start of the VP in VTL2; under host.start_lock. */
	bool vtl2_enabled, vtl2_started;
};

struct loop {
	int epoll_fd, wake_fd;
	pthread_t thread;
	bool thread_running;
	atomic_bool stop;
	pthread_mutex_t lock; /* of the posted work */
	struct loop_work *first, **last;
};

struct host {
	struct host_config config;
	struct host_memory memory;
	struct host_vp *vp; /* [config.vp_count] */
	struct loop loop;
	struct vmbus *vmbus;
	struct host_vbs *vbs; /* NULL: not isolated */
	struct port_vm *port;
	uint64_t guest_os_id;
	uint64_t vsm_config;       /* HV_VSM_CONFIG_* as VTL2 set it */
	pthread_mutex_t start_lock; /* the VPs' start fields */
	pthread_cond_t start_cond;
	pthread_mutex_t end_lock;
	pthread_cond_t end_cond;
	atomic_int end; /* enum host_end */
	uint64_t start_ns; /* CLOCK_MONOTONIC */
	uint64_t reference_origin; /* port_reference_clock() when the partition was made */
};

/* Maps VP index (HV_VP_INDEX_SELF allowed) to a VP, or NULL. */
struct host_vp *host_vp_find(struct host_vp *self, uint32_t index);
/* Lets a VP that has not run yet begin in VTL2; its context is set. */
void host_vp_start(struct host_vp *vp);

int loop_create(struct host *h);
int loop_start(struct host *h);
void loop_stop(struct host *h);    /* joins the thread */
void loop_destroy(struct host *h); /* drops work that was not run */

/* Executes vp->call and gives its result value (TLFS 3.7). VP's own thread. */
uint64_t hypercall_run(struct host_vp *vp);
/* One register of VTL `vtl`; VP's own thread. Result: enum hv_status. */
uint16_t register_get(struct host_vp *vp, unsigned vtl, uint32_t name, struct hv_reg_value *value);
uint16_t register_set(struct host_vp *vp, unsigned vtl, uint32_t name, const struct hv_reg_value *value);

/* 100 ns units since the partition was created. */
uint64_t host_reference_time(const struct host *h);
uint64_t host_now_ns(void);

#endif
