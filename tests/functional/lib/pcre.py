# SPDX-License-Identifier: Apache-2.0
"""PCRE2 as APISIX calls it: bytes in, no UTF mode unless the pattern asks for it.

Python's own regexes are another language (no \\Q…\\E, no \\z, flags only in front), so the library that
meshd is linked with is called directly.
"""

import ctypes
import ctypes.util
import functools
import re

CASELESS = 0x00000008


@functools.lru_cache(None)
def library():
    lib = ctypes.CDLL(ctypes.util.find_library("pcre2-8") or "libpcre2-8.so.0")
    lib.pcre2_compile_8.restype = ctypes.c_void_p
    lib.pcre2_compile_8.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(ctypes.c_int),
                                    ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p]
    lib.pcre2_match_data_create_from_pattern_8.restype = ctypes.c_void_p
    lib.pcre2_match_data_create_from_pattern_8.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    lib.pcre2_match_8.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_uint32,
                                  ctypes.c_void_p, ctypes.c_void_p]
    lib.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)
    lib.pcre2_get_ovector_pointer_8.argtypes = [ctypes.c_void_p]
    return lib


@functools.lru_cache(4096)
def compiled(pattern, fold):
    """(code, match data), or None for a pattern that does not compile. Kept until the process ends."""
    error, offset = ctypes.c_int(), ctypes.c_size_t()
    code = library().pcre2_compile_8(pattern, len(pattern), CASELESS if fold else 0, ctypes.byref(error),
                                     ctypes.byref(offset), None)
    return code and (code, library().pcre2_match_data_create_from_pattern_8(code, None))


def search(pattern, subject, fold=False):
    """The groups of the first match as (begin, end) pairs, None for one that took no part; or None."""
    found = compiled(pattern.encode("latin-1"), fold)
    if not found:
        return None
    code, data = found
    subject = subject.encode("latin-1")
    count = library().pcre2_match_8(code, subject, len(subject), 0, 0, data, None)
    if count <= 0:
        return None
    places = library().pcre2_get_ovector_pointer_8(data)
    return [(places[2 * i], places[2 * i + 1]) if places[2 * i] <= len(subject) else None for i in range(count)]


def substitute(pattern, subject, template):
    """The subject with the first match replaced: $1, ${1} and $$ mean something in the template. None: no match."""
    groups = search(pattern, subject)
    if groups is None:
        return None

    def group(match):
        if match[0] == "$$":
            return "$"
        number = int(match[1] or match[2])
        return subject[slice(*groups[number])] if number < len(groups) and groups[number] else ""
    text = re.sub(r"\$(?:\$|\{(\d+)\}|(\d))", group, template)
    return subject[:groups[0][0]] + text + subject[groups[0][1]:]
