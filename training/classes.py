"""The classes in the order of the model's outputs: ISO 15924 code and name."""
CLASSES = [
    ("Arab", "Arabic"), ("Armn", "Armenian"), ("Beng", "Bengali"), ("Cans", "Canadian syllabics"), ("Cher", "Cherokee"), ("Cyrl", "Cyrillic"),
    ("Deva", "Devanagari"), ("Ethi", "Ethiopic"), ("Geor", "Georgian"), ("Grek", "Greek"), ("Gujr", "Gujarati"), ("Guru", "Gurmukhi"),
    ("Hang", "Hangul"), ("Hani", "Han"), ("Hebr", "Hebrew"), ("Jpan", "Japanese"), ("Khmr", "Khmer"), ("Knda", "Kannada"), ("Laoo", "Lao"),
    ("Latn", "Latin"), ("Mlym", "Malayalam"), ("Mymr", "Myanmar"), ("Orya", "Oriya"), ("Sinh", "Sinhala"), ("Taml", "Tamil"), ("Telu", "Telugu"),
    ("Tfng", "Tifinagh"), ("Thaa", "Thaana"), ("Thai", "Thai"), ("Tibt", "Tibetan"), ("Zxxx", "no text"), ("Zyyy", "digits and punctuation"),
]
CODES = [c for c, _ in CLASSES]
# Lines of these are harder or share shapes, and are drawn more often.
WEIGHT = {"Latn": 2.0, "Cyrl": 2.0, "Grek": 1.6, "Thai": 1.3, "Laoo": 1.3, "Hani": 1.4, "Jpan": 1.4, "Zxxx": 1.5, "Telu": 1.2, "Knda": 1.2,
          "Sinh": 1.2, "Khmr": 1.2, "Mlym": 1.2, "Guru": 1.2, "Deva": 1.2}
