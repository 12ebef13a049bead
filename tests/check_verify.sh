#!/bin/sh
# check_verify.sh - `cvt verify` on programs whose kernels are wrong: a line of a kernel's source is changed, as a mistake
# would, in a copy; one instruction set is compiled from it and linked in place of the right one. Each such program must
# say that the model does not give what it gave, and on another instruction set that it does. `make check-long` runs
# this, and with LONG=1 the tests of make check: 4,000 flipped bits of each type, more numbers of threads.
# Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" a case.
#   CVT, CVT_BIN: the program and the folder of its build (with gcc or clang, without sanitizers); KERNELS=1: only wrong kernels
set -u
tests=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$tests")
program=$(realpath "${CVT:-$root/cvt}")
build=$(realpath "${CVT_BIN:-$root/build}")
cd "$root" || exit 1
[ -n "${KERNELS:-}" ] || { LONG=1 sh tests/test_verify.sh && LONG=1 "$build/test_verify"; } || echo 'not ok the tests of make check'
# shellcheck source=tests/case.sh
. "$tests/case.sh"

find_isas
case " $isas " in
*' avx2 '*) isa=avx2 source=src/kernels/x86/avx2.c ;;
*' neon '*) isa=neon source=src/kernels/arm/neon.c ;;
*) echo 'skip wrong kernels: they are for AVX2 or NEON' && exit "$failures" ;;
esac
flags=$(cat "$build/flags")
tiny=$tests/data/cvt/tiny
"$program" convert "$tiny" -o "$work/f32.safetensors" --golden 2
# wide enough for products in int8
cat >"$work/wide.json" <<'END'
{"arch": "vit", "variant": "timm", "img_size": 20, "patch_size": 2, "embed_dim": 64, "depth": 1, "num_heads": 2,
 "mlp_ratio": 1, "num_classes": 4}
END
"$program" init -c "$work/wide.json" -o "$work/wide.safetensors"
"$program" convert "$work/wide.safetensors" -o "$work/int8.safetensors" --dtype int8 --golden 2

# make_wrong HEADER SED: $work/wrong, a program whose kernels for $isa have this line of src/kernels/tmpl/HEADER changed
make_wrong() {
    rm -rf "$work/src" "$work/wrong"
    mkdir -p "$work/src/kernels" && cp -r src/kernels/tmpl "$work/src/kernels"
    sed "$2" "src/kernels/tmpl/$1" >"$work/src/kernels/tmpl/$1"
    cmp -s "src/kernels/tmpl/$1" "$work/src/kernels/tmpl/$1" && echo "no line of $1 is changed by $2" && return 1
    eval "${flags%% -Isrc*} -I$work/src -Isrc ${flags#* -Isrc} -O1 -w -ffp-contract=off -c -o $work/wrong.o $source" &&
        eval "$flags -w -o $work/wrong $work/wrong.o $build/src/cli/main.o $build/program.a $build/libcvt.a ${flags##* -pie}"
}
# finds WHAT MODEL HEADER SED: status 1 and a line that names the input; another instruction set gives what it gave
finds() {
    what=$1 model=$work/$2.safetensors
    make_wrong "$3" "$4" >"$work/told" 2>&1 || { fail "$what" "$(tail -n 3 "$work/told")" && return; }
    CVT_ISA=$isa "$work/wrong" verify -m "$model" >"$work/out" 2>"$work/err"
    ended=$?
    CVT_ISA=ref "$work/wrong" verify -m "$model" >"$work/ref" 2>&1
    if [ $ended -eq 1 ] && [ ! -s "$work/out" ] && grep -q '^cvt: .*: input 0[: ]' "$work/err" &&
        grep -q '^ok: ' "$work/ref"; then
        pass "$what: $(sed -n '1s/.*: \(input 0.*\)/\1/p' "$work/err")"
    else
        fail "$what" "status $ended: $(head -n 1 "$work/out" "$work/err" "$work/ref" | tr '\n' ' ')"
    fi
}

if make_wrong gemm.h 's/$/ /' >"$work/told" 2>&1; then
    for model in f32 int8; do
        check "a program built in this way, its kernels right: $model" \
            env CVT_ISA="$isa" "$work/wrong" verify -m "$work/$model.safetensors"
    done
else
    fail 'a program built in this way' "$(cat "$work/told")"
fi
finds 'a product that leaves out the last step' f32 gemm.h 's/for (; kk < k; kk++/for (; kk + 1 < k; kk++/'
finds 'a product without its bias' f32 gemm.h 's/if (t->bias) EACH/if (0) EACH/'
finds 'a product with the wrong row of A' f32 gemm.h 's/v_set(a\[i\]\[kk\])/v_set(a[i ? i - 1 : 0][kk])/'
finds 'panels with a row of weights in the wrong place' f32 pack.h 's/x\[i\] \* scale/x[i ? i - 1 : 0] * scale/'
finds 'attention without its scale' f32 attention.h 's/, d, a->scale)/, d, 1)/'
finds 'softmax that adds what lies behind a row' f32 exp_rows.h 's/if (lanes < VL) v\[i\] = v_first(lanes, v\[i\], v_set(0));//'
finds 'a norm that adds what lies behind a row' f32 rows.h 's/if (lanes < VL) d = v_first(lanes, d, v_set(0));//'
finds 'a norm without its shift' f32 rows.h 's/if (beta) v +=.*//'
finds 'a convolution without its bias' f32 dwconv.h 's/if (bias) s +=.*//'
finds 'a convolution without the last row of its kernel' f32 dwconv.h 's/t.rows = (size_t)(u1 - u0);/t.rows = (size_t)(u1 - u0 - 1);/'
finds 'a resizing that cuts in place of rounding' f32 resample.h 's/1 << (CVT_RESAMPLE_FRACTION - 1)/0/'
finds 'a product in int8 without the zero of its rows' int8 int8.h 's/shift \* v_load(sums + j \* VL)/v_set(0)/'
finds 'rows in int8 that are cut at 127' int8 int8_rows.h 's/0x1.8p23f + 255/0x1.8p23f + 127/'
[ "$failures" -eq 0 ]
