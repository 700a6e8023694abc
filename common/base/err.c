/* Texts and names of the errors in err.h. Called from everywhere. */
#include "common/base/err.h"

#include <stddef.h>

static const struct {
	const char *name, *text;
} table[VL_ERR_COUNT] = {
	[VL_ERR_NONE] = { "VL_OK", "success" },
#define ROW(n, t) [n##_NUMBER] = { #n, t },
	VL_ERR_LIST(ROW)
#undef ROW
};

static size_t index_of(int err)
{
	if (err >= 0)
		return 0;
	return err > -VL_ERR_COUNT ? (size_t)-err : (size_t)-VL_E_INTERNAL;
}

const char *vl_err_text(int err)
{
	return table[index_of(err)].text;
}

const char *vl_err_name(int err)
{
	return table[index_of(err)].name;
}
