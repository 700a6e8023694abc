/* The commands of vallumctl. Each returns an exit status, after having said what was wrong. */
#ifndef VL_CTL_COMMANDS_H
#define VL_CTL_COMMANDS_H

#include "tools/vallumctl/ctl.h"

int ctl_inspect(struct ctl *c);
int ctl_log(struct ctl *c);
int ctl_boot(struct ctl *c);
int ctl_profile(struct ctl *c);
int ctl_pause(struct ctl *c);
int ctl_resume(struct ctl *c);
int ctl_restart(struct ctl *c);
int ctl_settings(struct ctl *c);
int ctl_version(struct ctl *c);
int ctl_crashes(struct ctl *c);
int ctl_exec(struct ctl *c);

#endif
