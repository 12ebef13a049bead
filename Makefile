# Makefile - `make` builds ./cvt, build/libcvt.a and build/libcvt.so. `make help` lists the targets.
CC       ?= gcc
OPT      ?= -O3
# rows of tables may leave their last fields 0
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual \
	-Wno-missing-field-initializers
PACKAGES := libpng libjpeg libcjson zlib
PKG      ?= pkg-config
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIC
# SAN=address,undefined or SAN=thread builds with sanitizers, in a folder of its own
SAN      ?=
OPENMP   ?= -fopenmp
WERROR   ?=
comma    := ,
B        := build$(if $(SAN),/san-$(firstword $(subst $(comma), ,$(SAN))))$(if $(filter clang%,$(notdir $(CC))),/clang)
PROGRAM  := $(if $(filter build,$(B)),cvt,$(B)/cvt)

BASE_FLAGS := -std=c17 -D_POSIX_C_SOURCE=200809L -Isrc -MMD -MP -g -fvisibility=hidden $(WARNINGS) $(if $(WERROR),-Werror) \
	$(if $(SAN),-O1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all -fPIC,$(OPT) $(HARDEN)) \
	$(if $(findstring thread,$(SAN)),-DCVT_NO_OPENMP,$(OPENMP)) $(shell $(PKG) --cflags $(PACKAGES) 2>/dev/null)
ALL_CFLAGS := $(BASE_FLAGS) $(CFLAGS)
ALL_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN),-pie -Wl,-z,relro,-z,now) $(if $(findstring thread,$(SAN)),,$(OPENMP)) $(LDFLAGS)
LIBS     := $(shell $(PKG) --libs $(PACKAGES) 2>/dev/null) -lm -lpthread

# the folder of kernels for the instruction sets of the compiler's target; none for others, which run the plain loops
ISA_DIR  := $(patsubst x86_64%,x86,$(patsubst aarch64%,arm,$(patsubst arm64%,arm,\
	$(filter x86_64% aarch64% arm64%,$(shell $(CC) -dumpmachine)))))
LIB_SRC  := $(filter-out src/cli/%,$(wildcard src/*.c src/*/*.c $(ISA_DIR:%=src/kernels/%/*.c)))
CLI_SRC  := $(wildcard src/cli/*.c)
TEST_SRC := $(wildcard tests/test_*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(B)/%.o)
TESTS    := $(TEST_SRC:tests/%.c=$(B)/%)

all: $(PROGRAM) $(B)/libcvt.a $(B)/libcvt.so

$(PROGRAM): $(CLI_OBJ) $(B)/libcvt.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libcvt.a: $(LIB_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(B)/libcvt.so: $(LIB_OBJ)
	$(CC) $(filter-out -pie,$(ALL_LDFLAGS)) -shared -Wl,-soname,libcvt.so.0 -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# pixels must round as Pillow's do, kernels as they are written
$(B)/src/image/%.o: ALL_CFLAGS += -ffp-contract=off
$(B)/src/kernels/%.o: ALL_CFLAGS += -ffp-contract=off

# the commit that --version names; the log changes with every commit
$(B)/src/cli/version.o: ALL_CFLAGS += -DCVT_GIT_ID='"$(shell git rev-parse --short HEAD 2>/dev/null)"'
$(B)/src/cli/version.o: $(wildcard .git/logs/HEAD)

$(B)/test_%: tests/test_%.c $(B)/libcvt.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -o $@ $< $(B)/libcvt.a $(LIBS)

tests: $(TESTS)

PREFIX   ?= /usr/local
DESTDIR  ?=
ORACLE   ?= tests/oracle
PYTHON   ?= python3

deps:
	@sh tests/deps.sh

demo:
	@sh tests/deps.sh demo
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh

check: deps
	@sh tests/check.sh

# regenerates every case from the original programs (Python, with what $(ORACLE)/setup.sh DIR installs: PYTHON=DIR/bin/python)
oracle: all
	@sh tests/oracle.sh $(ORACLE) $(PYTHON)

# how often answers in f16 and int8 are those in f32 (Python with Pillow), on real weights: run `make demo` before
agreement: all
	@sh tests/agreement.sh $(PYTHON)

# the kernels' tests on emulated ARM
check-arm:
	@sh tests/check_arm.sh

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/share/cvt/configs \
		$(DESTDIR)$(PREFIX)/share/cvt/models $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3 \
		$(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -s -m 755 cvt $(DESTDIR)$(PREFIX)/bin/cvt
	install -m 644 src/cvt.h $(DESTDIR)$(PREFIX)/include/cvt.h
	install -m 644 $(B)/libcvt.a $(DESTDIR)$(PREFIX)/lib/libcvt.a
	install -m 755 $(B)/libcvt.so $(DESTDIR)$(PREFIX)/lib/libcvt.so.0
	ln -sf libcvt.so.0 $(DESTDIR)$(PREFIX)/lib/libcvt.so
	install -m 644 configs/*.json $(DESTDIR)$(PREFIX)/share/cvt/configs
	install -m 644 models/imagenet-1k.txt $(wildcard models/*.safetensors) $(DESTDIR)$(PREFIX)/share/cvt/models
	install -m 644 man/cvt.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 man/libcvt.3 $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 man/cvt-config.5 $(DESTDIR)$(PREFIX)/share/man/man5
	./cvt completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/cvt
	./cvt completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_cvt
	./cvt completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/cvt.fish

help:
	@echo "make            ./cvt, build/libcvt.a, build/libcvt.so"
	@echo "make demo       installs what is missing, builds, gets the starter model, classifies photos"
	@echo "make check      installs what is missing, builds with and without sanitizers, runs all tests"
	@echo "make check-arm  the kernels' tests on emulated ARM"
	@echo "make oracle     compares with the original programs (Python)"
	@echo "make agreement  compares answers in f16 and int8 with those in f32 (Python)"
	@echo "make install    under PREFIX (/usr/local), DESTDIR in front"
	@echo "make clean"

clean:
	rm -rf build cvt

-include $(wildcard $(B)/*.d $(B)/src/*.d $(B)/src/*/*.d $(B)/src/*/*/*.d)

.PHONY: all tests deps demo check check-arm oracle agreement install help clean
