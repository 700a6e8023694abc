/* For processes of VTL2 that are to run in what time the guest leaves them. */
#ifndef VL_LIB_YIELD_H
#define VL_LIB_YIELD_H

/*
 * Gives the process the scheduling of a VP's thread (hvport_vp_bind()): it shares a CPU with the guest
 * and preempts it nowhere. Before the cage. What goes wrong is logged.
 */
void yield_to_guest(void);

#endif
