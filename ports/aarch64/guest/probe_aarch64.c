/*
 * guest-probe on aarch64: `reboot-once` keeps its mark in the clock, which
 * outlives a reset: a year that no test runs in.
 */
#include "test/guest/guest-probe.h"
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define MARK_YEAR (2037 - 1900)

const uint64_t probe_port_mmio_base = 0xd0000000;
const uint64_t probe_port_mmio_end = 0xfe000000;

static int reboot_once(void)
{
	struct rtc_time now;
	int fd = open("/dev/rtc0", O_RDONLY);

	if (fd < 0 || ioctl(fd, RTC_RD_TIME, &now)) {
		perror("/dev/rtc0");
		return 1;
	}
	if (now.tm_year >= MARK_YEAR)
		return 1;
	now.tm_year = MARK_YEAR;
	if (ioctl(fd, RTC_SET_TIME, &now))
		perror("RTC_SET_TIME");
	return 0;
}

int probe_port_poke(void)
{
	return 0;
}

int probe_port(int argc, char **argv)
{
	return argc > 1 && !strcmp(argv[1], "reboot-once") ? reboot_once() : -1;
}
