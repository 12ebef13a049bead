# Makefile - `make` builds ./cvt, build/libcvt.a and build/libcvt.so. `make help` lists the targets.
CC       ?= gcc
OPT      ?= -O3
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wcast-qual
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
	$(if $(findstring thread,$(SAN)),-DCVT_NO_OPENMP,$(OPENMP)) $(shell $(PKG) --cflags $(PACKAGES))
ALL_CFLAGS := $(BASE_FLAGS) $(CFLAGS)
ALL_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN),-pie -Wl,-z,relro,-z,now) $(if $(findstring thread,$(SAN)),,$(OPENMP)) $(LDFLAGS)
LIBS     := $(shell $(PKG) --libs $(PACKAGES)) -lm -lpthread

LIB_SRC  := $(filter-out src/cli/%,$(wildcard src/*.c src/*/*.c))
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

$(B)/test_%: tests/test_%.c $(B)/libcvt.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -o $@ $< $(B)/libcvt.a $(LIBS)

tests: $(TESTS)

clean:
	rm -rf build cvt

-include $(wildcard $(B)/*.d $(B)/src/*.d $(B)/src/*/*.d)

.PHONY: all tests clean
