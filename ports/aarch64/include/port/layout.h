/*
 * Address space that both VTLs of a partition on the aarch64 reference host
 * have alike: above the low MMIO window, below 4 GiB. VTL2 and the guest learn
 * it from their device trees.
 */
#ifndef VL_PORT_LAYOUT_H
#define VL_PORT_LAYOUT_H

#define ARM64_GICD_BASE 0xffff0000ull
#define ARM64_GICD_BYTES 0x10000ull
#define ARM64_GICR_BASE 0xff000000ull
#define ARM64_GICR_BYTES 0x20000ull /* per VP */
#define ARM64_PULSE_GICR 0xfee00000ull
#define ARM64_PULSE_CODE 0xfed00000ull /* one read-only page in VTL2's VM */
#define ARM64_PULSE_EXIT 0xfed10000ull /* reading here leaves the pulse vCPU */
#define ARM64_SERIAL_BASE 0xfec80000ull /* VTL2's debug console, a PL011's data register */
#define ARM64_SPI_COUNT 224u            /* INTIDs 32..255 */
#define ARM64_SERIAL_INTID 255u         /* its interrupt, never raised; Linux wants one */
#define ARM64_TIMER_INTID 20u           /* PPI of VTL2's virtual timer */
#define ARM64_SINT_INTID 18u            /* PPI of VTL2's VMBus */

#endif
