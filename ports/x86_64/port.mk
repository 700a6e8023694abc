# How to compile for x86_64; included by GNUmakefile.
ifeq ($(shell uname -m),x86_64)
PORT_CC ?= gcc
PORT_AR ?= ar
else
PORT_CC ?= x86_64-linux-gnu-gcc
PORT_AR ?= x86_64-linux-gnu-ar
endif
PORT_TARGET := x86_64-linux-gnu
PORT_DEBIAN_ARCH := amd64
PORT_CFLAGS := -fcf-protection=none
PORT_HARDEN := -fcf-protection=full
PORT_BOOT_CFLAGS := -mno-red-zone -mgeneral-regs-only
