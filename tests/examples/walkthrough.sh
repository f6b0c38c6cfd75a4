#!/bin/sh
# Runs the commands of docs/from-images-to-network.md on 2,000 photographs and looks at what they leave.
# Skips (exit code 77) where Pillow or Debian's mate-backgrounds is missing.
# Usage: walkthrough.sh FRONTIER SOURCE
set -eu
frontier=$1 source=$2
photographs=/usr/share/backgrounds/mate/nature
for python in python3 /usr/bin/python3 none; do
  "$python" -c 'import PIL' 2>/dev/null && break
done
if [ "$python" = none ] || [ ! -d "$photographs" ]; then
  echo "skipped: needs Debian's python3-pil and mate-backgrounds"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$python" "$source/benchmarks/sample_photographs.py" --photographs "$photographs" photos
mkdir bin
ln -s "$frontier" bin/frontier
PATH=$work/bin:$PATH

commands=$(sed -n '/^```sh$/,/^```$/p;/^```$/q' "$source/docs/from-images-to-network.md" | grep '^frontier')
[ "$(echo "$commands" | wc -l)" = 5 ] || { echo "the page has other than five commands"; exit 1; }
echo "$commands" | while read -r command; do
  echo "\$ $command"
  sh -c "$command" < /dev/null 2>> log || { cat log; exit 1; }
done | tee out

grep -q '1 of 2000 pictures cannot be read: .*damaged JPEG' log
grep -q 'classes  37: aqua-inner-left, ' out
grep -q '^2.00 M ' out && grep -q '^8.00 M ' out
grep -q '</html>' report.html
frontier check network.onnx | grep -q 'largest difference 0, allowed'
ARCH=$(frontier check --json network.onnx | sed -n 's/^  "arch": "\(.*\)",$/\1/p')
export ARCH
grep -e '--out tuned' -e '--checkpoint tuned' "$source/docs/from-images-to-network.md" | while read -r command; do
  echo "\$ $command"
  sh -c "$command" < /dev/null 2>> log || { cat log; exit 1; }
done
# Three classes for the first picture of each of the 37, of which a network that learned nothing names 8 % aright.
frontier predict --json --quiet --model network.onnx --top 3 photos/*/0000.* > predictions.json
"$python" - <<'PYTHON'
import json
results = json.load(open("predictions.json"))["results"]
assert len(results) == 37, len(results)
right = sum(item["image"].split("/")[1] in [found["class"] for found in item["classes"]] for item in results)
print(f"{right} of 37 among the first three")
assert right >= 12, right
PYTHON
