# How to compile for aarch64; included by GNUmakefile.
ifeq ($(shell uname -m),aarch64)
PORT_CC ?= gcc
PORT_AR ?= ar
else
PORT_CC ?= aarch64-linux-gnu-gcc
PORT_AR ?= aarch64-linux-gnu-ar
endif
PORT_TARGET := aarch64-linux-gnu
PORT_DEBIAN_ARCH := arm64
PORT_CFLAGS := -mbranch-protection=standard -mno-outline-atomics
PORT_HARDEN :=
PORT_BOOT_CFLAGS := -mstrict-align
