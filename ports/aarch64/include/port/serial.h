/* The serial ports of this architecture's guests: PL011s, as device trees name them. */
#ifndef VL_PORT_SERIAL_H
#define VL_PORT_SERIAL_H

#define PORT_SERIAL_MODEL "pl011" /* as runtime/devworker/kinds.c names it */

#endif
