#!/usr/bin/env python3
"""embed.py NAME IN OUT.c: a file as C: const unsigned char NAME[], const size_t NAME_len."""
import sys

name, source, target = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
with open(target, "w", encoding="ascii") as out:
    out.write(f"#include <stddef.h>\n\nextern const unsigned char {name}[];\n"
              f"extern const size_t {name}_len;\n\nconst unsigned char {name}[] = {{\n")
    for i in range(0, len(data), 24):
        out.write("    " + ",".join(map(str, data[i:i + 24])) + ",\n")
    out.write(f"    0}}; /* a final NUL that is not counted */\nconst size_t {name}_len = {len(data)};\n")
