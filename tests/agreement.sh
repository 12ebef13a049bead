#!/bin/sh
# agreement.sh [PYTHON] - counts how often the starter model gives the same answer in less than f32 as in f32, over crops
# of real photos (tests/make_crops.py). The photos are those in the packages scikit-image, scikit-learn and ultralytics,
# which pip fetches. Run `make demo` first. PYTHON (python3) needs Pillow. `make agreement` runs this.
#   COUNT=1216  crops    MODEL=models/efficientnet-lite0.safetensors    CVT=./cvt
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
program=${CVT:-./cvt}
model=${MODEL:-models/efficientnet-lite0.safetensors}
out=build/agreement
# shellcheck source=tests/fetch.sh
. tests/fetch.sh

photos=build/demo/skimage/data
china=build/demo/sklearn/datasets/images/china.jpg
bus=build/demo/ultralytics/assets/bus.jpg
[ -f "$photos/coffee.png" ] || fetch scikit-image
[ -f "$china" ] || fetch scikit-learn
[ -f "$bus" ] || fetch ultralytics
set -- "$photos/astronaut.png" "$photos/brick.png" "$photos/camera.png" "$photos/chelsea.png" "$photos/coffee.png" \
    "$photos/coins.png" "$photos/grass.png" "$photos/gravel.png" "$photos/hubble_deep_field.jpg" "$photos/ihc.png" \
    "$photos/moon.png" "$photos/motorcycle_left.png" "$photos/retina.jpg" "$photos/rocket.jpg" \
    "$china" "$(dirname "$china")/flower.jpg" "$bus" "$(dirname "$bus")/zidane.jpg"
rm -rf "$out"
"$python" tests/make_crops.py "$out/crops" "${COUNT:-1216}" "$@"
for precision in f32 f16 bf16 int8; do
    "$program" classify -m "$model" -f jsonl -k 5 --precision "$precision" -r "$out/crops" >"$out/$precision.jsonl"
done
"$python" tests/agreement.py "$out/f32.jsonl" "$out/f16.jsonl" "$out/bf16.jsonl" "$out/int8.jsonl"
