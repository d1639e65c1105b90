# SPDX-License-Identifier: Apache-2.0
"""Writes registry_table.inc, the rows that registry.c looks things up in.

usage: registry.py DESCRIPTOR_SET OUTPUT

DESCRIPTOR_SET is what protoc writes with --descriptor_set_out for all our .proto files. A row
is written for each message: its C descriptor, whether it is the entry of a map, and the names
of its reserved fields. Only the few fields of descriptor.proto named below are read, so that
nothing but the standard library is needed.
"""
import sys

FILE, PACKAGE, FILE_MESSAGE = 1, 2, 4               # FileDescriptorSet, FileDescriptorProto
NAME, NESTED, OPTIONS, RESERVED_NAME = 1, 3, 7, 10  # DescriptorProto
MAP_ENTRY = 7                                       # MessageOptions


def varint(data, pos):
    value = shift = 0
    while True:
        byte = data[pos]
        value |= (byte & 0x7F) << shift
        pos, shift = pos + 1, shift + 7
        if byte < 0x80:
            return value, pos


def fields(data):
    """Yields (number, value) of a message; groups and fixed-size fields do not occur."""
    pos = 0
    while pos < len(data):
        tag, pos = varint(data, pos)
        value, pos = varint(data, pos)
        if tag & 7 == 2:
            value, pos = data[pos:pos + value], pos + value
        elif tag & 7 != 0:
            sys.exit(f'registry.py: wire type {tag & 7} in a descriptor; expected 0 or 2')
        yield tag >> 3, value


def values(data, number):
    return [value for n, value in fields(data) if n == number]


def text(data, number):
    return b''.join(values(data, number)).decode()


def camel_to_lower(word):
    """protobuf-c's spelling: an underscore before a capital that follows something else."""
    out, was_upper = '', True
    for char in word:
        out += '_' if char.isupper() and not was_upper else ''
        out += char.lower()
        was_upper = char.isupper()
    return out


def symbol(full_name):
    return '__'.join(camel_to_lower(word) for word in full_name.split('.')) + '__descriptor'


def walk(message, scope):
    """Yields (full name, is map entry, reserved names) of a message and all nested ones."""
    full_name = f'{scope}.{text(message, NAME)}'
    options = b''.join(values(message, OPTIONS))
    reserved = sorted(name.decode() for name in values(message, RESERVED_NAME))
    yield full_name, values(options, MAP_ENTRY) == [1], reserved
    for nested in values(message, NESTED):
        yield from walk(nested, full_name)


def main(source, target):
    with open(source, 'rb') as file:
        data = file.read()
    rows = []
    for proto in values(data, FILE):
        for message in values(proto, FILE_MESSAGE):
            rows += walk(message, text(proto, PACKAGE))
    rows.sort(key=lambda row: row[0].encode())
    with open(target, 'w', encoding='ascii') as out:
        for name, _, _ in rows:
            print(f'extern const ProtobufCMessageDescriptor {symbol(name)};', file=out)
        print('static const struct registry_row rows[] = {', file=out)
        for name, is_map, reserved in rows:
            cells = [f'.message = &{symbol(name)}']
            if is_map:
                cells.append('.map_entry = true')
            if reserved:
                names = ', '.join(f'"{word}"' for word in reserved)
                cells.append(f'.skipped = (const char *const []){{ {names}, NULL }}')
            print(f'\t{{ {", ".join(cells)} }},', file=out)
        print('};', file=out)


if __name__ == '__main__':
    main(*sys.argv[1:])
