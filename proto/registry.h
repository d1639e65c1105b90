/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What protobuf-c's descriptors lack: finding a message by its full name, telling a map from a
 * repeated message, JSON names, and the names of fields that exist but are not declared here.
 *
 * Used where messages are met by name: the JSON mapping and the resolution of Any. The tables
 * are built from our .proto files; everything is constant, allocates nothing and cannot fail
 * other than by not finding. Returned pointers live as long as the program.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/*
 * registry_find() - the message with this full name
 * @full_name:   as in "envoy.config.cluster.v3.Cluster"
 *
 * Return: the descriptor, or NULL when no .proto of ours declares it. The entries of maps are
 * messages only inside protobuf and are not found.
 */
const ProtobufCMessageDescriptor *registry_find(const char *full_name);

/*
 * registry_find_url() - the message an Any holds
 * @type_url:   Any.type_url; what follows its last slash is the full name, the host before it
 *              does not matter (google/protobuf/any.proto)
 *
 * Return: as registry_find().
 */
const ProtobufCMessageDescriptor *registry_find_url(const char *type_url);

/*
 * registry_at() - walk over all messages in the order of their names
 * @index:   0, 1, 2...
 *
 * Return: the descriptor, map entries included, or NULL past the last.
 */
const ProtobufCMessageDescriptor *registry_at(size_t index);

/*
 * registry_is_map() - whether a field is declared as map<key, value>
 * @field:   a field of any message of ours
 *
 * protobuf-c shows such a field as a repeated message; its elements have key = 1, value = 2.
 */
bool registry_is_map(const ProtobufCFieldDescriptor *field);

/*
 * registry_field() - the field that a JSON or YAML key names
 * @message:   the message the key stands in
 * @key:       the name as declared ("filter_chains") or its JSON name ("filterChains")
 *
 * Return: the field or NULL.
 */
const ProtobufCFieldDescriptor *registry_field(const ProtobufCMessageDescriptor *message,
					       const char *key);

/*
 * registry_is_skipped() - whether a key names a field that exists but is not read
 * @message:   the message the key stands in
 * @key:       either spelling, as for registry_field()
 *
 * The protocol has more fields than our .proto files declare; those known not to matter are
 * reserved there. True for these, false for declared fields and for names that do not exist.
 */
bool registry_is_skipped(const ProtobufCMessageDescriptor *message, const char *key);

/*
 * registry_json_name() - the JSON name of a declared name
 * @name:   a field's name as declared
 * @buf:    where to write it
 * @size:   bytes in @buf; strlen(@name) + 1 is always enough
 *
 * protobuf's rule: an underscore is dropped and the letter after it becomes a capital. A name
 * without underscores ("authRevision") is its own JSON name. None of our fields has another
 * one by option.
 *
 * Return: the length of the JSON name; when it is >= @size, @buf holds the part that fits.
 */
size_t registry_json_name(const char *name, char *buf, size_t size);
