/* devlink.h: the descriptors of a link, for who hands them over. Handles nobody's input. */
#include "runtime/lib/devlink.h"
#include "runtime/lib/channel.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

void devlink_close(const int fds[DEVLINK_FDS])
{
	for (unsigned i = 0; i < DEVLINK_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* One bell, a descriptor of it for each end. */
static int make_bell(int *asker, int *answerer)
{
	*asker = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*asker >= 0)
		*answerer = fcntl(*asker, F_DUPFD_CLOEXEC, 0);
	return *asker >= 0 && *answerer >= 0 ? 0 : VL_E_OS;
}

int devlink_make(int asker[DEVLINK_FDS], int answerer[DEVLINK_FDS])
{
	int link[2], err = channel_pair(link);

	if (err)
		return err;
	for (unsigned i = 0; i < DEVLINK_FDS; i++)
		asker[i] = answerer[i] = -1;
	asker[DEVIPC_FD_LINK] = link[0];
	answerer[DEVIPC_FD_LINK] = link[1];
	for (unsigned i = DEVIPC_FD_ASKED; !err && i <= DEVIPC_FD_ANSWERED; i++)
		err = make_bell(&asker[i], &answerer[i]);
	if (err) {
		devlink_close(asker);
		devlink_close(answerer);
	}
	return err;
}
