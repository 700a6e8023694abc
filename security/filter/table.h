/*
 * The table of filter.h; nothing else includes this file. One row per thing that
 * the host may say to VTL2, or that VTL2 may say to the host:
 *
 *	ROW(item, group, name, verdicts, effect)
 *
 * `name` is how the group's own format spells it (a JSON path, a property, an
 * option). `verdicts` has a letter per column - isolation none, VBS, SNP, TDX,
 * then VBS, SNP and TDX with measured confidential debug: K keep, D drop.
 * `effect` says what a D means and why a K is harmless. What has no row is
 * dropped. `make filter-table` writes the document from this.
 */

/* A test's way to end workers has no name in the hardened image, where nothing reads it either. */
#ifdef VL_HARDENED
#define FILTER_WORKER_KILL ""
#else
#define FILTER_WORKER_KILL "VALLUM_WORKER_KILL_S"
#endif

#define FILTER_ROWS(ROW) \
	/* The host's command line for VTL2. */ \
	ROW(BOOTARGS, HOST_TREE, "/chosen bootargs", "KDDDKKK", \
		"never reaches the kernel's command line; the measured line alone does") \
	/* The host device tree. */ \
	ROW(CPUS, HOST_TREE, "/cpus", "KKKKKKK", \
		"VTL2 runs on what there is; ids are unique, and the hypervisor confirms them (none, VBS)") \
	ROW(MEMORY, HOST_TREE, "/memory@*", "KKKKKKK", \
		"RAM of the partition, disjoint and bounded; VTL2's own pages are protected or accepted " \
		"page by page") \
	ROW(VTL2_MEMORY, HOST_TREE, "/memory@* of type VTL2_PROTECTABLE", "KKDDKDD", \
		"VTL2's RAM is what the image's file says") \
	ROW(VTL2_MEMORY_SIZE, HOST_TREE, "/openhcl memory-allocation-mode, memory-size", "KKDDKDD", \
		"VTL2 allocates nothing beyond the image's own memory") \
	ROW(VTL2_MMIO, HOST_TREE, "/bus vmbus of VTL2: ranges", "KDDDKKK", \
		"the shim cuts VTL2's MMIO out of the guest's high gap") \
	ROW(VTL2_MMIO_SIZE, HOST_TREE, "/openhcl mmio-size", "KDDDKKK", \
		"the shim decides the size of VTL2's MMIO") \
	ROW(VTL0_MMIO, HOST_TREE, "/bus vmbus of VTL0: ranges", "KKKKKKK", \
		"address space of the guest's devices, disjoint from all RAM") \
	ROW(VMBUS_CONNECTION, HOST_TREE, "/bus vmbus: message-connection-id", "KKKKKKK", \
		"where messages to the host go; a wrong one reaches nobody") \
	ROW(INTERRUPTS, HOST_TREE, "interrupt controller, timer, PMU (aarch64)", "KKKKKKK", \
		"devices of the machine; a wrong one fails the boot") \
	ROW(ALIAS_MAP, HOST_TREE, "/openhcl vtl0-alias-map", "KDDDKDD", \
		"the shim computes the bit from the processor; there is none under SNP and TDX") \
	ROW(ENTROPY, HOST_TREE, "/openhcl/entropy", "KKKKKKK", \
		"mixed into the kernel's pool, which never weakens it") \
	ROW(ENTROPY_CREDIT, HOST_TREE, "/openhcl/entropy counts as entropy", "KDDDKKK", \
		"mixed in, not counted: the host knows it") \
	ROW(CONSOLE, HOST_TREE, "serial port of VTL2 (COM3, sbsa-uart)", "KDDDKKK", \
		"the kernel's console is ttynull: nothing that VTL2 prints leaves it") \
	ROW(GUEST_FILES, HOST_TREE, "/vallum/guest kernel, initrd", "KKDDKKK", \
		"the guest's software, hostile to VTL2 whoever chose it; under SNP and TDX it must be " \
		"measured") \
	ROW(GUEST_BOOTARGS, HOST_TREE, "/vallum/guest bootargs", "KKDDKKK", \
		"the guest's, as its kernel is") \
	ROW(GUEST_DISKS, HOST_TREE, "/vallum/guest disk-count", "KKKKKKK", \
		"how many disks the host serves, at most 16; the guest trusts them or encrypts") \
	ROW(VALLUM_OTHER, HOST_TREE, "/vallum, anything else", "KDDDDDD", \
		"not copied into VTL2's device tree") \
	/* IGVM parameters. */ \
	ROW(PARAMETER_DEVICE_TREE, IGVM, "DEVICE_TREE", "KKKKKKK", "the host device tree: the rows above") \
	ROW(PARAMETER_SLIT, IGVM, "SLIT", "DDDDDDD", "not read") \
	ROW(PARAMETER_PPTT, IGVM, "PPTT", "DDDDDDD", "not read") \
	/* What survives a servicing in memory, and what else starts before Linux. */ \
	ROW(PERSISTED_STATE, BOOT, "persisted state of a servicing", "DDDDDDD", \
		"not read: a VTL2 begins from nothing") \
	ROW(SIDECAR, BOOT, "sidecar", "DDDDDDD", "there is none: all processors run VTL2's Linux") \
	ROW(BOOT_CRASH, BOOT, "reason of a boot that failed, to the host", "KDDDKKK", \
		"the boot halts without a word") \
	/* Options of user space: words of the kernel's command line, only measured ones when isolated. */ \
	ROW(OPTION_LOG, OPTION, "VALLUM_LOG", "KKKKKKK", "only the measured line can name it when isolated") \
	ROW(OPTION_WORKER_KILL, OPTION, FILTER_WORKER_KILL, "KKKKKKK", \
		"only the measured line can name it when isolated") \
	ROW(OPTION_WORKERS, OPTION, "VALLUM_WORKERS", "KKKKKKK", \
		"only the measured line can name it when isolated") \
	ROW(OPTION_CONFIDENTIAL, OPTION, "OPENHCL_CONFIDENTIAL", "KKKKKKK", "set by the shim") \
	ROW(OPTION_DEBUG, OPTION, "OPENHCL_CONFIDENTIAL_DEBUG", "KKKKKKK", \
		"only the measured line can name it when isolated; the measurement tells") \
	ROW(OPTION_BROKER, OPTION, "VALLUM_BROKER", "KKKKKKK", "as VALLUM_LOG") \
	ROW(OPTION_SEALING, OPTION, "VALLUM_SEALING", "KKKKKKK", "as VALLUM_LOG") \
	/* Device platform settings, by their path in the document. */ \
	ROW(DPS_SECURE_BOOT, SETTING, "V1.SecureBootEnabled", "KDDDKKK", "on") \
	ROW(DPS_SECURE_BOOT_TEMPLATE, SETTING, "V1.SecureBootTemplateId", "KKKKKKK", \
		"which keys secure boot begins with; part of what the guest's firmware measures") \
	ROW(DPS_BATTERY, SETTING, "V1.EnableBattery", "KKKKKKK", "a virtual battery") \
	ROW(DPS_TPM, SETTING, "V1.EnableTpm", "KKKKKKK", "whether there is a TPM; the guest sees that") \
	ROW(DPS_COM1, SETTING, "V1.Com1.EnablePort", "KKKKKKK", \
		"the guest's serial port leads to the host, as its network does; part of the attested " \
		"claims") \
	ROW(DPS_COM2, SETTING, "V1.Com2.EnablePort", "KKKKKKK", "as COM1") \
	ROW(DPS_BIOS_GUID, SETTING, "V1.BiosGuid", "KKKKKKK", "a name") \
	ROW(DPS_CONSOLE_MODE, SETTING, "V1.ConsoleMode", "KKKKKKK", \
		"where the firmware prints; a serial port as above") \
	ROW(DPS_SERIAL_NUMBER, SETTING, "V1.SerialNumber", "KKKKKKK", "a name") \
	ROW(DPS_BOARD_SERIAL, SETTING, "V1.BaseBoardSerialNumber", "KKKKKKK", "a name") \
	ROW(DPS_CHASSIS_SERIAL, SETTING, "V1.ChassisSerialNumber", "KKKKKKK", "a name") \
	ROW(DPS_CHASSIS_TAG, SETTING, "V1.ChassisAssetTag", "KKKKKKK", "a name") \
	ROW(DPS_MEASURE_PCRS, SETTING, "V2.Static.MeasureAdditionalPcrs", "KDDDKKK", \
		"on: everything is measured") \
	ROW(DPS_NO_SHA384, SETTING, "V2.Static.DisableSha384Pcr", "KDDDKKK", \
		"off: the SHA-384 bank is there") \
	ROW(DPS_PAUSE, SETTING, "V2.Static.PauseAfterBootFailure", "KKKKKKK", \
		"what the guest's firmware does when it finds nothing") \
	ROW(DPS_PXE_IPV6, SETTING, "V2.Static.PxeIpV6", "KKKKKKK", \
		"how the firmware boots from the network") \
	ROW(DPS_FRONTPAGE, SETTING, "V2.Static.DisableFrontpage", "KKKKKKK", "the firmware's menu") \
	ROW(DPS_MEDIA, SETTING, "V2.Static.MediaPresentEnabledByDefault", "KKKKKKK", \
		"the firmware's network cards") \
	ROW(DPS_NUM_LOCK, SETTING, "V2.Static.NumLockEnabled", "KKKKKKK", "a keyboard") \
	ROW(DPS_MANUFACTURER, SETTING, "V2.Static.Smbios.SystemManufacturer", "KKKKKKK", "a name") \
	ROW(DPS_PRODUCT, SETTING, "V2.Static.Smbios.SystemProductName", "KKKKKKK", "a name") \
	ROW(DPS_VERSION, SETTING, "V2.Static.Smbios.SystemVersion", "KKKKKKK", "a name") \
	ROW(DPS_SKU, SETTING, "V2.Static.Smbios.SystemSKUNumber", "KKKKKKK", "a name") \
	ROW(DPS_FAMILY, SETTING, "V2.Static.Smbios.SystemFamily", "KKKKKKK", "a name") \
	ROW(DPS_BIOS_LOCK, SETTING, "V2.Static.Smbios.BiosLockString", "KKKKKKK", "a name") \
	ROW(DPS_MEMORY_SERIAL, SETTING, "V2.Static.Smbios.MemoryDeviceSerialNumber", "KKKKKKK", "a name") \
	ROW(DPS_NO_SECRETS, SETTING, "V2.Static.NoPersistentSecrets", "KKKKKKK", \
		"only ever stricter than without") \
	ROW(DPS_WATCHDOG, SETTING, "V2.Static.WatchdogEnabled", "KKKKKKK", \
		"a guest that hangs is reset; the host can do that anyway") \
	ROW(DPS_DMA_BOUNCE, SETTING, "V2.Static.ForceDmaBounceEnabled", "KKKKKKK", \
		"only ever stricter than without") \
	ROW(DPS_GENERATION_LOW, SETTING, "V2.Dynamic.GenerationIdLow", "KKKKKKK", "a name") \
	ROW(DPS_GENERATION_HIGH, SETTING, "V2.Dynamic.GenerationIdHigh", "KKKKKKK", "a name") \
	ROW(DPS_CPU_MAKER, SETTING, "V2.Dynamic.Smbios.ProcessorManufacturer", "KKKKKKK", "a name") \
	ROW(DPS_CPU_VERSION, SETTING, "V2.Dynamic.Smbios.ProcessorVersion", "KKKKKKK", "a name") \
	ROW(DPS_WORKERS, SETTING, "Vallum.DeviceWorkers", "KDDDKKK", \
		"the measured line alone chooses, by VALLUM_WORKERS; the TPM is in a worker in any case") \
	ROW(DPS_OTHER, SETTING, "every other field", "KDDDKKK", \
		"debugging, hibernation, idle states, legacy firmware, boot without checks, state that is " \
		"not encrypted or provisioned anew, servicing, relays to host devices: off, or the " \
		"document's default") \
	/* Messages of the host channel while the guest runs. */ \
	ROW(GET_TIME, HOST_CHANNEL, "time of day", "KKKKKKK", \
		"sets the guest's clock only; nothing in VTL2 trusts it") \
	ROW(GET_SAVE, HOST_CHANNEL, "save for servicing", "DDDDDDD", \
		"refused: VTL2's memory does not leave it") \
	ROW(GET_DEBUG_INTERRUPT, HOST_CHANNEL, "inject debug interrupt", "DDDDDDD", "counted, not heeded") \
	ROW(GET_GENERATION_ID, HOST_CHANNEL, "update generation id", "DDDDDDD", \
		"counted, not heeded: a guest keeps the one it booted with") \
	ROW(GET_OTHER, HOST_CHANNEL, "everything else that was not asked for", "DDDDDDD", \
		"not read: the channel ends (settings, battery), or it is counted (migration)") \
	/* Diagnostics: a client of the host asks VTL2. */ \
	ROW(DIAG_INSPECT, DIAGNOSTICS, "inspect, nodes marked safe", "KKKKKKK", \
		"counts and states that hold nothing of the guest's") \
	ROW(DIAG_INSPECT_ALL, DIAGNOSTICS, "inspect, all nodes", "KDDDKKK", "the node is not there") \
	ROW(DIAG_PING, DIAGNOSTICS, "ping", "KDDDKKK", "refused: the service is not there") \
	ROW(DIAG_UPDATE, DIAGNOSTICS, "inspect update", "KDDDKKK", "refused") \
	ROW(DIAG_KMSG, DIAGNOSTICS, "kernel log", "KDDDKKK", "refused") \
	ROW(DIAG_FILE, DIAGNOSTICS, "read file", "KDDDKKK", "refused") \
	ROW(DIAG_EXEC, DIAGNOSTICS, "run a program", "KDDDKKK", \
		"refused; and in every image but the debug image there is no such call") \
	ROW(DIAG_LIFE, DIAGNOSTICS, "start, pause, resume, restart, crash", "KDDDKKK", "refused") \
	ROW(DIAG_STATE, DIAGNOSTICS, "dump saved state", "KDDDKKK", "refused") \
	ROW(DIAG_CAPTURE, DIAGNOSTICS, "packet capture", "KDDDKKK", "refused") \
	ROW(DIAG_PROFILE, DIAGNOSTICS, "profile, memory trace", "KDDDKKK", "refused") \
	/* What VTL2 tells by itself. */ \
	ROW(TELL_PHASES, TELL, "boot phases and their times", "KKKKKKK", \
		"the host sees them from outside, too") \
	ROW(TELL_EVENT, TELL, "event log: numbers", "KKKKKKK", "boot attempt, success, failure") \
	ROW(TELL_LOG, TELL, "log lines", "KDDDKKK", "not sent") \
	ROW(TELL_WORKERS, TELL, "a process's end or restart: its name, signal, counts", "KKKKKKK", \
		"names and counts of ours; the host sees the guest's devices wait") \
	ROW(TELL_SHIM_LOG, TELL, "the shim's log, replayed", "KKKKKKK", \
		"into VTL2's own log, which has its own rows") \
	ROW(TELL_FAILURE, TELL, "text of a failure", "KDDDKKK", \
		"the error's own sentence, and for the guest's state the step") \
	ROW(TELL_REGISTERS, TELL, "registers and stack of a VP or process that failed", "KDDDKKK", \
		"left out") \
	ROW(TELL_CORE, TELL, "core dump", "DDDDDDD", "none is made: every process has a limit of 0")
