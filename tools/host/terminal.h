/*
 * The user's terminal: raw while a guest runs, always restored. Used by main.c;
 * terminal_filter (host.h) belongs here too.
 */
#ifndef VL_HOST_TERMINAL_H
#define VL_HOST_TERMINAL_H

/* Makes stdin raw when it is a terminal; restores it at exit() in any case. */
void terminal_start(void);
void terminal_restore(void);

#endif
