# SPDX-License-Identifier: Apache-2.0
"""The JSON mapping against the official one.

Every resource of the corpus is read by our reader (through the test tool dump_resources, which
prints the encoded bytes) and by the official json_format with the published definitions. Both
results are then parsed with OUR definitions, what these lack is discarded, and the serialisations
must be equal, in every Any too. So a field that we read at all is read as the official library
reads it. Resources that the official definitions refuse are counted, not compared.
"""
import base64
import importlib
import json
import os
import pkgutil
import subprocess
from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PROJECT = Path(__file__).resolve().parents[2]
PROTO = PROJECT / 'proto'
FOLDERS = ('google', 'xds', 'envoy')
PACKAGES = ('envoy', 'xds', 'udpa', 'google.api', 'google.rpc')
NAME_KEYS = {'envoy.config.endpoint.v3.ClusterLoadAssignment': 'cluster_name'}


class Loader(yaml.CSafeLoader):
    """Plain scalars as in YAML 1.2's core schema: no dates, yes and no are words."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers
            if tag not in ('tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:bool')]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver('tag:yaml.org,2002:bool',
                             __import__('re').compile('^(?:true|True|TRUE|false|False|FALSE)$'), list('tTfF'))


@pytest.fixture(scope='module')
def official():
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, name + '.'):
            if module.name.endswith('_pb2'):
                importlib.import_module(module.name)
    return descriptor_pool.Default()


@pytest.fixture(scope='module')
def ours():
    """A pool of our own definitions alone."""
    names = [str(path.relative_to(PROTO)) for folder in FOLDERS for path in sorted((PROTO / folder).glob('*.proto'))]
    done = subprocess.run(['protoc-c', f'--proto_path={PROTO}', '--descriptor_set_out=/dev/stdout', *names],
                          stdout=subprocess.PIPE, check=True)
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file:
        pool.Add(file)
    return pool


@pytest.fixture(scope='module')
def tool():
    path = Path(os.environ.get('MESHD_BUILD', PROJECT / 'build')) / 'tests/unit/file/dump_resources'
    if not path.exists():
        pytest.skip(f'{path} is not built')
    return path


def message_class(pool, full_name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))


def canonical(pool, full_name, data):
    """The bytes as our definitions understand them, equal for equal content."""
    message = message_class(pool, full_name).FromString(data)
    message.DiscardUnknownFields()
    settle_anys(pool, message)
    return message.SerializeToString(deterministic=True)


def settle_anys(pool, message):
    """The content of each Any, in place, in its canonical form; an unknown one has none."""
    if message.DESCRIPTOR.full_name == 'google.protobuf.Any':
        name = message.type_url.rpartition('/')[2]
        try:
            pool.FindMessageTypeByName(name)
        except KeyError:
            message.value = b''
        else:
            message.value = canonical(pool, name, message.value)
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            value_field = field.message_type.fields_by_name['value']
            if value_field.type == value_field.TYPE_MESSAGE:
                for element in value.values():
                    settle_anys(pool, element)
        elif field.is_repeated:
            for element in value:
                settle_anys(pool, element)
        else:
            settle_anys(pool, value)


def without_foreign_anys(pool, node):
    """A copy in which each Any of a type that the official definitions lack has lost its content."""
    if isinstance(node, list):
        return [without_foreign_anys(pool, element) for element in node]
    if not isinstance(node, dict):
        return node
    url = node.get('@type')
    if isinstance(url, str):
        try:
            pool.FindMessageTypeByName(url.rpartition('/')[2])
        except KeyError:
            return {'@type': 'x/google.protobuf.Empty', 'value': {}}
    return {key: without_foreign_anys(pool, value) for key, value in node.items()}


def documents(path):
    text = path.read_text()
    if path.suffix == '.json':
        return [json.loads(text)]
    return list(yaml.load_all(text, Loader=Loader))


def nodes(tree):
    """Every map in a tree."""
    if isinstance(tree, list):
        for element in tree:
            yield from nodes(element)
    elif isinstance(tree, dict):
        yield tree
        for element in tree.values():
            yield from nodes(element)


def candidates(path, kind, name):
    """The maps of a file that may be this resource."""
    key = NAME_KEYS.get(kind, 'name')
    camel = ''.join(part.capitalize() if i else part for i, part in enumerate(key.split('_')))
    for tree in documents(path):
        for node in nodes(tree):
            own = node.get(key, node.get(camel))
            if own == name and node.get('@type', kind).rpartition('/')[2] == kind:
                yield {k: v for k, v in node.items() if k != '@type'}


def official_bytes(pool, kind, node):
    message = message_class(pool, kind)()
    node = without_foreign_anys(pool, node)
    json_format.ParseDict(node, message, ignore_unknown_fields=True, descriptor_pool=pool, max_recursion_depth=200)
    return message.SerializeToString()


def blank_unknown(ours, pool, data, kind):
    """Ours, with each Any that the official side cannot know replaced as it was there."""
    message = message_class(ours, kind).FromString(data)
    replace_foreign(pool, message, ours)
    return message.SerializeToString()


def replace_foreign(pool, message, ours):
    if message.DESCRIPTOR.full_name == 'google.protobuf.Any':
        name = message.type_url.rpartition('/')[2]
        if not name:
            return
        try:
            pool.FindMessageTypeByName(name)
        except KeyError:
            message.type_url, message.value = 'x/google.protobuf.Empty', b''
            return
        try:
            ours.FindMessageTypeByName(name)
        except KeyError:
            return
        inner = message_class(ours, name).FromString(message.value)
        replace_foreign(pool, inner, ours)
        message.value = inner.SerializeToString()
        return
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name['value'].type == field.TYPE_MESSAGE:
                for element in value.values():
                    replace_foreign(pool, element, ours)
        elif field.is_repeated:
            for element in value:
                replace_foreign(pool, element, ours)
        else:
            replace_foreign(pool, value, ours)


def dump(tool, path):
    done = subprocess.run([tool, path], stdout=subprocess.PIPE, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def same_resource(ours, official, line, path):
    """True, False, or None when the official side has no opinion."""
    kind = line['type']
    body = blank_unknown(ours, official, base64.b64decode(line['body']), kind)
    mine = canonical(ours, kind, canonical(official, kind, body))  # what is newer than theirs falls out
    opinions = []
    for node in candidates(path, kind, line['name']):
        try:
            theirs = official_bytes(official, kind, node)
        except json_format.ParseError:
            continue
        opinions.append(canonical(ours, kind, theirs) == mine)
    return any(opinions) if opinions else None


def test_the_example_mesh_is_read_as_the_official_library_reads_it(project, official, ours, tool):
    lines = [(line, path) for path in sorted((project / 'conf/examples/mesh.d').iterdir()) for line in dump(tool, path)]
    assert len(lines) == 10 and all('body' in line for line, _ in lines)
    assert all(same_resource(ours, official, line, path) for line, path in lines)


def test_corpus_is_read_as_the_official_library_reads_it(corpus, official, ours, tool):
    results = {True: 0, False: 0, None: 0}
    different = []
    for path in sorted(corpus.rglob('*')):
        if path.suffix not in ('.yaml', '.yml', '.json'):
            continue
        for line in dump(tool, path):
            if 'body' not in line or line['name'].startswith('unnamed-'):
                continue
            result = same_resource(ours, official, line, path)
            results[result] += 1
            if result is False:
                different.append(f"{path}:{line['line']} {line['type']} {line['name']}")
    print(results)
    assert not different, '\n'.join(different)
    assert results[True] > 800
    assert results[None] < 40
