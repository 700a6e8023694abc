/* State unit operations on a list of devices (units.h). The stream is untrusted. */
#include "common/device/units.h"
#include "common/base/err.h"

void units_start(const struct dev_instance *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].model->start)
			list[i].model->start(list[i].dev);
}

void units_stop(const struct dev_instance *list, size_t count)
{
	while (count--)
		if (list[count].model->stop)
			list[count].model->stop(list[count].dev);
}

void units_reset(const struct dev_instance *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		list[i].model->reset(list[i].dev);
}

void units_save(const struct dev_instance *list, size_t count, struct state_writer *w)
{
	for (size_t i = 0; i < count; i++) {
		state_begin_unit(w, list[i].name, list[i].model->version);
		list[i].model->save(list[i].dev, w);
		state_end_unit(w);
	}
}

static int restore_one(const struct dev_instance *d, const struct state_stream *s)
{
	struct state_reader r;
	int err;

	if (state_stream_find(s, d->name, &r))
		return VL_E_MISSING;
	if (r.version > d->model->version)
		return VL_E_VERSION;
	err = d->model->restore(d->dev, &r);
	return err ? err : state_reader_finish(&r);
}

int units_restore(const struct dev_instance *list, size_t count, const struct state_stream *s,
		  size_t *failed)
{
	units_reset(list, count);
	for (size_t i = 0; i < count; i++) {
		int err = restore_one(&list[i], s);

		if (err) {
			units_reset(list, count);
			if (failed)
				*failed = i;
			return err;
		}
	}
	return VL_OK;
}
