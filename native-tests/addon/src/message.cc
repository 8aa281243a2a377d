// SPDX-License-Identifier: MPL-2.0

#include "message.hh"

#include "error.hh"

#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

namespace addon
{
namespace
{
/// Below this a copy is cheaper than a finalizer, and keeps less memory of the decoder alive.
constexpr size_t leastShared = 4096;

/// The messages whose memory Buffers show, by the address of their data. One per process: a Buffer
/// may move to another worker thread.
class Registry
{
  public:
    /// False when a Buffer shows that memory already.
    bool add (zmq_msg_t *msg)
    {
        const std::lock_guard<std::mutex> lock (_mutex);
        return _messages.emplace (zmq_msg_data (msg), msg).second;
    }

    void remove (zmq_msg_t *msg)
    {
        const std::lock_guard<std::mutex> lock (_mutex);
        _messages.erase (zmq_msg_data (msg));
    }

    /// Makes `copy` share the message that has its data at `base`. False when there is none.
    bool share (const void *base, zmq_msg_t *copy)
    {
        const std::lock_guard<std::mutex> lock (_mutex);
        const auto found = _messages.find (base);
        return found != _messages.end () && zmq_msg_copy (copy, found->second) == 0;
    }

    size_t size ()
    {
        const std::lock_guard<std::mutex> lock (_mutex);
        return _messages.size ();
    }

  private:
    std::mutex _mutex;
    std::unordered_map<const void *, zmq_msg_t *> _messages;
};

/// Never destroyed: finalizers and I/O threads may come after the process's own destructors.
Registry &registry ()
{
    static Registry &instance = *new Registry;
    return instance;
}

void release (void *, void *hint)
{
    delete static_cast<Part *> (hint);
}

Part copyOf (const void *data, size_t size)
{
    Part part (size);
    if (size > 0)
        memcpy (part.data (), data, size);
    return part;
}

/// `size` bytes from `offset` of an ArrayBuffer that begins at `base`.
Part partOf (Napi::Env env, void *base, size_t offset, size_t size)
{
    if (size >= leastShared) {
        auto whole = std::make_unique<Part> ();
        if (registry ().share (base, whole->get ())) {
            Part part;
            void *data = static_cast<char *> (whole->data ()) + offset;
            if (zmq_msg_init_data (part.get (), data, size, release, whole.get ()) != 0)
                throwZmqError (env, "zmq_msg_init_data");
            whole.release ();
            return part;
        }
    }
    return copyOf (static_cast<char *> (base) + offset, size);
}

Part partOf (const Napi::Value &value)
{
    const Napi::Env env = value.Env ();
    if (value.IsString ()) {
        const std::string text = value.As<Napi::String> ().Utf8Value ();
        return copyOf (text.data (), text.size ());
    }
    if (value.IsTypedArray ()) {
        const auto array = value.As<Napi::TypedArray> ();
        return partOf (env, array.ArrayBuffer ().Data (), array.ByteOffset (), array.ByteLength ());
    }
    if (value.IsDataView ()) {
        const auto view = value.As<Napi::DataView> ();
        return partOf (env, view.ArrayBuffer ().Data (), view.ByteOffset (), view.ByteLength ());
    }
    if (value.IsArrayBuffer ()) {
        auto buffer = value.As<Napi::ArrayBuffer> ();
        return partOf (env, buffer.Data (), 0, buffer.ByteLength ());
    }
    throw Napi::TypeError::New (env, "a message part is a string, a Buffer, a typed array, a DataView or an ArrayBuffer");
}

/// A Buffer over the message's own memory, or a copy where that is not safe or not worth it.
Napi::Value toBuffer (Napi::Env env, Part &&part)
{
    // Shared: others see the same bytes, as the subscribers of a publisher in this process do.
    if (part.size () < leastShared || zmq_msg_get (part.get (), ZMQ_SHARED) == 1)
        return Napi::Buffer<char>::Copy (env, static_cast<char *> (part.data ()), part.size ());
    auto owner = std::make_unique<Part> (std::move (part));
    if (!registry ().add (owner->get ()))
        return Napi::Buffer<char>::Copy (env, static_cast<char *> (owner->data ()), owner->size ());
    Part *raw = owner.release ();
    return Napi::Buffer<char>::NewOrCopy (
      env, static_cast<char *> (raw->data ()), raw->size (),
      [] (Napi::BasicEnv, char *, Part *hint) {
          registry ().remove (hint->get ());
          delete hint;
      },
      raw);
}
}

Part::Part (size_t size)
{
    if (zmq_msg_init_size (&_msg, size) != 0) {
        zmq_msg_init (&_msg);
        throw std::bad_alloc ();
    }
}

Parts partsOf (const Napi::Value &message)
{
    Parts parts;
    if (!message.IsArray ()) {
        parts.push_back (partOf (message));
        return parts;
    }
    const auto array = message.As<Napi::Array> ();
    const uint32_t count = array.Length ();
    if (count == 0)
        throw Napi::TypeError::New (message.Env (), "a message has at least one part");
    parts.reserve (count);
    for (uint32_t i = 0; i < count; ++i)
        parts.push_back (partOf (array.Get (i)));
    return parts;
}

Napi::Array toArray (Napi::Env env, Parts &&parts)
{
    Napi::Array array = Napi::Array::New (env, parts.size ());
    for (size_t i = 0; i < parts.size (); ++i)
        array.Set (static_cast<uint32_t> (i), toBuffer (env, std::move (parts[i])));
    return array;
}

Napi::Value allocate (const Napi::CallbackInfo &info)
{
    const double size = info[0].IsNumber () ? info[0].As<Napi::Number> ().DoubleValue () : -1;
    if (!(size >= 0 && size <= 4294967296.0 && size == static_cast<double> (static_cast<size_t> (size))))
        throw Napi::RangeError::New (info.Env (), "allocate: the size is a whole number from 0 to 4294967296");
    try {
        return toBuffer (info.Env (), Part (static_cast<size_t> (size)));
    }
    catch (const std::bad_alloc &) {
        throw zmqError (info.Env (), ENOMEM, "zmq_msg_init_size");
    }
}

size_t sharedBuffers ()
{
    return registry ().size ();
}
}
