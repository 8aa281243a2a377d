// SPDX-License-Identifier: MPL-2.0

#include "options.hh"

#include "error.hh"

#include <zmq.h>

#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace addon
{
namespace
{
enum class Kind
{
    Int,
    Bool,
    Int64,
    Uint64,
    /// Text in JavaScript; its end is not part of the value.
    Text,
    Bytes,
    /// A CURVE key: 40 characters of Z85, or 32 bytes.
    Key
};

struct Option
{
    std::string_view name;
    int id;
    Kind kind;
};

constexpr Option socketOptions[] = {
  {"affinity", ZMQ_AFFINITY, Kind::Uint64},
  {"backlog", ZMQ_BACKLOG, Kind::Int},
  {"bindtodevice", ZMQ_BINDTODEVICE, Kind::Text},
  {"conflate", ZMQ_CONFLATE, Kind::Bool},
  {"connect_routing_id", ZMQ_CONNECT_ROUTING_ID, Kind::Bytes},
  {"connect_timeout", ZMQ_CONNECT_TIMEOUT, Kind::Int},
  {"curve_publickey", ZMQ_CURVE_PUBLICKEY, Kind::Key},
  {"curve_secretkey", ZMQ_CURVE_SECRETKEY, Kind::Key},
  {"curve_server", ZMQ_CURVE_SERVER, Kind::Bool},
  {"curve_serverkey", ZMQ_CURVE_SERVERKEY, Kind::Key},
  {"events", ZMQ_EVENTS, Kind::Int},
  {"fd", ZMQ_FD, Kind::Int},
  {"handshake_ivl", ZMQ_HANDSHAKE_IVL, Kind::Int},
  {"heartbeat_ivl", ZMQ_HEARTBEAT_IVL, Kind::Int},
  {"heartbeat_timeout", ZMQ_HEARTBEAT_TIMEOUT, Kind::Int},
  {"heartbeat_ttl", ZMQ_HEARTBEAT_TTL, Kind::Int},
  {"immediate", ZMQ_IMMEDIATE, Kind::Bool},
  {"invert_matching", ZMQ_INVERT_MATCHING, Kind::Bool},
  {"ipv6", ZMQ_IPV6, Kind::Bool},
  {"last_endpoint", ZMQ_LAST_ENDPOINT, Kind::Text},
  {"linger", ZMQ_LINGER, Kind::Int},
  {"maxmsgsize", ZMQ_MAXMSGSIZE, Kind::Int64},
  {"mechanism", ZMQ_MECHANISM, Kind::Int},
  {"multicast_hops", ZMQ_MULTICAST_HOPS, Kind::Int},
  {"plain_password", ZMQ_PLAIN_PASSWORD, Kind::Text},
  {"plain_server", ZMQ_PLAIN_SERVER, Kind::Bool},
  {"plain_username", ZMQ_PLAIN_USERNAME, Kind::Text},
  {"probe_router", ZMQ_PROBE_ROUTER, Kind::Bool},
  {"rate", ZMQ_RATE, Kind::Int},
  {"rcvbuf", ZMQ_RCVBUF, Kind::Int},
  {"rcvhwm", ZMQ_RCVHWM, Kind::Int},
  {"rcvmore", ZMQ_RCVMORE, Kind::Bool},
  {"rcvtimeo", ZMQ_RCVTIMEO, Kind::Int},
  {"reconnect_ivl", ZMQ_RECONNECT_IVL, Kind::Int},
  {"reconnect_ivl_max", ZMQ_RECONNECT_IVL_MAX, Kind::Int},
  {"recovery_ivl", ZMQ_RECOVERY_IVL, Kind::Int},
  {"req_correlate", ZMQ_REQ_CORRELATE, Kind::Bool},
  {"req_relaxed", ZMQ_REQ_RELAXED, Kind::Bool},
  {"router_handover", ZMQ_ROUTER_HANDOVER, Kind::Bool},
  {"router_mandatory", ZMQ_ROUTER_MANDATORY, Kind::Bool},
  {"routing_id", ZMQ_ROUTING_ID, Kind::Bytes},
  {"sndbuf", ZMQ_SNDBUF, Kind::Int},
  {"sndhwm", ZMQ_SNDHWM, Kind::Int},
  {"sndtimeo", ZMQ_SNDTIMEO, Kind::Int},
  {"socks_proxy", ZMQ_SOCKS_PROXY, Kind::Text},
  {"stream_notify", ZMQ_STREAM_NOTIFY, Kind::Bool},
  {"subscribe", ZMQ_SUBSCRIBE, Kind::Bytes},
  {"tcp_keepalive", ZMQ_TCP_KEEPALIVE, Kind::Int},
  {"tcp_keepalive_cnt", ZMQ_TCP_KEEPALIVE_CNT, Kind::Int},
  {"tcp_keepalive_idle", ZMQ_TCP_KEEPALIVE_IDLE, Kind::Int},
  {"tcp_keepalive_intvl", ZMQ_TCP_KEEPALIVE_INTVL, Kind::Int},
  {"tcp_maxrt", ZMQ_TCP_MAXRT, Kind::Int},
  {"thread_safe", ZMQ_THREAD_SAFE, Kind::Bool},
  {"tos", ZMQ_TOS, Kind::Int},
  {"type", ZMQ_TYPE, Kind::Int},
  {"unsubscribe", ZMQ_UNSUBSCRIBE, Kind::Bytes},
  {"use_fd", ZMQ_USE_FD, Kind::Int},
  {"xpub_manual", ZMQ_XPUB_MANUAL, Kind::Bool},
  {"xpub_nodrop", ZMQ_XPUB_NODROP, Kind::Bool},
  {"xpub_verbose", ZMQ_XPUB_VERBOSE, Kind::Bool},
  {"xpub_verboser", ZMQ_XPUB_VERBOSER, Kind::Bool},
  {"xpub_welcome_msg", ZMQ_XPUB_WELCOME_MSG, Kind::Bytes},
  {"zap_domain", ZMQ_ZAP_DOMAIN, Kind::Text},
#ifdef ZMQ_BUILD_DRAFT_API
  {"disconnect_msg", ZMQ_DISCONNECT_MSG, Kind::Bytes},
  {"hello_msg", ZMQ_HELLO_MSG, Kind::Bytes},
  {"in_batch_size", ZMQ_IN_BATCH_SIZE, Kind::Int},
  {"only_first_subscribe", ZMQ_ONLY_FIRST_SUBSCRIBE, Kind::Bool},
  {"out_batch_size", ZMQ_OUT_BATCH_SIZE, Kind::Int},
  {"reconnect_stop", ZMQ_RECONNECT_STOP, Kind::Int},
  {"router_notify", ZMQ_ROUTER_NOTIFY, Kind::Int},
  {"zap_enforce_domain", ZMQ_ZAP_ENFORCE_DOMAIN, Kind::Bool},
#endif
};

constexpr Option contextOptions[] = {
  {"blocky", ZMQ_BLOCKY, Kind::Bool},
  {"io_threads", ZMQ_IO_THREADS, Kind::Int},
  {"ipv6", ZMQ_IPV6, Kind::Bool},
  {"max_msgsz", ZMQ_MAX_MSGSZ, Kind::Int},
  {"max_sockets", ZMQ_MAX_SOCKETS, Kind::Int},
  {"msg_t_size", ZMQ_MSG_T_SIZE, Kind::Int},
  {"socket_limit", ZMQ_SOCKET_LIMIT, Kind::Int},
  {"thread_name_prefix", ZMQ_THREAD_NAME_PREFIX, Kind::Int},
  {"thread_priority", ZMQ_THREAD_PRIORITY, Kind::Int},
  {"thread_sched_policy", ZMQ_THREAD_SCHED_POLICY, Kind::Int},
};

struct Type
{
    std::string_view name;
    int id;
};

constexpr Type types[] = {
  {"pair", ZMQ_PAIR},
  {"pub", ZMQ_PUB},
  {"sub", ZMQ_SUB},
  {"req", ZMQ_REQ},
  {"rep", ZMQ_REP},
  {"dealer", ZMQ_DEALER},
  {"router", ZMQ_ROUTER},
  {"pull", ZMQ_PULL},
  {"push", ZMQ_PUSH},
  {"xpub", ZMQ_XPUB},
  {"xsub", ZMQ_XSUB},
  {"stream", ZMQ_STREAM},
#ifdef ZMQ_BUILD_DRAFT_API
  {"server", ZMQ_SERVER},
  {"client", ZMQ_CLIENT},
  {"radio", ZMQ_RADIO},
  {"dish", ZMQ_DISH},
  {"gather", ZMQ_GATHER},
  {"scatter", ZMQ_SCATTER},
  {"dgram", ZMQ_DGRAM},
  {"peer", ZMQ_PEER},
  {"channel", ZMQ_CHANNEL},
#endif
};

template <typename Table> auto &find (Napi::Env env, const Table &table, const Napi::Value &name, const char *what)
{
    if (!name.IsString ())
        throw Napi::TypeError::New (env, std::string ("the name of a ") + what + " is a string");
    const std::string text = name.As<Napi::String> ().Utf8Value ();
    for (const auto &entry : table)
        if (entry.name == text)
            return entry;
    throw Napi::TypeError::New (env, std::string ("no ") + what + " is called \"" + text + "\"");
}

[[noreturn]] void wrongType (Napi::Env env, const Option &option, const char *expected)
{
    throw Napi::TypeError::New (env, "option " + std::string (option.name) + " is " + expected);
}

/// A whole number that fits T.
template <typename T> T wholeNumber (Napi::Env env, const Option &option, const Napi::Value &value)
{
    if (value.IsBigInt ()) {
        bool lossless = false;
        const T number = std::is_signed_v<T>
                           ? static_cast<T> (value.As<Napi::BigInt> ().Int64Value (&lossless))
                           : static_cast<T> (value.As<Napi::BigInt> ().Uint64Value (&lossless));
        if (!lossless || sizeof (T) < 8)
            wrongType (env, option, "a number in range");
        return number;
    }
    if (!value.IsNumber ())
        wrongType (env, option, "a number");
    const double number = value.As<Napi::Number> ().DoubleValue ();
    const double least = std::is_signed_v<T> ? -std::ldexp (1, sizeof (T) * 8 - 1) : 0;
    const double beyond = std::ldexp (1, sizeof (T) * 8 - (std::is_signed_v<T> ? 1 : 0));
    if (!(number >= least && number < beyond && number == std::trunc (number)))
        wrongType (env, option, "a whole number in range");
    return static_cast<T> (number);
}

int boolean (Napi::Env env, const Option &option, const Napi::Value &value)
{
    if (!value.IsBoolean ())
        wrongType (env, option, "true or false");
    return value.As<Napi::Boolean> ().Value () ? 1 : 0;
}

std::string bytes (Napi::Env env, const Option &option, const Napi::Value &value)
{
    if (value.IsString ())
        return value.As<Napi::String> ().Utf8Value ();
    if (value.IsBuffer ()) {
        const auto buffer = value.As<Napi::Buffer<char>> ();
        return std::string (buffer.Data (), buffer.Length ());
    }
    wrongType (env, option, "a string or a Buffer");
}

template <typename T> void setNumber (Napi::Env env, void *socket, const Option &option, T number)
{
    if (zmq_setsockopt (socket, option.id, &number, sizeof number) != 0)
        throwZmqError (env, "zmq_setsockopt");
}

template <typename T> T getNumber (Napi::Env env, void *socket, const Option &option)
{
    T number = 0;
    size_t size = sizeof number;
    if (zmq_getsockopt (socket, option.id, &number, &size) != 0)
        throwZmqError (env, "zmq_getsockopt");
    return number;
}

/// Values of any length; 256 bytes are enough for all but endpoints.
std::string getBytes (Napi::Env env, void *socket, const Option &option)
{
    std::vector<char> value (option.kind == Kind::Key ? 41 : 4096);
    size_t size = value.size ();
    if (zmq_getsockopt (socket, option.id, value.data (), &size) != 0)
        throwZmqError (env, "zmq_getsockopt");
    return std::string (value.data (), size);
}
}

Napi::Value getSocketOption (Napi::Env env, void *socket, const Napi::Value &name)
{
    const Option &option = find (env, socketOptions, name, "socket option");
    switch (option.kind) {
        case Kind::Int:
            return Napi::Number::New (env, getNumber<int> (env, socket, option));
        case Kind::Bool:
            return Napi::Boolean::New (env, getNumber<int> (env, socket, option) != 0);
        case Kind::Int64:
            return Napi::Number::New (env, static_cast<double> (getNumber<int64_t> (env, socket, option)));
        case Kind::Uint64:
            return Napi::BigInt::New (env, getNumber<uint64_t> (env, socket, option));
        case Kind::Bytes: {
            const std::string value = getBytes (env, socket, option);
            return Napi::Buffer<char>::Copy (env, value.data (), value.size ());
        }
        case Kind::Text:
        case Kind::Key:
            break;
    }
    // Text comes with the zero at its end, or without a value as nothing at all.
    const std::string value = getBytes (env, socket, option);
    return Napi::String::New (env, value.data (), strnlen (value.data (), value.size ()));
}

void setSocketOption (Napi::Env env, void *socket, const Napi::Value &name, const Napi::Value &value)
{
    const Option &option = find (env, socketOptions, name, "socket option");
    switch (option.kind) {
        case Kind::Int:
            return setNumber (env, socket, option, wholeNumber<int> (env, option, value));
        case Kind::Bool:
            return setNumber (env, socket, option, boolean (env, option, value));
        case Kind::Int64:
            return setNumber (env, socket, option, wholeNumber<int64_t> (env, option, value));
        case Kind::Uint64:
            return setNumber (env, socket, option, wholeNumber<uint64_t> (env, option, value));
        case Kind::Text:
        case Kind::Bytes:
        case Kind::Key:
            break;
    }
    // Null takes a user name, a password or a domain away again.
    const bool none = value.IsNull ();
    const std::string text = none ? std::string () : bytes (env, option, value);
    if (zmq_setsockopt (socket, option.id, none ? nullptr : text.data (), text.size ()) != 0)
        throwZmqError (env, "zmq_setsockopt");
}

Napi::Value getContextOption (Napi::Env env, void *context, const Napi::Value &name)
{
    const Option &option = find (env, contextOptions, name, "context option");
    const int value = zmq_ctx_get (context, option.id);
    if (value < 0)
        throwZmqError (env, "zmq_ctx_get");
    if (option.kind == Kind::Bool)
        return Napi::Boolean::New (env, value != 0);
    return Napi::Number::New (env, value);
}

void setContextOption (Napi::Env env, void *context, const Napi::Value &name, const Napi::Value &value)
{
    const Option &option = find (env, contextOptions, name, "context option");
    const int number =
      option.kind == Kind::Bool ? boolean (env, option, value) : wholeNumber<int> (env, option, value);
    if (zmq_ctx_set (context, option.id, number) != 0)
        throwZmqError (env, "zmq_ctx_set");
}

int socketType (Napi::Env env, const Napi::Value &name)
{
    return find (env, types, name, "socket type").id;
}

Napi::Value socketTypes (Napi::Env env)
{
    Napi::Array names = Napi::Array::New (env, std::size (types));
    for (size_t i = 0; i < std::size (types); ++i)
        names.Set (static_cast<uint32_t> (i), Napi::String::New (env, types[i].name.data (), types[i].name.size ()));
    return names;
}
}
