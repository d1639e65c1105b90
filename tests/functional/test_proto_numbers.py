# SPDX-License-Identifier: Apache-2.0
"""Our .proto files against the published definitions.

proto/ declares a subset of Envoy's, xds's, google's and etcd's messages, written by hand. A wrong
number there would decode without an error and mean something else, and a test that speaks with
our own definitions on both sides could not see it. Here each message, field, enum and service of
ours is compared with the official descriptors as published on PyPI: xds-protos and, for etcd, the
client aetcd. Also every official field is either declared or reserved by us, so that a name the
JSON reader does not know is really unknown.

Each .proto file is one test; a failure lists all its differences.
"""
import importlib
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

PROTO = Path(__file__).resolve().parents[2] / 'proto'
FOLDERS = ('google', 'xds', 'envoy', 'etcd', 'istio')
REFERENCES = ('envoy', 'xds', 'udpa', 'google.api', 'google.rpc', 'aetcd.rpc')

# Packages that are not published on PyPI.
NOT_PUBLISHED = {'istio.v1.auth'}

# What is newer than the pinned references. An entry that they have fails the test: remove it.
NEWER = {
    'envoy.config.listener.v3.AdditionalAddress.tcp_keepalive',
    'envoy.config.listener.v3.Listener.tcp_keepalive',
    'envoy.config.route.v3.CookieMatcher',
    'envoy.config.route.v3.RateLimit.Action.GenericKey.default_value',
    'envoy.config.route.v3.RateLimit.Action.HeaderValueMatch.default_value',
    'envoy.config.route.v3.RateLimit.x_ratelimit_option',
    'envoy.config.route.v3.RouteMatch.cookies',
    'envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor.shadow_mode',
    'envoy.extensions.filters.http.jwt_authn.v3.ExtractOnlyWithoutValidation',
    'envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement.extract_only_without_validation',
    'envoy.extensions.filters.http.router.v3.Router.reject_connect_request_early_data',
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
    '.forward_proto_config',
    'etcdserverpb.DowngradeInfo',
    'etcdserverpb.HashKVResponse.hash_revision',
    'etcdserverpb.KV.RangeStream',
    'etcdserverpb.RangeStreamResponse',
    'etcdserverpb.SnapshotResponse.version',
    'etcdserverpb.StatusResponse.dbSizeQuota',
    'etcdserverpb.StatusResponse.downgradeInfo',
    'etcdserverpb.StatusResponse.storageVersion',
}


def load_references():
    for name in REFERENCES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, name + '.'):
            if module.name.endswith('_pb2'):
                importlib.import_module(module.name)


def our_files():
    names = [str(path.relative_to(PROTO)) for folder in FOLDERS
             for path in sorted((PROTO / folder).glob('*.proto'))]
    done = subprocess.run(['protoc-c', f'--proto_path={PROTO}', '--descriptor_set_out=/dev/stdout',
                           *names], stdout=subprocess.PIPE, check=True)
    return descriptor_pb2.FileDescriptorSet.FromString(done.stdout).file


load_references()
OURS = our_files()
OFFICIAL = descriptor_pool.Default()


def find(kind, full_name):
    """The official definition as its descriptor.proto message, or None."""
    look_up, proto = {
        'message': (OFFICIAL.FindMessageTypeByName, descriptor_pb2.DescriptorProto),
        'enum': (OFFICIAL.FindEnumTypeByName, descriptor_pb2.EnumDescriptorProto),
        'service': (OFFICIAL.FindServiceByName, descriptor_pb2.ServiceDescriptorProto),
    }[kind]
    result = proto()
    try:
        look_up(full_name).CopyToProto(result)
    except KeyError:
        return None
    return result


def json_name(name):
    """The rule of registry_json_name(): every official field must follow it."""
    return re.sub('_+(.?)', lambda match: match[1].upper(), name)


def fields_of(message):
    return {field.name: field_facts(field, message) for field in message.field}


def field_facts(field, message):
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField('oneof_index') else ''
    return {
        'number': field.number, 'type': field.type, 'type_name': field.type_name,
        'label': field.label, 'oneof': oneof, 'optional': field.proto3_optional,
        'packed': field.options.packed if field.options.HasField('packed') else True,
        'json_name': field.json_name or json_name(field.name),
    }


def compare_named(full_name, ours, official):
    """Differences of two {name: facts}; what is in NEWER must not be in the official one."""
    for item, facts in ours.items():
        name = f'{full_name}.{item}'
        if name in NEWER:
            if item in official:
                yield f'{name}: official too, no longer newer'
        elif item not in official:
            yield f'{name}: not in the official definition'
        elif official[item] != facts:
            changed = [key for key in facts if facts[key] != official[item][key]]
            yield f'{name}: ' + ', '.join(f'{key} {facts[key]!r}, official {official[item][key]!r}'
                                          for key in changed)


def compare_enum(full_name, ours):
    official = find('enum', full_name)
    if official is None:
        yield f'{full_name}: no such enum'
        return
    here, there = ({(value.name, value.number) for value in enum.value}
                   for enum in (ours, official))
    if here != there:
        yield f'{full_name}: differs in {sorted(here ^ there)}'


def is_reserved(message, name, number):
    return name in message.reserved_name and any(
        span.start <= number < span.end for span in message.reserved_range)


def compare_coverage(full_name, ours, official):
    declared = {field.name for field in ours.field}
    known = {field.name for field in official.field}
    for field in official.field:
        if field.name not in declared and not is_reserved(ours, field.name, field.number):
            yield f'{full_name}.{field.name} = {field.number}: neither declared nor reserved'
    for name in ours.reserved_name:
        if (name in known) == (f'{full_name}.{name}' in NEWER):
            yield f'{full_name}.{name}: reserved, and NEWER or the official say otherwise'


def compare_message(full_name, ours):
    for nested in ours.nested_type:
        yield from compare_message(f'{full_name}.{nested.name}', nested)
    for nested in ours.enum_type:
        yield from compare_enum(f'{full_name}.{nested.name}', nested)
    official = find('message', full_name)
    if (official is None) != (full_name in NEWER):
        yield f'{full_name}: no such message' if official is None else f'{full_name}: not newer'
    if official is None:
        return
    if ours.options.map_entry != official.options.map_entry:
        yield f'{full_name}: only one side is a map entry'
    for field in official.field:
        if field.json_name and field.json_name != json_name(field.name):
            yield f'{full_name}.{field.name}: json_name {field.json_name}'
    yield from compare_named(full_name, fields_of(ours), fields_of(official))
    yield from compare_coverage(full_name, ours, official)


def methods_of(service):
    return {method.name: {
        'input': method.input_type, 'output': method.output_type,
        'client_streaming': method.client_streaming, 'server_streaming': method.server_streaming,
    } for method in service.method}


def compare_service(full_name, ours):
    official = find('service', full_name)
    if official is None:
        yield f'{full_name}: no such service'
        return
    yield from compare_named(full_name, methods_of(ours), methods_of(official))


def differences(file):
    for message in file.message_type:
        yield from compare_message(f'{file.package}.{message.name}', message)
    for enum in file.enum_type:
        yield from compare_enum(f'{file.package}.{enum.name}', enum)
    for service in file.service:
        yield from compare_service(f'{file.package}.{service.name}', service)


@pytest.mark.parametrize('file', OURS, ids=lambda file: file.name)
def test_equals_official(file):
    if file.package in NOT_PUBLISHED:
        assert find('message', f'{file.package}.{file.message_type[0].name}') is None
        return
    found = list(differences(file))
    if found:
        pytest.fail('\n'.join(found), pytrace=False)


def test_all_folders_are_covered():
    assert len(OURS) == len([path for path in PROTO.rglob('*.proto')
                             if path.parent.name != 'meshd'])
    assert {file.name.partition('/')[0] for file in OURS} == set(FOLDERS)
