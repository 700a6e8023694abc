/* What a port adds to raw_exit.c. */
#ifndef VL_TEST_RAW_EXIT_H
#define VL_TEST_RAW_EXIT_H

#define RAW_EXIT_MEMORY_BYTES 0x1000u

/*
 * Makes the vCPU loop, from guest address 0 on (whose memory is `memory`), over
 * one instruction that exits to user space. 0, or -1 with errno.
 */
int raw_exit_port_set_up(int vm, int vcpu, void *memory);

#endif
