// SPDX-License-Identifier: GPL-2.0
/*
 * VTL2 driver for arm64: the user space interface of include/uapi/linux/mshv.h
 * (/dev/mshv, the VTL file, /dev/mshv_hvcall, /dev/mshv_vtl_low), which
 * mainline implements for x86_64 only.
 *
 * The paravisor's VM worker runs each VP of the guest by an ioctl on the thread
 * pinned to that VP's CPU. The general registers of VTL0 pass through the run
 * page, which the host knows as the VTL context page; all others go by
 * hypercall, so there is no register page. FP and SIMD registers stay with the
 * host's VTL0 vCPU: entering VTL0 does not touch this CPU's.
 *
 * User space here is the paravisor, trusted to run the guest but not to break
 * the kernel: every argument is copied once and checked.
 */
#include <linux/anon_inodes.h>
#include <linux/arm-smccc.h>
#include <linux/cpuhotplug.h>
#include <linux/entry-virt.h>
#include <linux/file.h>
#include <linux/memremap.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <trace/events/ipi.h>
#include <asm/mshyperv.h>
#include <hyperv/hvhdk.h>
#include <uapi/linux/mshv.h>

#define REG_VP_ASSIST_PAGE	0x00090013
#define REG_CONTEXT_PAGE	0x000d00c0	/* see the port's hv_arch.h */
#define REG_PAGE_ENABLE		1ull

#define CALL_VTL_RETURN		0x0012
#define ENTRY_INTERRUPT		2
#define ENTRY_INTERCEPT		3
#define ASSIST_ENTRY_REASON	8	/* u32 */
#define ASSIST_MESSAGE		112

#define PAGE_KIND_SHIFT		16	/* mmap page offset: CPU below, kind above */

#define HVCALL_BITMAP_BYTES	((U16_MAX + 1) / 8)

/* Shared with user space by mmap; the layout is that of mainline's x86_64 driver. */
struct run_page {
	u32 cancel;
	u32 vtl_ret_action_size;
	u32 pad[2];
	u8 exit_message[MSHV_MAX_RUN_MSG_SIZE];
	union {
		u64 x[31];
		u8 reserved[1024];
	} context;
	u8 vtl_ret_actions[MSHV_MAX_RUN_MSG_SIZE];
};
static_assert(offsetof(struct run_page, context) == 272);

struct vp {
	struct run_page *run;
	void *assist;
};

struct poll_watch {
	struct mutex lock;
	struct file *file;
	wait_queue_head_t *head;
	wait_queue_entry_t entry;
	poll_table table;
	int cpu;
};

struct hvcall_file {
	struct mutex lock;
	bool ready;
	unsigned long *allowed;
};

static DEFINE_PER_CPU(struct vp, vps);
static DEFINE_PER_CPU(struct poll_watch, watches);
static struct device *memory_device;

/* Fast HvCallGet/SetVpRegisters of one register; `vtl` is a hv_input_vtl byte. */
static int register_call(u16 code, u8 vtl, struct hv_register_assoc *reg)
{
	struct arm_smccc_1_2_regs in = {
		.a0 = HV_FUNC_ID,
		.a1 = code | HV_HYPERCALL_FAST_BIT | HV_HYPERCALL_REP_COMP_1,
		.a2 = HV_PARTITION_ID_SELF,
		.a3 = HV_VP_INDEX_SELF | (u64)vtl << 32,
		.a4 = reg->name,
		.a6 = reg->value.reg128.low_part,
		.a7 = reg->value.reg128.high_part,
	}, out;

	arm_smccc_1_2_hvc(&in, &out);
	if (!hv_result_success(out.a0))
		return hv_result_to_errno(out.a0);
	if (code == HVCALL_GET_VP_REGISTERS) {
		reg->value.reg128.low_part = out.a6;
		reg->value.reg128.high_part = out.a7;
	}
	return 0;
}

static int set_own_page(u32 name, void *page)
{
	struct hv_register_assoc reg = { .name = name };

	reg.value.reg64 = virt_to_phys(page) | REG_PAGE_ENABLE;
	return register_call(HVCALL_SET_VP_REGISTERS, 0, &reg);
}

static int vp_online(unsigned int cpu)
{
	struct vp *vp = per_cpu_ptr(&vps, cpu);
	int ret;

	if (vp->run)
		return 0;
	vp->run = (void *)get_zeroed_page(GFP_KERNEL);
	vp->assist = (void *)get_zeroed_page(GFP_KERNEL);
	ret = vp->run && vp->assist ? 0 : -ENOMEM;
	if (!ret)
		ret = set_own_page(REG_VP_ASSIST_PAGE, vp->assist);
	if (!ret)
		ret = set_own_page(REG_CONTEXT_PAGE, vp->run);
	if (!ret)
		return 0;
	pr_err("mshv_vtl: CPU %u: the host refuses the VP assist or VTL context page: %d\n", cpu, ret);
	free_page((unsigned long)vp->run);
	free_page((unsigned long)vp->assist);
	vp->run = vp->assist = NULL;
	return ret;
}

/* --- The VTL file: run VPs ------------------------------------------------ */

static void cancel_cpu(int cpu)
{
	struct run_page *run = per_cpu(vps, cpu).run;
	int here = get_cpu();

	if (here == cpu)
		WRITE_ONCE(run->cancel, 1);
	else if (!xchg_relaxed(&run->cancel, 1))
		smp_send_reschedule(cpu);
	put_cpu();
}

static int watch_wake(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	cancel_cpu(container_of(entry, struct poll_watch, entry)->cpu);
	return 0;
}

static void watch_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct poll_watch *watch = container_of(table, struct poll_watch, table);

	if (WARN_ON_ONCE(watch->head))
		return;
	watch->head = head;
	add_wait_queue(head, &watch->entry);
}

static void watch_replace(struct poll_watch *watch, struct file *file, int cpu)
{
	struct file *old;

	mutex_lock(&watch->lock);
	if (watch->head)
		remove_wait_queue(watch->head, &watch->entry);
	watch->head = NULL;
	old = watch->file;
	watch->file = file;
	watch->cpu = cpu;
	init_waitqueue_func_entry(&watch->entry, watch_wake);
	init_poll_funcptr(&watch->table, watch_queue);
	if (file && vfs_poll(file, &watch->table))
		cancel_cpu(cpu); /* it was ready before we looked */
	mutex_unlock(&watch->lock);
	if (old)
		fput(old);
}

static long vtl_set_poll_file(void __user *arg)
{
	struct mshv_vtl_set_poll_file input;
	struct file *file;

	if (copy_from_user(&input, arg, sizeof(input)))
		return -EFAULT;
	if (input.cpu < 0 || input.cpu >= nr_cpu_ids || !cpu_online(input.cpu))
		return -EINVAL;
	file = fget(input.fd);
	if (!file)
		return -EBADF;
	watch_replace(per_cpu_ptr(&watches, input.cpu), file, input.cpu);
	return 0;
}

static long vtl_registers(void __user *arg, u16 code)
{
	struct mshv_vp_registers list;
	struct hv_register_assoc reg;
	int ret;

	if (copy_from_user(&list, arg, sizeof(list)))
		return -EFAULT;
	if (list.count != 1)
		return -EINVAL;
	if (copy_from_user(&reg, u64_to_user_ptr(list.regs_ptr), sizeof(reg)))
		return -EFAULT;
	ret = register_call(code, 0x10, &reg); /* use_target_vtl, VTL 0 */
	if (!ret && code == HVCALL_GET_VP_REGISTERS &&
	    copy_to_user(u64_to_user_ptr(list.regs_ptr), &reg, sizeof(reg)))
		return -EFAULT;
	return ret;
}

/* Runs VTL0 once; interrupts are off, so that one pending for us brings the host back here. */
static u32 enter_vtl0(struct vp *vp)
{
	struct arm_smccc_res res;
	unsigned long flags;
	u32 reason = ENTRY_INTERRUPT;

	local_irq_save(flags);
	if (!READ_ONCE(vp->run->cancel)) {
		arm_smccc_1_1_hvc(HV_FUNC_ID, CALL_VTL_RETURN, 0, 0, &res);
		reason = hv_result_success(res.a0) ?
				READ_ONCE(*(u32 *)(vp->assist + ASSIST_ENTRY_REASON)) : 0;
	}
	local_irq_restore(flags);
	return reason;
}

static long vtl_run(void)
{
	struct vp *vp;
	long ret = 0;
	u32 reason;

	preempt_disable();
	vp = this_cpu_ptr(&vps);
	for (;;) {
		if (__xfer_to_guest_mode_work_pending()) {
			preempt_enable();
			ret = xfer_to_guest_mode_handle_work();
			if (ret)
				return ret;
			preempt_disable();
			vp = this_cpu_ptr(&vps);
		}
		if (!vp->run) {
			ret = -ENXIO;
			break;
		}
		if (READ_ONCE(vp->run->cancel)) {
			ret = -EINTR;
			break;
		}
		reason = enter_vtl0(vp);
		if (reason == ENTRY_INTERCEPT) {
			memcpy(vp->run->exit_message, vp->assist + ASSIST_MESSAGE, MSHV_MAX_RUN_MSG_SIZE);
			break;
		}
		if (reason != ENTRY_INTERRUPT) {
			pr_err_ratelimited("mshv_vtl: the host returned from VTL0 with entry reason %u\n",
					reason);
			ret = -EIO;
			break;
		}
	}
	preempt_enable();
	return ret;
}

static long vtl_add_memory(void __user *arg)
{
	struct mshv_vtl_ram_disposition range;
	struct dev_pagemap *map;
	void *address;

	if (copy_from_user(&range, arg, sizeof(range)))
		return -EFAULT;
	if (range.last_pfn <= range.start_pfn || range.last_pfn > PHYS_PFN(PHYS_ADDR_MAX))
		return -EINVAL;
	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return -ENOMEM;
	map->range.start = PFN_PHYS(range.start_pfn);
	map->range.end = PFN_PHYS(range.last_pfn) - 1; /* last_pfn is exclusive in this interface */
	map->nr_range = 1;
	map->type = MEMORY_DEVICE_GENERIC;
	map->vmemmap_shift = min_t(unsigned long, __ffs64(range.start_pfn | range.last_pfn), MAX_FOLIO_ORDER);
	address = devm_memremap_pages(memory_device, map);
	if (IS_ERR(address)) {
		kfree(map);
		return PTR_ERR(address);
	}
	return 0; /* the map stays for the life of this kernel: VTL0's memory never goes away */
}

static long vtl_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (request) {
	case MSHV_SET_POLL_FILE:
		return vtl_set_poll_file(user);
	case MSHV_GET_VP_REGISTERS:
		return vtl_registers(user, HVCALL_GET_VP_REGISTERS);
	case MSHV_SET_VP_REGISTERS:
		return vtl_registers(user, HVCALL_SET_VP_REGISTERS);
	case MSHV_RETURN_TO_LOWER_VTL:
		return vtl_run();
	case MSHV_ADD_VTL0_MEMORY:
		return vtl_add_memory(user);
	default:
		return -ENOTTY;
	}
}

static vm_fault_t vtl_fault(struct vm_fault *fault)
{
	unsigned long cpu = fault->pgoff & (BIT(PAGE_KIND_SHIFT) - 1);
	struct run_page *run;

	if (fault->pgoff >> PAGE_KIND_SHIFT || cpu >= nr_cpu_ids || !cpu_online(cpu))
		return VM_FAULT_SIGBUS;
	run = per_cpu(vps, cpu).run;
	if (!run)
		return VM_FAULT_SIGBUS;
	fault->page = virt_to_page(run);
	get_page(fault->page);
	return 0;
}

static const struct vm_operations_struct vtl_vm_ops = { .fault = vtl_fault };

static int vtl_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &vtl_vm_ops;
	return 0;
}

static const struct file_operations vtl_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = vtl_ioctl,
	.mmap = vtl_mmap,
};

/* --- /dev/mshv -------------------------------------------------------------- */

static long root_check_extension(void __user *arg)
{
	u32 capability;

	if (copy_from_user(&capability, arg, sizeof(capability)))
		return -EFAULT;
	/* The interface itself is there (0); register page, return actions and shared DR6 are not. */
	return capability <= MSHV_CAP_DR6_SHARED ? 0 : -EOPNOTSUPP;
}

static long root_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	switch (request) {
	case MSHV_CHECK_EXTENSION:
		return root_check_extension((void __user *)arg);
	case MSHV_CREATE_VTL:
		return anon_inode_getfd("mshv_vtl", &vtl_fops, NULL, O_RDWR | O_CLOEXEC);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations root_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = root_ioctl,
	.llseek = noop_llseek,
};

/* --- /dev/mshv_hvcall: hypercalls on a once-set allow list --------------------- */

static int hvcall_open(struct inode *inode, struct file *file)
{
	struct hvcall_file *state;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	state = kzalloc(sizeof(*state), GFP_KERNEL);
	if (!state)
		return -ENOMEM;
	state->allowed = vzalloc(HVCALL_BITMAP_BYTES);
	if (!state->allowed) {
		kfree(state);
		return -ENOMEM;
	}
	mutex_init(&state->lock);
	file->private_data = state;
	return 0;
}

static int hvcall_release(struct inode *inode, struct file *file)
{
	struct hvcall_file *state = file->private_data;

	vfree(state->allowed);
	kfree(state);
	return 0;
}

static long hvcall_setup(struct hvcall_file *state, void __user *arg)
{
	struct mshv_vtl_hvcall_setup setup;
	long ret = 0;

	if (copy_from_user(&setup, arg, sizeof(setup)))
		return -EFAULT;
	if (setup.bitmap_array_size > HVCALL_BITMAP_BYTES)
		return -EINVAL;
	mutex_lock(&state->lock);
	if (state->ready)
		ret = -EBUSY;
	else if (copy_from_user(state->allowed, u64_to_user_ptr(setup.allow_bitmap_ptr),
			setup.bitmap_array_size))
		ret = -EFAULT;
	else
		state->ready = true;
	mutex_unlock(&state->lock);
	return ret;
}

static bool hvcall_allowed(struct hvcall_file *state, u64 control)
{
	bool allowed;

	mutex_lock(&state->lock);
	allowed = state->ready && test_bit(control & U16_MAX, state->allowed);
	mutex_unlock(&state->lock);
	return allowed;
}

static long hvcall_call(struct hvcall_file *state, struct mshv_vtl_hvcall __user *user)
{
	struct mshv_vtl_hvcall call;
	void *in, *out;
	long ret = -EFAULT;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (call.input_size > HV_HYP_PAGE_SIZE || call.output_size > HV_HYP_PAGE_SIZE)
		return -EINVAL;
	if (call.control & HV_HYPERCALL_FAST_BIT)
		return -EINVAL; /* the input is in memory here */
	if (!hvcall_allowed(state, call.control))
		return -EPERM;
	in = (void *)get_zeroed_page(GFP_KERNEL);
	out = (void *)get_zeroed_page(GFP_KERNEL);
	if (!in || !out) {
		ret = -ENOMEM;
		goto done;
	}
	if (copy_from_user(in, u64_to_user_ptr(call.input_ptr), call.input_size))
		goto done;
	call.status = hv_do_hypercall(call.control, in, out);
	if (copy_to_user(u64_to_user_ptr(call.output_ptr), out, call.output_size))
		goto done;
	ret = put_user(call.status, &user->status);
done:
	free_page((unsigned long)in);
	free_page((unsigned long)out);
	return ret;
}

static long hvcall_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	switch (request) {
	case MSHV_HVCALL_SETUP:
		return hvcall_setup(file->private_data, (void __user *)arg);
	case MSHV_HVCALL:
		return hvcall_call(file->private_data, (struct mshv_vtl_hvcall __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations hvcall_fops = {
	.owner = THIS_MODULE,
	.open = hvcall_open,
	.release = hvcall_release,
	.unlocked_ioctl = hvcall_ioctl,
};

/* --- /dev/mshv_vtl_low: VTL0's memory, file offset = guest physical address ----- */

static int low_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static vm_fault_t low_huge_fault(struct vm_fault *fault, unsigned int order)
{
	unsigned long size = PAGE_SIZE << order;
	unsigned long start = fault->address & ~(size - 1);
	unsigned long pfn = fault->pgoff & ~((1ul << order) - 1);

	if (!pfn_valid(fault->pgoff))
		return VM_FAULT_SIGBUS; /* not memory that MSHV_ADD_VTL0_MEMORY announced */
	if (order == 0)
		return vmf_insert_mixed(fault->vma, fault->address, fault->pgoff);
	if (order != PMD_ORDER ||
	    (fault->address & (size - 1)) != ((fault->pgoff << PAGE_SHIFT) & (size - 1)) ||
	    start < fault->vma->vm_start || start + size > fault->vma->vm_end)
		return VM_FAULT_FALLBACK;
	return vmf_insert_pfn_pmd(fault, pfn, fault->flags & FAULT_FLAG_WRITE);
}

static vm_fault_t low_fault(struct vm_fault *fault)
{
	return low_huge_fault(fault, 0);
}

static const struct vm_operations_struct low_vm_ops = { .fault = low_fault, .huge_fault = low_huge_fault };

static int low_mmap(struct file *file, struct vm_area_struct *vma)
{
	vma->vm_ops = &low_vm_ops;
	vm_flags_set(vma, VM_HUGEPAGE | VM_MIXEDMAP);
	return 0;
}

static const struct file_operations low_fops = {
	.owner = THIS_MODULE,
	.open = low_open,
	.mmap = low_mmap,
};

/* --- Set-up ------------------------------------------------------------------- */

static struct miscdevice devices[] = {
	{ .minor = MISC_DYNAMIC_MINOR, .name = "mshv", .fops = &root_fops, .mode = 0600 },
	{ .minor = MISC_DYNAMIC_MINOR, .name = "mshv_hvcall", .fops = &hvcall_fops, .mode = 0600 },
	{ .minor = MISC_DYNAMIC_MINOR, .name = "mshv_vtl_low", .fops = &low_fops, .mode = 0600 },
};

static int __init configure_partition(void)
{
	union hv_register_vsm_partition_config config = {};
	struct hv_register_assoc reg = { .name = HV_REGISTER_VSM_PARTITION_CONFIG };

	config.default_vtl_protection_mask = HV_MAP_GPA_PERMISSIONS_MASK;
	config.enable_vtl_protection = 1;
	config.zero_memory_on_reset = 1;
	config.intercept_page = 1;
	reg.value.reg64 = config.as_uint64;
	return register_call(HVCALL_SET_VP_REGISTERS, 0, &reg);
}

static int __init add_memory_device(void)
{
	memory_device = kzalloc(sizeof(*memory_device), GFP_KERNEL);
	if (!memory_device)
		return -ENOMEM;
	device_initialize(memory_device);
	dev_set_name(memory_device, "mshv_vtl_memory");
	return device_add(memory_device);
}

static int __init mshv_vtl_arm64_init(void)
{
	int cpu, ret;
	size_t i;

	if (!hv_is_hyperv_initialized())
		return -ENODEV;
	for_each_possible_cpu(cpu)
		mutex_init(&per_cpu_ptr(&watches, cpu)->lock);
	ret = configure_partition();
	if (!ret)
		ret = add_memory_device();
	if (ret) {
		pr_err("mshv_vtl: the host refuses the VSM partition configuration: %d\n", ret);
		return ret;
	}
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "arm64/mshv_vtl:online", vp_online, NULL);
	if (ret < 0)
		return ret;
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		ret = misc_register(&devices[i]);
		if (ret) {
			while (i--)
				misc_deregister(&devices[i]);
			return ret;
		}
	}
	return 0;
}
/* After hv_common_cpu_init has run on every CPU; built in, never removed. */
device_initcall(mshv_vtl_arm64_init);
