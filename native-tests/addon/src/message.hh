// SPDX-License-Identifier: MPL-2.0
//
// Message parts between JavaScript and libzmq.
//
// A Buffer may share its memory with libzmq when that memory belongs to a zmq_msg_t: a large part
// that was received, or one made by allocate (). Whoever lets go last, the garbage collector or
// libzmq's I/O thread, frees it, so that such a Buffer can also be sent without a copy. Memory that
// belongs to V8 may go away at any time (a transfer, the end of a worker), so that it is copied.

#pragma once

#include <napi.h>
#include <zmq.h>

#include <vector>

namespace addon
{
/// A zmq_msg_t that closes itself.
class Part
{
  public:
    Part () { zmq_msg_init (&_msg); }
    explicit Part (size_t size);
    Part (Part &&other) noexcept : Part () { zmq_msg_move (&_msg, &other._msg); }
    Part &operator= (Part &&other) noexcept
    {
        zmq_msg_move (&_msg, &other._msg);
        return *this;
    }
    Part (const Part &) = delete;
    Part &operator= (const Part &) = delete;
    ~Part () { zmq_msg_close (&_msg); }

    zmq_msg_t *get () { return &_msg; }
    size_t size () const { return zmq_msg_size (&_msg); }
    void *data () { return zmq_msg_data (&_msg); }

  private:
    zmq_msg_t _msg;
};

using Parts = std::vector<Part>;

/// A string, Buffer, typed array or ArrayBuffer, or an array of them, as message parts.
/// Throws TypeError for anything else.
Parts partsOf (const Napi::Value &message);

/// An array of Buffers.
Napi::Array toArray (Napi::Env env, Parts &&parts);

/// A Buffer of `size` bytes in a message of its own; its contents are undefined.
Napi::Value allocate (const Napi::CallbackInfo &info);

/// Buffers in this process that share their memory with libzmq.
size_t sharedBuffers ();
}
