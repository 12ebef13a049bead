#!/bin/sh
# check_report.sh: the page of `cvt report` in headless Chromium: it opens without a message on the console and loads
# nothing, hostile text does nothing, filters, orders, keys and the confusion matrix do what they say, 10,000 records
# are there within 2 s; and thumbnails are as Pillow's. Pictures of the page in light, dark and 400 pixels wide are left
# in build/report, to be looked at. For developers (Debian: chromium; PYTHON: one with Pillow; AXE: the file axe.min.js of
# npm's axe-core, for accessibility).
set -u
tests=$(cd "$(dirname "$0")" && pwd)
cvt=$(realpath "${CVT:-$tests/../cvt}")
model=$tests/data/cvt/tiny
pictures=$tests/../build/report
python=${PYTHON:-python3}
axe=${AXE:+$(realpath "$AXE")}
# shellcheck source=tests/case.sh
. "$tests/case.sh"
cd "$work" || exit 1
command -v chromium >/dev/null || { echo "skip report: no chromium here" && exit 0; }

browser() {
    timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking \
        --user-data-dir="$work/profile" --enable-logging=stderr --v=0 "$@" 2>err
}
# run PAGE SCRIPT: what the script, an expression, gives once the page is there; messages on the console in $messages
run() {
    { cat "$1" && printf '<script>addEventListener("load", () => { document.title = JSON.stringify((%s)()); });</script>' \
        "$(cat "$2")"; } >with.html
    browser --virtual-time-budget=20000 --dump-dom "file://$work/with.html" |
        sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' | head -n 1 | sed 's/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
    messages=$(grep CONSOLE err)
}

# ---- hostile text ----------------------------------------------------------------------------------------------------

make_pictures
"$python" - <<'END' 2>/dev/null
from PIL import Image
import math
image = Image.new('RGB', (1201, 700))
image.putdata([(int(127 + 127 * math.sin(x / 90)), x * 255 // 1201, y * 255 // 700) for y in range(700) for x in range(1201)])
image.save('good/large.png')
exif = Image.Exif()
exif[0x112] = 6
image.save('good/turned.jpg', exif=exif)
END
cat >hostile.jsonl <<'END'
{"cvt":"0.2.0","model":"</script><script>document.body.innerHTML='broken'</script>","options":{"<img src=x onerror=alert(1)>":1}}
{"path":"</script><script>document.body.innerHTML='broken'</script>","ok":true,"top":[{"index":0,"label":"<img src=http://x.invalid/ onerror=alert(1)>","score":0.9},{"index":1,"label":"\"'&quot;","score":0.1}],"truth":{"index":0,"label":"<img src=http://x.invalid/ onerror=alert(1)>"}}
{"path":"javascript:document.body.innerHTML='broken'","ok":true,"top":[{"index":1,"label":"__proto__","score":0.5},{"index":2,"label":"constructor","score":0.4}],"truth":{"index":2,"label":"constructor"}}
{"path":"\u202egpj.exe\u0000x","ok":true}
{"path":"\u202egpj.exe","ok":false,"error":{"code":"<b>","message":"<script>alert(1)</script>"}}
{"path_b64":"YS//PGI+LmpwZw==","ok":true,"top":[]}
{"path":"//x.invalid/a.jpg","ok":true,"top":[{"index":1,"label":"__proto__","score":0.7}],"truth":1}
{"path":"a?b#c%41.jpg","ok":true,"top":[]}
END
"$cvt" report hostile.jsonl -o hostile.html 2>/dev/null
cat >script <<'END'
() => [...document.querySelectorAll('li.record')].map(li => li.querySelector('.name').textContent + ' | ' +
  li.querySelector('.name a').getAttribute('href')).concat(document.querySelectorAll('img, script, iframe, b').length,
  [...document.querySelectorAll('#label option')].map(o => o.textContent).join(' '),
  [...document.querySelectorAll('table th[scope=row]')].map(o => o.textContent).join(' '))
END
run hostile.html script >got
cat >want <<'END'
["</script><script>document.body.innerHTML='broken'</script> | ./%3C%2Fscript%3E%3Cscript%3Edocument.body.innerHTML%3D'broken'%3C%2Fscript%3E"
"javascript:document.body.innerHTML='broken' | ./javascript%3Adocument.body.innerHTML%3D'broken'"
"\\u{202e}gpj.exe | ./%E2%80%AEgpj.exe"
"a/\\xff<b>.jpg | ./a/%FF%3Cb%3E.jpg"
"//x.invalid/a.jpg | file:///x.invalid/a.jpg"
"a?b#c%41.jpg | ./a%3Fb%23c%2541.jpg"
END
sed 's/","/"\n"/g; s/",\([0-9]\)/"\n\1/' got >lines
sed 's/%3C%2Fscript/%3C\/script/g' want >want2
equal 'hostile names are shown and linked as they are' "$(head -n 6 lines)" "$(cat want2)"
equal 'no element is made of them' "$(sed -n 's/^\([0-9]*\),.*/\1/p' lines)" 2
check 'classes that are called as parts of the language count' grep -qF '__proto__ (2)' got
check 'nothing is said on the console' test -z "$messages"

# Classes of one label are told apart; those of another file have their own names.
cat >same.jsonl <<'END'
{"path":"a","ok":true,"top":[{"index":134,"label":"crane","score":0.6},{"index":517,"label":"crane","score":0.4}],"truth":517}
{"path":"b","ok":true,"top":[{"index":134,"label":"crane","score":0.6}],"truth":"crane"}
{"path":"c","ok":true,"top":[{"label":"2","score":0.6},{"label":"1","score":0.3}],"truth":"1"}
END
printf '{"path":"d","ok":true,"top":[{"index":134,"label":"dog","score":1}],"truth":134}\n' >other.jsonl
"$cvt" report same.jsonl other.jsonl -o same.html --thumbnails 0
echo '() => [...document.querySelectorAll("li.record p.good, li.record p.bad")].map(e => e.textContent).join("; ") + "; " +
  [...document.querySelectorAll("#label option")].map(e => e.textContent).join(", ")' >script
equal 'classes with one label are told apart, and by file' "$(run same.html script)" \
    '"✗ wrong: it is crane (517), which comes 2nd; ✓ right; ✗ wrong: it is 1, which comes 2nd; ✓ right; all, 2 (1), '\
'crane (134) (2), dog (1)"'

# ---- filters, orders, keys -------------------------------------------------------------------------------------------

awk -v n=120 'BEGIN { for (i = 0; i < n; i++) {
    if (i % 10 == 9) {
        printf "p%03d - - -\n", i >"few.table"
        printf "{\"path\":\"p%03d\",\"ok\":false,\"error\":{\"code\":\"format\",\"message\":\"no\"}}\n", i; continue }
    best = i % 3; truth = i % 4 == 0 ? (best + 1) % 3 : best; s = 0.5 + (i * 37 % 100) / 250
    printf "p%03d c%d %.4f c%d\n", i, best, s, truth >"few.table"
    printf "{\"path\":\"p%03d\",\"ok\":true,\"top\":[{\"index\":%d,\"label\":\"c%d\",\"score\":%.4f},{\"index\":%d,\"label\":\"c%d\",\"score\":%.4f}],\"truth\":{\"index\":%d,\"label\":\"c%d\"}}\n", i, best, best, s, (best + 1) % 3, (best + 1) % 3, 1 - s, truth, truth } }' >few.jsonl
"$cvt" report few.jsonl -o few.html --thumbnails 0 || fail 'a page' 'of records that are made up'
cat >script <<'END'
() => {
  const at = id => document.getElementById(id), out = [];
  const names = () => [...document.querySelectorAll('.name')].map(e => e.textContent);
  const set = values => {
    at('clear').click();
    for (const [id, value] of Object.entries(values)) at(id).value = value;
    at('filters').dispatchEvent(new Event('input'));
    const said = at('shown').textContent.match(/of (\d+)/);
    out.push(said ? Number(said[1]) : 0);
    return names();
  };
  const key = (key, target) => (target || document.activeElement).dispatchEvent(new KeyboardEvent('keydown',
    {key, bubbles: true, cancelable: true}));
  set({}); set({outcome: '=right'}); set({outcome: '=wrong'}); set({outcome: '=failed'});
  set({label: '=c1'}); set({truth: '=c1'}); set({label: '=c1', truth: '=c2'}); set({text: 'P11'}); set({least: '0.8'});
  set({least: '0.6', most: '0.7'}); set({text: 'nothing of this name'});
  out.push(set({order: 'high'})[0], set({order: 'low'})[0], set({order: 'doubt'})[0], set({order: 'name'})[0]);
  set({});
  key('n', document.body); out.push(names()[0]);
  key('n', document.body); key('n', document.body); out.push(names()[0], at('next').disabled);
  key('p', document.body); out.push(names()[0]);
  key('j', document.body); key('j'); key('j'); key('k'); out.push(document.activeElement.querySelector('.name').textContent);
  key('/'); out.push(document.activeElement.id);
  [...document.querySelectorAll('td button')].find(b => b.getAttribute('aria-label').endsWith('of c2 taken for c1')).click();
  out.push(at('shown').textContent);
  out.push([...document.querySelectorAll('td button')].map(b => b.textContent).join(' '));
  out.push(at('counts').textContent, document.documentElement.scrollWidth <= innerWidth);
  return out;
}
END
# the same from a table of the records, by awk
count_of() { # CONDITION
    awk -v n=0 "{ failed = \$2 == \"-\"; best = \$2; s = \$3; truth = \$4; right = !failed && best == truth
        wrong = !failed && best != truth } $1 { n++ } END { print n }" few.table
}
first_of() { grep -v -e - few.table | sort -s "$@" | head -n 1 | cut -d ' ' -f 1; }
{
    for of in 1 right wrong failed 'best == "c1"' 'truth == "c1"' 'best == "c1" && truth == "c2"' '/p11/' \
        '!failed && s >= 0.8' '!failed && s >= 0.6 && s <= 0.7' 0; do count_of "$of"; done
    for by in -k3,3nr -k3,3n -k3,3n; do first_of "$by"; done
} >expected
grep '^p' expected >firsts
numbers=$(grep -v '^p' expected | paste -sd, -)
cells=$(for t in 0 1 2; do for b in 0 1 2; do n=$(count_of "best == \"c$b\" && truth == \"c$t\""); [ "$n" = 0 ] || printf '%s ' "$n"; done; done)
right=$(count_of right) wrong=$(count_of wrong) failed=$(count_of failed) pair=$(count_of 'best == "c1" && truth == "c2"')
share=$(awk -v r="$right" -v w="$wrong" 'BEGIN { printf "%.2f", 100 * r / (r + w) }')
wanted="[$numbers,120,120,120,120,\"$(paste -s -d, firsts | sed 's/,/","/g')\",\"p000\",120,\"p050\",\"p100\",true,\"p050\",\"p051\",\"text\""
wanted="$wanted,\"Records 1 to $pair of $pair that fit, of 120\",\"${cells% }\""
wanted="$wanted,\"120 records · $failed failed · $share % right ($right of $((right + wrong)))\",true]"
equal 'filters, orders, keys and cells do what they say' "$(run few.html script)" "$wanted"
equal 'nothing is said on the console then' "$messages" ''

# ---- where a model looks ---------------------------------------------------------------------------------------------

"$cvt" classify -m "$model" -f jsonl good >good.jsonl 2>/dev/null
"$cvt" report good.jsonl -o maps.html --attend "$tests/data/lite/timm" 2>/dev/null || fail 'a page' 'with maps'
cat >script <<'END'
() => {
  const button = document.getElementById('maps'), out = [button.hidden, button.getAttribute('aria-pressed')];
  const images = () => [...document.querySelectorAll('.thumb img')].map(i => i.src).join();
  const withMaps = images();
  button.click();
  const without = images();
  out.push(withMaps !== without, button.getAttribute('aria-pressed'));
  document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'm', bubbles: true, cancelable: true}));
  out.push(images() === withMaps, button.getAttribute('aria-pressed'));
  return out;
}
END
equal 'maps go off and on, by the button and by a key' "$(run maps.html script)" '[false,"true",true,"false",true,"true"]'
equal 'nothing is said on the console there' "$messages" ''
echo '() => document.getElementById("maps").hidden' >script
equal 'a page without maps has no button for them' "$(run few.html script)" true

# ---- size ------------------------------------------------------------------------------------------------------------

awk -v n=10000 'BEGIN { for (i = 0; i < n; i++) {
    printf "{\"path\":\"good/%d.jpg\",\"ok\":true,\"top\":[", i % 8 + 1
    for (k = 0; k < 5; k++) printf "%s{\"index\":%d,\"label\":\"class %d of many, and a synonym\",\"score\":%.6f}", k ? "," : "", (i + k) % 1000, (i + k) % 1000, 0.5 / (k + 1)
    printf "],\"truth\":{\"index\":%d,\"label\":\"class %d of many, and a synonym\"}}\n", (i + i % 2) % 1000, (i + i % 2) % 1000 } }' >many.jsonl
"$cvt" report many.jsonl -o many.html || fail 'a page' 'of 10,000 records'
echo '() => [performance.now() | 0, document.querySelectorAll("li.record").length, document.getElementById("shown").textContent, (() => { const t = performance.now(); document.getElementById("text").value = "class 77"; document.getElementById("filters").dispatchEvent(new Event("input")); return performance.now() - t | 0; })()]' >script
# without virtual time, which would not tell how long it takes
{ cat many.html && printf '<script>addEventListener("load", () => { document.title = JSON.stringify((%s)()); });</script>' "$(cat script)"; } >with.html
got=$(browser --dump-dom "file://$work/with.html" | sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' | head -n 1)
echo "$(wc -c <many.html) bytes; milliseconds to load, rows, records, milliseconds to filter: $got"
check '10,000 records are there within 2 s' awk -v got="$got" 'BEGIN { split(substr(got, 2), part, ","); exit !(part[1] > 0 && part[1] < 2000 && part[2] == 50) }'
check 'all of them' matches "$got" '*of 10,000*'

# ---- pictures --------------------------------------------------------------------------------------------------------

mkdir -p "$pictures"
"$cvt" classify -m "$model" -f jsonl --header good >good.jsonl 2>/dev/null
"$cvt" report few.jsonl good.jsonl hostile.jsonl -o all.html --attend "$tests/data/lite/timm" 2>/dev/null
printf '<!DOCTYPE html><body style="margin:0"><iframe src="all.html" style="width:400px;height:2000px;border:0"></iframe>' >narrow.html
browser --window-size=1200,1600 --screenshot="$pictures/light.png" "file://$work/all.html"
browser --window-size=1200,1600 --blink-settings=preferredColorScheme=0 --screenshot="$pictures/dark.png" "file://$work/all.html"
browser --window-size=500,2000 --screenshot="$pictures/narrow.png" "file://$work/narrow.html"
cp all.html many.html "$pictures"
check 'pictures are taken' test -s "$pictures/light.png" -a -s "$pictures/dark.png" -a -s "$pictures/narrow.png"

# ---- accessibility ---------------------------------------------------------------------------------------------------

# findings OPTION...: what axe finds on the page of all records, and how many rules it has found kept
findings() {
    {
        cat all.html && echo '<script>' && cat "$axe" && echo '</script><script>addEventListener("load", async () => {
            const r = await axe.run();
            document.title = JSON.stringify([r.passes.length > 20, r.violations.map(v => v.id + " " + v.nodes[0].html)]); });'
        echo '</script>'
    } >with.html
    browser "$@" --virtual-time-budget=60000 --dump-dom "file://$work/with.html" |
        sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' | head -n 1
}
if [ -n "$axe" ]; then
    equal 'axe finds nothing' "$(findings --window-size=1200,1600)" '[true,[]]'
    equal 'nor in the dark' "$(findings --window-size=1200,1600 --blink-settings=preferredColorScheme=0)" '[true,[]]'
    equal 'nor on a narrow page' "$(findings --window-size=500,1600)" '[true,[]]'
else
    echo 'skip accessibility: AXE names no axe.min.js'
fi

# ---- thumbnails ------------------------------------------------------------------------------------------------------

cat >thumbnails.py <<'END'
import base64, io, json, sys
from PIL import Image, ImageChops, ImageOps, ImageStat
lines = open('all.html').read().split('id="data">')[1].split('</script>')[0]
records = [r for r in json.loads(lines) if 'thumbnail' in r and r['path'] != 'good/9.png']  # too coarse for JPEG
worst, sizes = 0, set()
for r in records:
    ours = Image.open(io.BytesIO(base64.b64decode(r['thumbnail'])))
    sizes.add(ours.size)
    its = ImageOps.exif_transpose(Image.open(r['path'])).convert('RGB').resize(ours.size, Image.BICUBIC)
    worst = max(worst, *ImageStat.Stat(ImageChops.difference(ours, its)).mean)
print(len(records), 'thumbnails, the largest mean difference to Pillow', round(worst, 2))
sys.exit(not (len(records) == 10 and (160, 93) in sizes and (93, 160) in sizes and worst < 4))
END
if "$python" -c 'import PIL' 2>/dev/null; then check "thumbnails are as Pillow's" "$python" thumbnails.py; else
    echo "skip thumbnails are as Pillow's: no Pillow here"; fi

[ "$failures" -eq 0 ]
