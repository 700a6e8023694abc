/*
 * Start, stop, reset, save and restore of a list of devices. The list's order
 * is: interrupt controllers first, then what drives their lines. start(),
 * reset() and restore() go through it forwards, so a device that drives its
 * line finds the controller ready; stop() goes backwards. Called by the VM
 * worker and by device workers under the device lock (bus.h).
 */
#ifndef VL_DEVICE_UNITS_H
#define VL_DEVICE_UNITS_H

#include "common/device/device.h"

void units_start(const struct dev_instance *list, size_t count);
void units_stop(const struct dev_instance *list, size_t count);
void units_reset(const struct dev_instance *list, size_t count);

/* Writes one unit per device, named as the instance, into the open stream `w` (errors are kept there). */
void units_save(const struct dev_instance *list, size_t count, struct state_writer *w);

/*
 * Resets and then restores every device from `s`; units of other names are
 * left to others. On an error all devices are reset again, *failed (may be
 * NULL) is the index of the one that caused it: VL_E_MISSING when the stream
 * has no such unit, VL_E_VERSION when a newer model saved it, or what the
 * model's restore gave.
 */
int units_restore(const struct dev_instance *list, size_t count, const struct state_stream *s,
		size_t *failed);

#endif
