"""Stems of words, one a line on standard input, as libstemmer has them (`apt-get install libstemmer0d`, version 2.2): in this folder
`python3 stems.py < WORDS > ../english-stems.json`.
"""

import ctypes
import json
import sys

LIBRARY = ctypes.CDLL("libstemmer.so.0d")
LIBRARY.sb_stemmer_new.restype = ctypes.c_void_p
LIBRARY.sb_stemmer_new.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
LIBRARY.sb_stemmer_stem.restype = ctypes.c_void_p
LIBRARY.sb_stemmer_stem.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
LIBRARY.sb_stemmer_length.argtypes = [ctypes.c_void_p]
STEMMER = LIBRARY.sb_stemmer_new(b"english", b"UTF_8")


def stem(word):
    text = word.encode()
    found = LIBRARY.sb_stemmer_stem(STEMMER, text, len(text))
    return ctypes.string_at(found, LIBRARY.sb_stemmer_length(STEMMER)).decode()


words = sorted({line.rstrip("\n") for line in sys.stdin})
rows = ",\n".join(f"  {json.dumps(word, ensure_ascii=False)}: {json.dumps(stem(word), ensure_ascii=False)}" for word in words)
print("{\n" + rows + "\n}")
