# Makefile - `make` builds ./cvt, build/libcvt.a and build/libcvt.so. `make help` lists the targets.
# It takes GNU make and a C17 compiler: gcc 12 or newer, clang 14 or newer (src/base/machine.h refuses others).
#   CC=clang V=1 WERROR=1 OPT=-O3 CFLAGS= LDFLAGS=   compiler; whole command lines; warnings are errors; flags
#   SAN=address,undefined or SAN=thread              a build with sanitizers, in a folder of its own
#   OPENMP=                                          a build without OpenMP: its teams are of POSIX threads
#   COVERAGE=1                                       the readers of files count their lines: see `make coverage`
#   WITH="webp heif archive" WITHOUT=heif            libraries that need not be here: exactly these (WITH= for none), or
#                                                    all that pkg-config finds but these
OPT      ?= -O3
# rows of tables may leave their last fields 0; constants are enumerators, in sums of floats too
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 \
	-Wcast-qual -Wno-missing-field-initializers -Wno-enum-float-conversion
PKG      ?= pkg-config
# what is built where its packages are found: WebP; HEIC and AVIF; tar archives, which only the program reads
FEATURES := webp heif archive
webp     := libwebp libwebpdemux
heif     := libheif
archive  := libarchive
found     = $(shell $(PKG) --exists $($1) && echo $1)
# WITH may also name what `make deps` installs
TOOLS    := ci demo
ifeq ($(if $(filter-out undefined,$(origin WITH)),$(filter $(TOOLS),$(WITH)),auto),)
USED     := $(WITH)
else
USED     := $(foreach feature,$(FEATURES),$(call found,$(feature)))
endif
USED     := $(filter-out $(WITHOUT) $(TOOLS),$(USED))
unknown  := $(filter-out $(FEATURES),$(USED) $(WITHOUT))
lacking  := $(strip $(foreach feature,$(filter $(FEATURES),$(USED)),$(if $(call found,$(feature)),,$(feature))))
ifeq ($(filter deps clean help,$(MAKECMDGOALS)),)
$(if $(unknown),$(error there is no $(unknown): WITH and WITHOUT name some of: $(FEATURES)))
$(if $(lacking),$(error $(PKG) does not find $(foreach feature,$(lacking),$($(feature))): make deps WITH="$(lacking)"))
endif
PACKAGES := libpng libjpeg libcjson zlib
# libwebp is linked; the others, which would cost every start tens of milliseconds, are loaded when they are needed
LINKED   := $(foreach feature,$(filter webp,$(USED)),$($(feature)))
LOADED   := $(foreach feature,$(filter-out webp,$(USED)),$($(feature)))
MACHINE  := $(shell $(CC) -dumpmachine)
# Sources ask for POSIX, and some of them for more (docs/portability.md). These systems then hide what is not POSIX.
VISIBLE  := $(if $(findstring darwin,$(MACHINE)),-D_DARWIN_C_SOURCE) \
	$(if $(findstring freebsd,$(MACHINE)),-D__BSD_VISIBLE)
# the folder of kernels for the instruction sets of the compiler's target; none for others, which run the plain loops
ISA_DIR  := $(patsubst x86_64%,x86,$(patsubst aarch64%,arm,$(patsubst arm64%,arm,\
	$(filter x86_64% aarch64% arm64%,$(MACHINE)))))
# what makes an error in the program hard to use: guarded stacks, checked copies (3 counts as 2 where the C library
# knows no 3), jumps only to where functions begin. tests/test_elf.sh reads in the program whether it came out so.
HARDEN   := -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIC \
	$(if $(filter x86,$(ISA_DIR)),-fcf-protection) $(if $(filter arm,$(ISA_DIR)),-mbranch-protection=standard)
SAN      ?=
OPENMP   ?= -fopenmp
WERROR   ?=
STRIP    ?= strip
comma    := ,
B        := build$(if $(SAN),/san-$(firstword $(subst $(comma), ,$(SAN))))$(if $(filter clang%,$(notdir $(CC))),/clang)
PROGRAM  := $(if $(filter build,$(B)),cvt,$(B)/cvt)
VERSION  := $(shell sed -n 's/^.define CVT_VERSION_[MP][A-Z]* \([0-9]*\)$$/\1/p' src/cvt.h | paste -sd. -)
SONAME   := libcvt.so.$(firstword $(subst ., ,$(VERSION)))

# without -j on the command line, as many jobs as there are processors; a make below this one shares its jobs
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
endif

# `CC src/x.o` for each command; whole lines with V=1, nothing with -s
Q        := $(if $(filter-out 0,$(V)),,@)
silent   := $(findstring s,$(filter-out -% %=%,$(firstword $(MAKEFLAGS))))
say       = $(if $(Q),$(if $(silent),,@echo "$1 $(@:build/%=%)"))

# clang must be told what gcc does with -std=c17: a product and its sum are rounded one after the other, as is written.
# File names in the program do not say in which directory it was built: the same sources give the same bytes anywhere
# Sanitizers name functions and lines, which -g1 knows; a kernel then compiles in two thirds of the time.
BASE_FLAGS := -std=c17 -D_POSIX_C_SOURCE=200809L $(VISIBLE) -Isrc -MMD -MP -g$(if $(SAN),1) -fvisibility=hidden \
	$(WARNINGS) \
	-ffile-prefix-map="$(CURDIR)"=. $(if $(WERROR),-Werror) \
	$(if $(SAN),-O1 -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all -fPIC,$(OPT) $(HARDEN)) \
	$(if $(findstring clang,$(notdir $(CC))),-ffp-contract=off) \
	$(if $(findstring thread,$(SAN)),,$(OPENMP)) \
	$(addprefix -DCVT_WITH_,$(shell echo $(USED) | tr a-z A-Z)) \
	$(shell $(PKG) --cflags $(PACKAGES) $(LINKED) $(LOADED) 2>/dev/null)
ALL_CFLAGS := $(BASE_FLAGS) $(CFLAGS)
ELF      := $(if $(findstring darwin,$(MACHINE)),,yes)
SEALED   := $(if $(ELF),-Wl$(comma)-z$(comma)relro -Wl$(comma)-z$(comma)now -Wl$(comma)-z$(comma)noexecstack)
ALL_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN),-pie $(SEALED)) \
	$(if $(findstring thread,$(SAN)),,$(OPENMP)) $(if $(COVERAGE),--coverage) $(LDFLAGS)
LIBS     := $(shell $(PKG) --libs $(PACKAGES) $(LINKED) 2>/dev/null) -lm -lpthread $(if $(LOADED),-ldl)

# the program's own folders: libcvt is what cvt.h declares and what that needs, no more
CLI_DIRS := src/report src/learn src/batch src/cli
LIB_SRC  := $(sort $(filter-out $(CLI_DIRS:%=%/%),$(wildcard src/*.c src/*/*.c $(ISA_DIR:%=src/kernels/%/*.c))))
CLI_SRC  := $(sort $(wildcard $(CLI_DIRS:%=%/*.c)))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
CLI_OBJ  := $(CLI_SRC:%.c=$(B)/%.o) $(B)/src/report/page_html.o
TEST_BIN := $(TEST_SRC:tests/%.c=$(B)/%) $(B)/fuzz
# what is between the targets and their main
FUZZ_OBJ := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c %/libfuzzer.c,$(sort $(wildcard tests/fuzz/*.c))))

all: $(PROGRAM) $(B)/libcvt.a $(B)/libcvt.so

$(PROGRAM): $(CLI_OBJ) $(B)/libcvt.a
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# what tests link of the program
$(B)/program.a: $(filter-out %/main.o,$(CLI_OBJ))

$(B)/libcvt.a: $(LIB_OBJ)

$(B)/program.a $(B)/libcvt.a:
	$(call say,AR)
	$(Q)rm -f $@ && { $(AR) rcsD $@ $^ 2>/dev/null || $(AR) rcs $@ $^; }

$(B)/libcvt.so: $(LIB_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(filter-out -pie,$(ALL_LDFLAGS)) -shared \
		-Wl,$(if $(ELF),-soname$(comma),-install_name$(comma)@rpath/)$(SONAME) -o $@ $^ $(LIBS)
	$(Q)ln -sf libcvt.so $(B)/$(SONAME)

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# the page that `cvt report` fills, as an array of its bytes
$(B)/src/report/page_html.c: src/report/page.html
	@mkdir -p $(@D)
	@{ echo '#include "report/page.h"'; echo 'const unsigned char cvt_page_html[] = {'; \
		od -An -v -tu1 $< | sed 's/[0-9][0-9]*/&,/g'; \
		echo '};'; echo 'const size_t cvt_page_html_size = sizeof cvt_page_html;'; } >$@.new && mv $@.new $@

$(B)/src/report/page_html.o: $(B)/src/report/page_html.c $(B)/flags
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# what everything is compiled with: a file that changes when the compiler or a flag does, and all objects with it. What
# is an error changes no object. Compilers that are too old, and machines that cannot be, are refused here in a line.
FLAGS := $(filter-out -Werror,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS))
ASK   := $(CC) $(filter-out -M% $(WARNINGS),$(BASE_FLAGS) $(CFLAGS)) -w -x c -fsyntax-only src/base/machine.h
$(B)/flags: always $(filter clean deps,$(MAKECMDGOALS))
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || { \
		why=$$($(ASK) 2>&1) || { echo "$$why" | head -n 1 >&2; exit 1; }; \
		printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@; }

# pixels must round as Pillow's do, kernels as they are written
$(B)/src/image/%.o $(B)/src/report/heat.o: ALL_CFLAGS += -ffp-contract=off
$(B)/src/kernels/%.o: ALL_CFLAGS += -ffp-contract=off

# with COVERAGE=1 the sources of the fuzz targets count which of their lines were run
PARSERS  := $(if $(COVERAGE),$(shell grep -o 'src/[a-z0-9_/]*\.c' tests/fuzz/targets.def))
$(PARSERS:%.c=$(B)/%.o): tests/fuzz/targets.def
$(PARSERS:%.c=$(B)/%.o): ALL_CFLAGS += --coverage -Og -fprofile-prefix-map=.="$(CURDIR)"

# the commit that --version names; the log changes with every commit
GIT_ID   ?= $(shell git rev-parse --short=10 HEAD 2>/dev/null)
$(B)/src/cli/version.o: ALL_CFLAGS += -DCVT_GIT_ID='"$(GIT_ID)"'
$(B)/src/cli/version.o: $(wildcard $(shell git rev-parse --git-path logs/HEAD 2>/dev/null))

$(B)/test_%: tests/test_%.c $(B)/program.a $(B)/libcvt.a $(B)/flags
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests $(ALL_LDFLAGS) -o $@ $< $(B)/program.a $(B)/libcvt.a $(LIBS)

# the fuzz targets: with a main of their own, and as libFuzzer calls them, by clang with SAN=fuzzer-no-link,...
$(B)/fuzz $(B)/libfuzzer: $(FUZZ_OBJ) $(B)/program.a $(B)/libcvt.a
$(B)/fuzz: $(B)/tests/fuzz/main.o
$(B)/libfuzzer: $(B)/tests/fuzz/libfuzzer.o
$(B)/libfuzzer: ALL_LDFLAGS += -fsanitize=fuzzer
$(B)/fuzz $(B)/libfuzzer:
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(B)/program.a $(B)/libcvt.a $(LIBS)

# what tests/test_faults.sh runs programs with (Linux with glibc, without sanitizers)
FAULTS   := $(if $(SAN),,$(if $(findstring linux-gnu,$(MACHINE)),\
	$(B)/faults.so $(B)/faults_run $(B)/kills))

$(B)/faults.so: tests/faults.c $(B)/flags
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE -fvisibility=default -shared -o $@ $< -lpthread -ldl

$(B)/faults_run $(B)/kills: $(B)/%: tests/%.c $(B)/flags
	$(call say,LD)
	$(Q)$(CC) $(ALL_CFLAGS) -o $@ $<

tests: $(TEST_BIN) $(FAULTS)

ORACLE   ?= tests/oracle
PYTHON   ?= python3

# `make deps` installs what building and testing need; WITH=ci: the tools of `make lint`, clang and the libraries that
# need not be here too; WITH="webp heif archive": those of them
deps:
	@sh tests/deps.sh install $(WITH)

demo:
	@sh tests/deps.sh install demo
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh

check: $(filter deps,$(MAKECMDGOALS))
	@sh tests/deps.sh
	@sh tests/check.sh

# what takes too long for make check: 10,000 kills, a million records, valgrind, other machines by emulation, every call
# fails once
check-long: all tests
	@PROGRAM="$(PROGRAM)" B="$(B)" sh tests/check_long.sh

# the 24 promises of docs/reliability.md, each with its test and the figure of its last run
reliability: all tests
	@PROGRAM="$(PROGRAM)" B="$(B)" sh tests/reliability.sh

# the tests whose name holds T, on the release build: `make test T=plan`
test: $(filter deps,$(MAKECMDGOALS))
	@sh tests/deps.sh
	@SUITES=release TESTS="$(T)" sh tests/check.sh

# libFuzzer on the fuzz target T (all, one after the other), for S seconds each; tests/fuzz/README.md
fuzz:
	@$(MAKE) -s CC="$(if $(filter default,$(origin CC)),clang-14,$(CC))" SAN=fuzzer-no-link,address,undefined OPENMP= \
		B=build/libfuzzer build/libfuzzer/libfuzzer build/libfuzzer/fuzz
	@T="$(T)" S="$(S)" R="$(R)" sh tests/fuzz/run.sh

# which share of the lines of the readers of files the tests and the seeds of the fuzz targets run
coverage:
	@SUITES=coverage sh tests/check.sh
	@sh tests/fuzz/coverage.sh

where:
	@echo $(B) $(PROGRAM)

# what clang-format, clang-tidy, shellcheck and mandoc find
lint:
	@sh tests/lint.sh

format:
	clang-format-14 -i $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] tests/*.[ch] tests/fuzz/*.[ch])

# builds the tracked files in another directory and compares: the same sources give the same bytes
check-repro: all
	@GIT_ID="$(GIT_ID)" PROGRAM="$(PROGRAM)" B="$(B)" sh tests/check_repro.sh

# regenerates every case from the original programs (Python: $(ORACLE)/setup.sh DIR installs what they need, then
# PYTHON=DIR/bin/python)
oracle: all
	@sh tests/oracle.sh $(ORACLE) $(PYTHON)

# how often answers in f16 and int8 are those in f32 (Python with Pillow), on real weights: run `make demo` before
agreement: all
	@sh tests/agreement.sh $(PYTHON)

# everything for AArch64, and its tests by emulation (Debian: gcc-aarch64-linux-gnu, qemu-user)
check-arm:
	@SUITES=arm sh tests/check.sh

# the same for RISC-V (Debian: gcc-riscv64-linux-gnu, qemu-user), which runs the plain loops
check-riscv:
	@SUITES=riscv sh tests/check.sh

# Debian packages in build/deb, and their trial in a root made by debootstrap; the steps of the Containerfile
deb: all
	@MAKE="$(MAKE)" sh examples/packages/deb.sh

check-deb: all
	@sh tests/check_deb.sh

check-container:
	@sh tests/check_container.sh

# examples/cluster/spark_job.py on a master with two workers, one of which is killed (installs pyspark and Java)
check-spark: all
	@sh tests/check_spark.sh

# the page of `cvt report` in headless Chromium; AXE=axe.min.js: its accessibility too, by that file of npm's axe-core
check-report: all
	@CVT="$(PROGRAM)" AXE="$(AXE)" PYTHON="$(PYTHON)" sh tests/check_report.sh

# one file without shared libraries: build/static/cvt; with LIBC=musl build/musl/cvt, whose libraries are built too. It
# has none of those that are loaded at run time.
LIBC     ?= glibc
static:
	@CC="$(CC)" OPENMP="$(OPENMP)" PACKAGES="$(PACKAGES) $(LINKED)" WITH="$(filter webp,$(USED))" MAKE="$(MAKE)" \
		STRIP="$(STRIP)" sh examples/packages/static.sh $(LIBC)

# build/cvt.cdx.json: what the program is made of, as CycloneDX
sbom: $(PROGRAM)
	@CVT=./$(PROGRAM) sh examples/packages/sbom.sh >$(B)/cvt.cdx.json
	@echo $(B)/cvt.cdx.json

tags: $(wildcard src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] src/*/*.def tests/*.[ch] tests/fuzz/*.[ch])
	ctags -f $@ $^

# ---- installation: everything under PREFIX, DESTDIR in front. ------------------------------------------------------
# NAME is the program's and its manual page's name: Debian's package xcvt has a program cvt too. The program looks for
# models in ../share/cvt/models beside the folder that it lies in.
PREFIX     ?= /usr/local
DESTDIR    ?=
NAME       ?= cvt
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
BASHDIR    ?= $(DATADIR)/bash-completion/completions
ZSHDIR     ?= $(DATADIR)/zsh/site-functions
FISHDIR    ?= $(DATADIR)/fish/vendor_completions.d
D          := $(DESTDIR)
MODELS     := models/imagenet-1k.txt models/imagenet-1k-ids.txt $(sort $(wildcard models/*.safetensors))
# `make uninstall` removes the starter by its name, as it may be gone from models/ by then
REMOVABLE  := $(sort $(MODELS) models/efficientnet-lite0.safetensors)
CONFIGS    := $(sort $(wildcard configs/*.json))
INSTALLED   = $(BINDIR)/$(NAME) $(INCLUDEDIR)/cvt.h $(LIBDIR)/libcvt.a $(LIBDIR)/libcvt.so $(LIBDIR)/$(SONAME) \
	$(LIBDIR)/pkgconfig/cvt.pc $(CONFIGS:%=$(DATADIR)/cvt/%) $(REMOVABLE:%=$(DATADIR)/cvt/%) \
	$(MANDIR)/man1/$(NAME).1 $(MANDIR)/man3/libcvt.3 $(MANDIR)/man5/cvt-config.5 $(BASHDIR)/$(NAME) \
	$(ZSHDIR)/_$(NAME) $(FISHDIR)/$(NAME).fish

# in manual pages: the program's name where it is called, its page where that is named
TITLE    = $(shell echo "$(hyphened)" | tr a-z A-Z)
hyphened = $(subst -,\\-,$(NAME))
RENAME   = $(if $(filter cvt,$(NAME)),,-e 's/^\.TH CVT /.TH $(TITLE) /' -e 's/^cvt \\-/$(hyphened) \\-/' \
	-e 's/\\fBcvt\\fR/\\fB$(hyphened)\\fR/g' -e 's/\\fBcvt /\\fB$(hyphened) /g' \
	-e 's/^    cvt /    $(NAME) /;s/| cvt /| $(NAME) /' -e 's/^\.BR cvt (1)/.BR $(hyphened) (1)/' \
	-e 's/^\.Xr cvt 1/.Xr $(NAME) 1/' -e 's/^\.\(Ql\|Dl\) cvt /.\1 $(NAME) /' \
	-e 's/^cvt \([a-z]\)/$(NAME) \1/' -e 's|PREFIX/bin/cvt|PREFIX/bin/$(hyphened)|')

# How other programs find libcvt.so ($(NAME) itself has the library within it): the system's linker knows some folders
# by ldconfig, others must be named.
LINKER_HINT = if PATH="$$PATH:/sbin:/usr/sbin" ldconfig -XNv 2>/dev/null | grep -q '^$(LIBDIR):'; then \
	echo "Programs that use the library find it after: sudo ldconfig"; else \
	echo "Programs that use the library find it with:"; \
	echo "  PKG_CONFIG_PATH=$(LIBDIR)/pkgconfig LD_LIBRARY_PATH=$(LIBDIR)"; fi

install: all
	$(Q)install -d $(D)$(BINDIR) $(D)$(INCLUDEDIR) $(D)$(LIBDIR)/pkgconfig $(D)$(DATADIR)/cvt/configs \
		$(D)$(DATADIR)/cvt/models $(D)$(MANDIR)/man1 $(D)$(MANDIR)/man3 $(D)$(MANDIR)/man5 $(D)$(BASHDIR) \
		$(D)$(ZSHDIR) $(D)$(FISHDIR)
	$(Q)install -m 755 $(PROGRAM) $(D)$(BINDIR)/$(NAME)
	$(Q)install -m 755 $(B)/libcvt.so $(D)$(LIBDIR)/$(SONAME)
	$(Q)$(STRIP) $(D)$(BINDIR)/$(NAME) $(D)$(LIBDIR)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(D)$(LIBDIR)/libcvt.so
	$(Q)install -m 644 $(B)/libcvt.a $(D)$(LIBDIR)/libcvt.a
	$(Q)install -m 644 src/cvt.h $(D)$(INCLUDEDIR)/cvt.h
	$(Q)printf '%s\n' 'Name: cvt' 'Description: convolutional vision transformers' 'Version: $(VERSION)' \
		'Cflags: -I$(INCLUDEDIR)' 'Libs: -L$(LIBDIR) -lcvt' 'Requires.private: $(PACKAGES) $(LINKED)' \
		'Libs.private: $(OPENMP) -lm -lpthread $(if $(LOADED),-ldl)' > $(D)$(LIBDIR)/pkgconfig/cvt.pc
	$(Q)install -m 644 $(CONFIGS) $(D)$(DATADIR)/cvt/configs
	$(Q)install -m 644 $(MODELS) $(D)$(DATADIR)/cvt/models
	$(Q)sed -e '' $(RENAME) man/cvt.1 > $(D)$(MANDIR)/man1/$(NAME).1
	$(Q)sed -e '' $(RENAME) man/libcvt.3 > $(D)$(MANDIR)/man3/libcvt.3
	$(Q)sed -e '' $(RENAME) man/cvt-config.5 > $(D)$(MANDIR)/man5/cvt-config.5
	$(Q)$(D)$(BINDIR)/$(NAME) completion bash > $(D)$(BASHDIR)/$(NAME)
	$(Q)$(D)$(BINDIR)/$(NAME) completion zsh > $(D)$(ZSHDIR)/_$(NAME)
	$(Q)$(D)$(BINDIR)/$(NAME) completion fish > $(D)$(FISHDIR)/$(NAME).fish
	@$(if $(silent),,echo "installed $(D)$(BINDIR)/$(NAME), libcvt, manual pages, completions, configs,")
	@$(if $(silent),,echo "and in $(D)$(DATADIR)/cvt/models: $(notdir $(MODELS)) (no folders of models/)")
	@$(if $(silent)$(D),,$(LINKER_HINT))

# removes what `make install` with the same variables put there, and its own folders if they are empty then
uninstall:
	$(Q)rm -f $(INSTALLED:%=$(D)%)
	@rmdir $(D)$(DATADIR)/cvt/configs $(D)$(DATADIR)/cvt/models $(D)$(DATADIR)/cvt 2>/dev/null || \
		! [ -d $(D)$(DATADIR)/cvt ] || { echo "these are left, as they may not be of make install:" && \
		find $(D)$(DATADIR)/cvt ! -type d; }

help:
	@echo "make              ./cvt, build/libcvt.a, build/libcvt.so (CC=clang, V=1, SAN=address,undefined)"
	@echo "make demo         installs what is missing, builds, gets the starter model, classifies photos"
	@echo "make deps         installs what building and testing need (WITH=ci: the tools of lint and clang too;"
	@echo "                  WITH='webp heif archive': the libraries for WebP, for HEIC and AVIF, for --tar)"
	@echo "make check        builds with and without sanitizers, runs all tests"
	@echo "make check-long   what takes hours: every call of every command fails once, kills,"
	@echo "                  valgrind, --repro on emulated machines"
	@echo "make reliability  the promises of docs/reliability.md, with the figures of the last runs"
	@echo "make test T=NAME  the tests whose name holds NAME, on the release build"
	@echo "make fuzz         libFuzzer on the readers of files (T=jpeg S=600: one of them, for 10 minutes)"
	@echo "make coverage     the share of the lines of these readers that the tests run"
	@echo "make lint         clang-format, clang-tidy, shellcheck, mandoc; make format formats"
	@echo "make check-arm    everything for AArch64, tests by emulation; make check-riscv for RISC-V"
	@echo "make check-repro  builds in another directory and compares the bytes"
	@echo "make oracle       compares with the original programs (Python)"
	@echo "make agreement    compares answers in f16 and int8 with those in f32 (Python)"
	@echo "make sbom         what the program is made of, as CycloneDX"
	@echo "make deb          Debian packages in build/deb; make check-deb tries them in a root of its own"
	@echo "make static       build/static/cvt, one file without shared libraries (LIBC=musl: build/musl/cvt)"
	@echo "make check-container  the steps of examples/packages/Containerfile"
	@echo "make check-report the page of cvt report in headless Chromium; AXE=axe.min.js: its accessibility too"
	@echo "make check-spark  the Spark job of examples/cluster on this machine, with a worker that dies"
	@echo "make tags         an index of the sources for editors"
	@echo "make install      under PREFIX (/usr/local), DESTDIR in front; NAME=cvt-classify: under another name"
	@echo "make uninstall    the same variables as for install"
	@echo "make clean"

clean:
	rm -rf build cvt tags

-include $(wildcard $(B)/*.d $(B)/src/*.d $(B)/src/*/*.d $(B)/src/*/*/*.d $(B)/tests/fuzz/*.d)

.PHONY: all tests always deps sbom demo check check-long reliability test fuzz coverage where lint format check-repro \
	oracle agreement check-arm check-riscv deb check-deb check-container check-report check-spark static install \
	uninstall help clean
