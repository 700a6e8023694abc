/* The serial ports of this architecture's guests: a PC's COM ports. */
#ifndef VL_PORT_SERIAL_H
#define VL_PORT_SERIAL_H

#define PORT_SERIAL_MODEL "serial16550" /* as runtime/devworker/kinds.c names it */

#endif
