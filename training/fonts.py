"""Which fonts draw which script, by foundry, and which foundry is held out of training.

A font is taken for a script only when a row names it: many fonts carry a script as a guest, and a table of covered
characters cannot tell. Rows are (foundry, pattern of the family name). A foundry stands on one side of the split.

    python fonts.py OUT.json FOLDER...     scans font files; OUT has the fonts of each script and side
"""

import collections
import glob
import json
import os
import re
import sys

from fontTools.ttLib import TTCollection, TTFont

# Letters that a font must have to draw a script; 95 % of them are enough.
LETTERS = {
    "Latn": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "Cyrl": "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИ",
    "Grek": "αβγδεζηθικλμνξοπρσςτυφχψωΑΒΓΔΘΛΞΠΣΦΨΩ",
    "Arab": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "Hebr": "אבגדהוזחטיכלמנסעפצקרשת",
    "Deva": ("अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफ" "बभमयरलवशषसहािीुू"),
    "Beng": ("অআইঈউঊএঐকখগঘচছজঝটঠডঢণতথদধনপফবভ" "মযরলশষসহ"),
    "Guru": ("ਅਆਇਈਉਊਕਖਗਘਚਛਜਝਟਠਡਢਣਤਥਦਧਨਪਫਬਭਮਯ" "ਰਲਵਸਹ"),
    "Gujr": ("અઆઇઈઉઊકખગઘચછજઝટઠડઢણતથદધનપફબભમય" "રલવશષસહ"),
    "Orya": ("ଅଆଇଈଉଊକଖଗଘଚଛଜଝଟଠଡଢଣତଥଦଧନପଫବଭମଯ" "ରଲଶଷସହ"),
    "Taml": "அஆஇஈஉஊஎஏஐஒகஙசஞடணதநபமயரலவழளறனஷஸஹ",
    "Telu": ("అఆఇఈఉఊకఖగఘచఛజఝటఠడఢణతథదధనపఫబభమయ" "రలవశషసహ"),
    "Knda": ("ಅಆಇಈಉಊಕಖಗಘಚಛಜಝಟಠಡಢಣತಥದಧನಪಫಬಭಮಯ" "ರಲವಶಷಸಹ"),
    "Mlym": ("അആഇഈഉഊകഖഗഘചഛജഝടഠഡഢണതഥദധനപഫബഭമയ" "രലവശഷസഹ"),
    "Sinh": ("අආඇඈඉඊඋඌකඛගඝචඡජඣටඨඩඪණතථදධනපඵබභ" "මයරලවශෂසහ"),
    "Thai": ("กขคฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภ" "มยรลวศษสหฬอฮ"),
    "Laoo": "ກຂຄງຈສຊຍດຕຖທນບປຜຝພຟມຢຣລວຫອຮ",
    "Tibt": "ཀཁགངཅཆཇཉཏཐདནཔཕབམཙཚཛཝཞཟའཡརལཤསཧཨ",
    "Mymr": "ကခဂဃငစဆဇဈညဋဌဍဎဏတထဒဓနပဖဗဘမယရလဝသဟဠအ",
    "Khmr": "កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអ",
    "Geor": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "Armn": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցփքօֆ",
    "Ethi": "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐ",
    "Hani": "一不人我在有大来中上下日月山水火",
    "Jpan": ("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほ" "まみむめもやゆよらりるれろわをん日本語"),
    "Hang": "가나다라마바사아자차카타파하한국어강글은는을를",
    "Cher": "ᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹ",
    "Cans": "ᐁᐃᐅᐊᐯᐱᐳᐸᑌᑎᑐᑕᑫᑭᑯᑲᒉᒋᒍᒐᒣᒥᒧᒪ",
    "Thaa": "ހށނރބޅކއވމފދތލގޏސޑޒޓޔޕޖޗަާިީުޫ",
    "Tfng": "ⴰⴱⴳⴷⴹⴻⴼⴽⵀⵃⵄⵅⵇⵉⵊⵍⵎⵏⵓⵔⵕⵖⵙⵚⵛⵜⵟⵡⵢⵣ",
}

# Foundries of the European scripts; each row counts for Latin, Cyrillic and Greek where the font has the letters.
EUROPE = [
    ("bitstream", r"DejaVu (Sans|Serif|Sans Mono)"),
    ("libertine", r"Linux (Libertine|Biolinum) O"),
    ("kryukov", r"Old Standard TT"),
    ("cantarell", r"Cantarell"),
    ("gfs", r"GFS .*"),
    ("noto", r"Noto (Sans|Serif|Sans Display|Serif Display|Sans Mono)"),
    ("ascender", r"Liberation .*|Arimo|Tinos|Cousine|Carlito|Caladea"),
    ("free", r"Free(Sans|Serif|Mono)"),
    ("sil", r"(Gentium|Charis|Doulos|Andika|Galatia).*"),
    ("urw", r"(Nimbus|URW|C059|P052|Z003).*"),
    ("gust", r"TeX Gyre (?!.*Math).*"),
    ("cmu", r"CMU .*"),
    ("ebgaramond", r"EB Garamond( .*)?"),
    ("cormorant", r"Cormorant"),
    ("junicode", r"Junicode.*"),
    ("cardo", r"Cardo"),
    ("stix", r"STIXGeneral"),
    ("paratype", r"PT .*|Golos Text|Didact Gothic"),
    ("roboto", r"Roboto( Condensed| Slab)?"),
    ("opensans", r"Open Sans( Condensed)?"),
    ("alegreya", r"Alegreya"),
    ("montserrat", r"Montserrat"),
    ("jura", r"Jura"),
    ("exo", r"Exo 2"),
    ("jovanny", r"Russo One|Yeseva One|Philosopher|Marck Script|Bad Script|Neucha|Prata"),
    ("arsenal", r"Arsenal"),
    ("oswald", r"Oswald"),
    ("playfair", r"Playfair Display"),
    ("onest", r"Onest"),
    ("geologica", r"Geologica"),
    ("commissioner", r"Commissioner"),
    ("literata", r"Literata|Merriweather"),
    ("lora", r"Lora"),
    ("ubuntu", r"Ubuntu"),
    ("fira", r"Fira (Sans|Code)"),
    ("adobe", r"Source (Serif 4|Sans 3)"),
    ("sofia", r"Sofia Sans"),
    ("caveat", r"Caveat"),
    ("plex", r"IBM Plex (Serif|Mono|Sans)"),
    ("google", r"Google Sans"),
    ("nunito", r"Nunito"),
    ("spectral", r"Spectral"),
    ("cody", r"Press Start 2P"),
    ("bitter", r"Bitter"),
    ("colophon", r"Space Mono"),
    ("elite", r"Special Elite"),
    ("mann", r"UnifrakturMaguntia"),
    ("typesetit", r"Great Vibes"),
    ("vernon", r"Anton|Pacifico"),
    ("tt", r"Abril Fatface"),
    ("dharma", r"Bebas Neue"),
    ("inter", r"Inter( Display)?"),
    ("jetbrains", r"JetBrains Mono"),
    ("comfortaa", r"Comfortaa"),
    ("play", r"Play"),
    ("vollkorn", r"Vollkorn"),
    ("tuffy", r"Tuffy"),
    ("quattro", r"Quattrocento"),
    ("lato", r"Lato"),
    ("dosis", r"Dosis"),
    ("yanone", r"Yanone Kaffeesatz"),
    ("courierprime", r"Courier Prime"),
    ("lobster", r"Lobster"),
    ("dancing", r"Dancing Script"),
    ("averia", r"Averia Serif.*"),
    ("go", r"Go( Mono)?"),
    ("b612", r"B612"),
    ("comic", r"Comic Neue"),
    ("karla", r"Karla"),
    ("manrope", r"Manrope"),
    ("sora", r"Sora"),
    ("oxygen", r"Oxygen"),
    ("ocr", r"OCR-?[AB].*"),
    ("rubik", r"Rubik"),
    ("amatic", r"Amatic SC"),
    ("triod", r"TriodPostnaja"),
    ("gnu", r"GNUTypewriter"),
    ("goudy", r"Goudy Bookletter 1911"),
    ("prociono", r"Prociono"),
    ("calsans", r"Cal Sans"),
    ("poppins", r"Poppins"),
    ("kanit", r"Kanit"),
    ("tiresias", r"Tiresias.*"),
    ("dyslexic", r"OpenDyslexic"),
    ("essays", r"Century Catalogue"),
]
NOTO = ("noto", r"Noto (Sans|Serif|Looped|Kufi|Naskh|Nastaliq|Rashi).*")
GOOGLE, FREE, VERA, FIRA = (
    ("google", r"Google Sans"),
    ("free", r"Free(Sans|Serif|Mono)"),
    ("bitstream", r"DejaVu .*"),
    ("fira", r"FiraGO"),
)
MPH = ("mph", r"MPH 2B Damase")
FOUNDRIES = {
    "Latn": EUROPE,
    "Cyrl": EUROPE,
    "Grek": EUROPE,
    "Arab": [
        NOTO,
        VERA,
        FIRA,
        FREE,
        ("amiri", r"Amiri"),
        ("paktype", r"PakType .*"),
        ("thabit", r"Thabit"),
        ("kacst", r"(Kacst|mry_Kacst).*"),
        ("sil", r"Scheherazade|Lateef|Harmattan|Awami Nastaliq"),
        ("farsiweb", r"Homa|Nazli|Titr|FreeFarsi.*"),
        ("ukij", r"UKIJ .*"),
        (
            "arabeyes",
            (
                r"Al(Arabiya|Battar|Hor|Manzomah|Yarmook)|Arab|Cortoba|Dimnah|Electron|Furat|Granada|Graph|"
                r"Hani|Haramain|Hor|Japan|Jet|Kayrawan|Khalid|Mashq|Metal|Nada|Nagham|Nice|Ostorah|Ouhod|Petra|"
                r"Rasheeq|Rehan|Salem|Shado|Sharjah|Sindbad|Tarablus|Tholoth"
            ),
        ),
        ("unikurd", r"Unikurd Web"),
        ("lemonada", r"Lemonada"),
        ("alexandria", r"Alexandria"),
        ("almarai", r"Almarai.*"),
        ("ruqaa", r"Aref Ruqaa|Reem Kufi"),
        ("ektype", r"Baloo Bhaijaan 2"),
        ("cairo", r"Cairo"),
        ("changa", r"Changa"),
        ("messiri", r"El Messiri"),
        ("plex", r"IBM Plex Sans Arabic"),
        ("lalezar", r"Lalezar"),
        ("tajawal", r"Tajawal"),
        ("vazir", r"Vazirmatn"),
        ("readex", r"Readex Pro"),
        ("zain", r"Zain"),
        ("rubik", r"Rubik"),
    ],
    "Hebr": [
        NOTO,
        VERA,
        FIRA,
        FREE,
        GOOGLE,
        ("culmus", r".* CLM|Keter YG|Makabi YG"),
        ("sil", r"Ezra SIL.*"),
        ("libertine", r"Linux (Libertine|Biolinum) O"),
        ("ascender", r"Arimo|Tinos|Cousine"),
        (
            "ldco",
            r"Daniel|ECO|HarSinai|Hidekel|Josef|Kimchi|Miso|Mixer|Neo|Noam|Sayphan|Shofar|Sticks|Strokes|YamSuf|Amit",
        ),
        ("amatic", r"Amatic SC"),
        ("assistant", r"Assistant"),
        ("fontef", r"Frank Ruhl Libre"),
        ("heebo", r"Heebo"),
        ("plex", r"IBM Plex Sans Hebrew"),
        ("rubik", r"Rubik"),
        ("suez", r"Suez One"),
        ("varela", r"Varela Round"),
        ("cardo", r"Cardo"),
        ("mplus", r"Rounded Mplus 1c.*"),
        MPH,
    ],
    "Deva": [
        NOTO,
        FIRA,
        GOOGLE,
        ("sil", r"Annapurna SIL"),
        ("nakula", r"Nakula|Sahadeva"),
        ("gargi", r"Gargi"),
        ("chandas", r"Chandas"),
        ("lohit", r"Lohit Devanagari"),
        ("samyak", r"Samyak Devanagari"),
        ("mpp", r"Kalimati|Samanata"),
        ("aksharyogini", r"Aksharyogini2"),
        ("sarai", r"Sarai"),
        ("ektype", r"Baloo 2|Mukta|Modak"),
        ("itf", r"Hind|Karma|Khand|Kalam|Halant|Poppins|Rajdhani|Teko"),
        ("biryani", r"Biryani|Martel|Yantramanav"),
        ("inknut", r"Inknut Antiqua"),
        ("plex", r"IBM Plex Sans Devanagari"),
    ],
    "Beng": [
        NOTO,
        GOOGLE,
        ("mitra", r"Ani|Jamrul|Likhan|Mitra ?|Mukti.*"),
        ("lohit", r"Lohit (Bengali|Assamese)"),
        ("itf", r"Hind Siliguri"),
    ],
    "Guru": [NOTO, GOOGLE, ("saab", r"Saab"), ("lohit", r"Lohit Gurmukhi")],
    "Gujr": [
        NOTO,
        GOOGLE,
        ("yrsa", r"Rasa"),
        ("gujr", r"aakar|padmaa.*"),
        ("kalapi", r"Kalapi"),
        ("lohit", r"Lohit Gujarati"),
        ("samyak", r"Samyak Gujarati"),
        ("rekha", r"Rekha"),
        ("ektype", r"Baloo Bhai 2|Farsan|Shrikhand"),
        ("itf", r"Hind Vadodara"),
    ],
    "Orya": [NOTO, GOOGLE, ("utkal", r"ori1Uni"), ("lohit", r"Lohit Odia"), ("samyak", r"Samyak Oriya")],
    "Taml": [
        NOTO,
        GOOGLE,
        ("samyak", r"Samyak Tamil"),
        ("karla", r"Karla Tamil .*"),
        ("lohit", r"Lohit Tamil.*"),
        ("catamaran", r"Catamaran"),
        ("coiny", r"Coiny"),
        ("itf", r"Hind Madurai"),
        ("inimai", r"Meera Inimai"),
    ],
    "Telu": [
        NOTO,
        GOOGLE,
        ("desikachary", r"Pothana2000|Vemana2000"),
        ("lohit", r"Lohit Telugu"),
        ("ektype", r"Anek Telugu"),
        (
            "vijayam",
            (
                r"Dhurjati|Gidugu|Gurajada|LakkiReddy|Mallanna|Mandali|NATS|NTR|Peddana|Ponnala|Potti Sreeramulu|"
                r"Ramabhadra|Ramaraja|RaviPrakash|Sree Krushnadevaraya|Suranna|Suravaram|"
                r"Syamala Ramana|TenaliRamakrishna|"
                r"Timmana"
            ),
        ),
    ],
    "Knda": [NOTO, ("gubbi", r"Gubbi"), ("navilu", r"Navilu"), ("lohit", r"Lohit Kannada")],
    "Mlym": [
        NOTO,
        GOOGLE,
        ("hussain", r"Meera|Rachana|RIT-Sundar|Uroob|Dyuthi|Keraleeyam"),
        ("smc", r"Manjari|Gayathri|Chilanka|Karumbi|Suruma"),
        ("anjali", r"AnjaliOldLipi"),
        ("lohit", r"Lohit Malayalam"),
        ("samyak", r"Samyak Malayalam"),
        ("raghu", r"RaghuMalayalamSans"),
    ],
    "Sinh": [NOTO, GOOGLE, ("lklug", r"LKLUG"), ("mooniak", r"Abhaya Libre|Gemunu Libre")],
    "Thai": [
        NOTO,
        GOOGLE,
        FIRA,
        ("tlwg", r"Garuda|Kinnari|Laksaman|Loma|Norasi|Purisa|Sawasdee|Tlwg .*|Umpush|Waree"),
        ("sipa", r"Arundina .*"),
        ("cadson", r"Anuphan|Bai Jamjuree|Chakra Petch|Fahkwang|Itim|K2D|Kanit|Prompt|Sarabun|Sriracha|Taviraj"),
        ("plex", r"IBM Plex Sans Thai.*"),
    ],
    "Laoo": [NOTO, GOOGLE, VERA, ("phetsarath", r"Phetsarath OT")],
    "Tibt": [
        NOTO,
        ("ddc", r"DDC Uchen"),
        ("jomolhari", r"Jomolhari"),
        ("thdl", r"Tibetan Machine Uni"),
        ("sambhota", r"TibetanTsugRing"),
    ],
    "Mymr": [NOTO, ("sil", r"Padauk( Book)?")],
    "Khmr": [
        NOTO,
        GOOGLE,
        ("sil", r"Khmer (Busra|Mondulkiri|Oureang|Ratanakiri)"),
        ("danhhong", r"Khmer OS.*|Hanuman|Freehand"),
    ],
    "Geor": [NOTO, GOOGLE, FIRA, VERA, ("bpg", r"BPG (?!DejaVu|(Sans|Serif) Modern|.*Caps).*")],
    "Armn": [NOTO, GOOGLE, VERA, FREE, MPH, ("williams", r"Caslon")],
    "Ethi": [NOTO, GOOGLE, ("sil", r"Abyssinica SIL"), ("senamirmir", r"Ethiopi.*"), ("free", r"FreeSerif")],
    "Hani": [
        ("noto", r"Noto (Sans|Serif|Sans Mono) CJK (SC|TC|JP)"),
        ("arphic", r"AR PL .*(CN|TW|GB|Big5)"),
        ("zenhei", r"WenQuanYi Zen Hei"),
        ("microhei", r"WenQuanYi Micro Hei"),
        ("lxgw", r"LXGW WenKai"),
        ("tw", r"TW-(Kai|Sung)"),
        ("cwtex", r"cwTeX.*"),
        ("babelstone", r"BabelStone Han"),
        ("zcool", r"ZCOOL .*"),
        ("mashan", r"Ma Shan Zheng|Liu Jian Mao Cao"),
        ("smiley", r"Smiley Sans"),
    ],
    "Jpan": [
        ("noto", r"Noto (Sans|Serif|Sans Mono) CJK JP"),
        ("ipa", r"IPA(P?)(Gothic|Mincho)"),
        ("morisawa", r"BIZ UDPGothic"),
        ("sawarabi", r"Sawarabi .*"),
        ("motoya", r"Motoya.*"),
        ("mplus", r"M PLUS .*|Rounded Mplus 1c.*|VL P?Gothic"),
        ("ume", r"Ume (Gothic|Mincho|P Gothic|P Mincho)"),
        ("dejima", r"Dejima"),
        ("konatu", r"Konatu.*"),
        ("seto", r"SetoFont"),
        ("yusei", r"Yusei Magic"),
        ("rocknroll", r"RocknRoll One"),
        ("kiloji", r"kiloji( - [BDP])?"),
        ("shippori", r"Shippori Mincho"),
        ("kiwi", r"Kiwi Maru"),
        ("dela", r"Dela Gothic One"),
        ("zen", r"Zen Old Mincho"),
    ],
    "Hang": [
        ("noto", r"Noto (Sans|Serif|Sans Mono) CJK KR"),
        (
            "naver",
            (
                r"Nanum (Brush|Pen).*|NanumBarun(Gothic|pen)|NanumGothic( Eco)?|NanumMyeongjo( Eco)?|NanumSquareRound|"
                r"NanumGothicCoding"
            ),
        ),
        ("baekmuk", r"Baekmuk .*"),
        ("un", r"Un(Batang|Dotum|Dinaru|Graphic|Gungseo|Jamo.*|Pen|Penheulim|Pilgia?|Shinmun|Taza|Vada|Yetgul)"),
        ("woowa", r"BM .*|Jua"),
        ("alee", r"Bandal|Bangwool|Eunjin.*|Guseul"),
        ("lexi", r"Lexi.*"),
        ("zess", r"Black Han Sans"),
        ("jikji", r"Gaegu|Poor Story|Sunflower"),
        ("gowun", r"Gowun Batang"),
        ("tae", r"Gugi"),
    ],
    "Cher": [NOTO, FREE, MPH, ("williams", r"Caslon"), ("lg", r"Aboriginal .*")],
    "Cans": [NOTO, GOOGLE, VERA, ("lg", r"Aboriginal .*")],
    "Thaa": [NOTO, FREE, MPH],
    "Tfng": [NOTO, FREE, MPH, VERA, ("sil", r"Tagmukay|Akatab")],
}
# One foundry a script is held out where there are few; where there are many, several, for a better estimate.
HELD = {
    "Latn": ["bitstream", "libertine", "kryukov", "cantarell"],
    "Cyrl": ["bitstream", "libertine", "kryukov", "cantarell"],
    "Grek": ["bitstream", "libertine", "kryukov", "gfs"],
    "Arab": ["amiri", "paktype", "thabit", "bitstream"],
    "Hebr": ["culmus"],
    "Deva": ["sil", "nakula", "gargi"],
    "Beng": ["mitra"],
    "Guru": ["saab"],
    "Gujr": ["yrsa", "gujr", "kalapi"],
    "Orya": ["utkal"],
    "Taml": ["samyak", "karla"],
    "Telu": ["desikachary"],
    "Knda": ["gubbi"],
    "Mlym": ["hussain"],
    "Sinh": ["lklug"],
    "Thai": ["tlwg"],
    "Laoo": ["bitstream"],
    "Tibt": ["ddc"],
    "Mymr": ["sil"],
    "Khmr": ["sil"],
    "Geor": ["bitstream"],
    "Armn": ["bitstream"],
    "Ethi": ["sil"],
    "Hani": ["microhei", "lxgw"],
    "Jpan": ["ipa", "morisawa", "sawarabi"],
    "Hang": ["naver", "baekmuk"],
    "Cher": ["lg"],
    "Cans": ["bitstream"],
    "Thaa": ["mph"],
    "Tfng": ["bitstream"],
}
# Copies of a design that stands on the other side (found by check_sources.py), and faces that hold no such letters.
SKIP = re.compile(
    r"Nachlieli CLM|Noto Sans (Symbols|Math|Display).*Thin|.*(Outline|Shadow|Dotted).*|Linux .*(Initials|Keyboard).*"
)


def files(folders):
    for folder in folders:
        for f in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
            low = f.lower()
            if low.endswith((".ttf", ".otf", ".ttc")) or (
                low.endswith(".woff") and re.search(r"-[3479]00-normal|-400-italic|(Regular|Bold)\.woff", f)
            ):
                yield f


def faces(path):
    fonts = TTCollection(path, lazy=True).fonts if path.lower().endswith(".ttc") else [TTFont(path, lazy=True)]
    for i, t in enumerate(fonts):
        yield i, t["name"].getBestFamilyName() or "", t["name"].getBestSubFamilyName() or "", set(t.getBestCmap() or {})


def scan(folders):
    rows = {s: [(f, re.compile(p)) for f, p in r] for s, r in FOUNDRIES.items()}
    letters = {s: [ord(c) for c in t] for s, t in LETTERS.items()}
    found = {s: {"train": collections.defaultdict(dict), "test": collections.defaultdict(dict)} for s in rows}
    for path in files(folders):
        try:
            all_faces = list(faces(path))
        except Exception:  # a file that is no font, or a broken one: not used
            continue
        for i, family, style, cmap in all_faces:
            if SKIP.fullmatch(family) or re.search(r"Thin|ExtraLight|Hairline", style):
                continue
            for s, rule in rows.items():
                foundry = next((f for f, p in rule if p.fullmatch(family)), None)
                if foundry and sum(c in cmap for c in letters[s]) >= 0.95 * len(letters[s]):
                    side = "test" if foundry in HELD[s] else "train"
                    found[s][side][foundry].setdefault(family, []).append([path, i])
    return found


def load(work):
    """The fonts of WORK/fonts.json: [script][side][foundry][family] is a list of [path, index]. Paths may begin at WORK."""
    with open(os.path.join(work, "fonts.json")) as f:
        fonts = json.load(f)
    for files in (x for s in fonts.values() for side in s.values() for f in side.values() for x in f.values()):
        for file in files:
            file[0] = os.path.join(os.path.abspath(work), file[0])
            if not os.path.exists(file[0]):  # the lines would lack a font and nobody would know
                raise SystemExit(f"{file[0]} is gone; run fonts.py again")
    return fonts


def main(out, folders):
    found = scan(folders)
    for s in found:
        line = []
        for side in ("train", "test"):
            line.append(side + " " + ", ".join(f"{f}({len(x)})" for f, x in sorted(found[s][side].items())))
        print(s, "; ".join(line))
        if not found[s]["train"] or not found[s]["test"]:
            print("  MISSING")
    with open(out, "w") as f:
        json.dump(found, f, indent=0, sort_keys=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
