// SPDX-License-Identifier: MPL-2.0
//
// What goes through the chain: an event is a message of two parts, a header and its data.

#pragma once

#include <zmq.h>

#include <cstddef>
#include <cstdint>
#include <string>

/// The first part, as it is in memory: all devices run on one kind of machine.
struct Header
{
    /// Of the sampler, and of the event at that sampler, from 0.
    uint32_t sampler;
    uint32_t event;
    /// Of the data as the sampler made it, and as the processor made it.
    uint64_t raw_checksum;
    uint64_t processed_checksum;
    /// The processor that it went through.
    uint32_t processor;
    /// 1: the sampler's last word; there is no data.
    uint32_t end;
};

/// 64-bit checksum in which every byte and its place count.
uint64_t checksum (const void *data, size_t size);

/// What a processor does to the data: byte by byte, and so that it can be checked.
void process (void *data, size_t size);

/// The size of an event, between `least` and `most`: the same for the same event, in any process.
size_t event_size (uint32_t sampler, uint32_t event, size_t least, size_t most);

/// Makes an event's data.
void fill (void *data, size_t size, uint32_t sampler, uint32_t event);

/// Two messages may wait at each end of a connection, and about one more under way: large events
/// fill the memory soon, and what is in flight is what is lost with a process that is killed.
void keep_little_in_flight (void *socket);

/// Ends the program with libzmq's error unless `ok`.
void check (bool ok, const char *what);

/// Seconds of a clock that all processes of a machine share.
double now ();

/// Says on standard output what a device has done, as one line of JSON; the run script reads it.
void report (const char *device, int id, uint64_t events, uint64_t bytes, double seconds, const std::string &more = "");
