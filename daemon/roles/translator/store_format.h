/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that the reader and the writer of the resource store share.
 */
#ifndef MESHD_TRANSLATOR_STORE_FORMAT_H
#define MESHD_TRANSLATOR_STORE_FORMAT_H

#define STORE_NAME "resources"
#define STORE_MAGIC "MESHRES\1"
#define STORE_VERSION 1u
#define STORE_HEAD 40u
#define STORE_FOOT 8u
#define STORE_PATH 4096

#endif
