# The tests' part of the build; included by GNUmakefile.

# Files that include headers of the KVM or mshv kernel interface, or privileged instructions (machine.h).
NOT_TESTED := $(shell grep -lE 'include (<(linux/kvm|linux/mshv|asm/kvm)\.h>|"ports/.*/boot/machine.h")' \
	-r common runtime tools ports --include=*.c 2>/dev/null)

# All that unit tests and fuzzers may link, without the programs' main.c. The
# linker takes from the archive only what a test refers to, so that a fake in
# test/ takes the place of the real object by defining the same functions.
# The boundary files that only make sense inside VTL2 or on KVM stay out.
TESTED := $(filter-out %/main.c runtime/vtpm/libc_cuts.c $(NOT_TESTED),$(COMMON) $(call sources,runtime/dev,ports/$(ARCH)/dev) \
	$(call sources,runtime/lib,ports/$(ARCH)/lib) $(wildcard runtime/sandbox/*.c runtime/init/*.c runtime/profiler/*.c runtime/diag/*.c runtime/exec/*.c runtime/vtpm/*.c runtime/devworker/*.c) $(call sources,runtime/paravisor,ports/$(ARCH)/paravisor) \
	$(call sources,runtime/vm,ports/$(ARCH)/vm) $(wildcard tools/host/*.c tools/vallumctl/*.c) $(call sources,tools/igvm,ports/$(ARCH)/image) $(SECURITY) \
	$(filter %.c,$(call sources,,ports/$(ARCH)/boot)))

# A seccomp list is its architecture's, and so is where a stack pointer is saved: the cages of another, and the
# stack in its crash reports, are proved by that port's emulated boots alone.
NATIVE_ONLY := $(if $(filter $(ARCH),$(shell uname -m)),,test/unit/sandbox/sandbox.c test/unit/paravisor/crash_stack.c)
UNIT_SOURCES := $(filter-out $(NATIVE_ONLY),$(wildcard test/unit/*/*.c test/port/*/*.c) $(wildcard ports/$(ARCH)/test/unit/*.c))
FUZZERS := $(patsubst test/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard test/fuzz/*.c)) \
	$(patsubst ports/$(ARCH)/test/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard ports/$(ARCH)/test/fuzz/*.c))
FUZZ_SECONDS ?= 5

$(OBJ_test)/libtested.a: $(call objects,test,$(TESTED))
	@rm -f $@ && ar rcs $@ $^
$(OBJ_fuzz)/libtested.a: $(call objects,fuzz,$(TESTED))
	@rm -f $@ && ar rcs $@ $^

# Every test file <name>.c defines `Suite *suite_<name>(void)` if it has tests.
SUITES := $(shell grep -hoE '^Suite \*suite_[a-z0-9_]+' $(UNIT_SOURCES) /dev/null | sed 's/.*\*//' | sort -u)
$(OUT)/unit/suites.c: $(UNIT_SOURCES) test/test.mk
	@mkdir -p $(@D)
	@{ echo '#include <check.h>'; printf 'Suite *%s(void);\n' $(SUITES); \
	   echo 'Suite *(*const test_suites[])(void) = {'; printf '\t%s,\n' $(SUITES); echo '0 };'; } > $@
$(OUT)/unit/unit-tests: $(call objects,test,$(UNIT_SOURCES) test/unit/main.c) $(OUT)/unit/suites.c $(OBJ_test)/libtested.a
	@echo "  LD $@"
	@$(CC) $(SANITIZE) -o $@ $^ -lcheck -lsubunit -lfdt -lbearssl -ltpms -lcrypto -lrt -lm -lpthread

$(OUT)/fuzz/%: $(OBJ_fuzz)/test/fuzz/%.c.o $(OBJ_fuzz)/libtested.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -lfdt -lbearssl -ltpms -lcrypto
$(OUT)/fuzz/%: $(OBJ_fuzz)/ports/$(ARCH)/test/fuzz/%.c.o $(OBJ_fuzz)/libtested.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@clang $(SANITIZE) -fsanitize=fuzzer -o $@ $^ -lfdt -lbearssl -ltpms -lcrypto

.PHONY: port-contract cover
port-contract: ## what a port must give, with its count, and what ARCH lacks
	@tools/port-contract $(ARCH)
cover: $(OUT)/cover/unit-tests ## line coverage of the unit tests, per folder
	@test/cover $(OUT) $(OBJ_cover)
$(OBJ_cover)/libtested.a: $(call objects,cover,$(TESTED))
	@rm -f $@ && ar rcs $@ $^
$(OUT)/cover/unit-tests: $(call objects,cover,$(UNIT_SOURCES) test/unit/main.c) $(OUT)/unit/suites.c $(OBJ_cover)/libtested.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@gcc --coverage -o $@ $^ -lcheck -lsubunit -lfdt -lbearssl -ltpms -lcrypto -lrt -lm -lpthread

.PHONY: unit fuzz fuzzers sparse check
unit: $(OUT)/unit/unit-tests ## unit tests under the sanitizers; CASE=name runs one suite
	@for f in $(NATIVE_ONLY); do echo "left out because this machine is not $(ARCH): $$f"; done
	@CK_DEFAULT_TIMEOUT=120 CK_TIMEOUT_MULTIPLIER=10 VL_TEST_DIR=$(CURDIR)/test $< $(CASE)
fuzzers: $(FUZZERS) ## the fuzzers, without running them
fuzz: $(FUZZERS) ## each fuzzer for FUZZ_SECONDS over its kept corpus
	@test/fuzz/run $(OUT)/fuzz $(FUZZ_SECONDS) $(notdir $(FUZZERS))
sparse: | setup-vtl2 ## the sparse checker over every C file; clean means no output
	@test/sparse $(ARCH) $(SYSROOT)
# Without ARCH on the command line: every port.
CHECKED := $(if $(filter command line environment,$(origin ARCH)),$(ARCH),$(notdir $(patsubst %/,%,$(wildcard ports/*/))))
check: setup-native setup-vtl2 ## every test of every port, or of ARCH; the last line says how many passed and failed
	@test/check $(CHECKED)
