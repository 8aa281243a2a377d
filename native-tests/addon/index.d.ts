// SPDX-License-Identifier: MPL-2.0

/**
 * What libzmq refuses is an Error with these properties. Wrong arguments are a TypeError or a
 * RangeError without them.
 */
export interface ZmqError extends Error {
  /** As in zmq_errno(3), positive. */
  errno: number
  /** Its name: 'EAGAIN', 'EADDRINUSE', and libzmq's own: 'EFSM', 'ETERM', 'ENOCOMPATPROTO', 'EMTHREAD'. */
  code: string
  /** The function of libzmq that failed, such as 'zmq_bind'. */
  syscall: string
  /** What it was about, where it was about an endpoint. */
  endpoint?: string
}

/**
 * A part that is 4096 bytes or larger and lies in memory that libzmq may keep (it was received, or
 * made by allocate) is sent without a copy: it must not be written to afterwards, or the receiver
 * may get what was written. Anything else is copied at once.
 */
export type Part = string | ArrayBufferView | ArrayBuffer
export type Message = Part | readonly Part[]

export type SocketType =
  | 'pair'
  | 'pub'
  | 'sub'
  | 'req'
  | 'rep'
  | 'dealer'
  | 'router'
  | 'pull'
  | 'push'
  | 'xpub'
  | 'xsub'
  | 'stream'
  | DraftSocketType

/** In builds with the draft API. Those that are thread-safe have no descriptor: use sendOnThread and receiveOnThread. */
export type DraftSocketType =
  | 'server'
  | 'client'
  | 'radio'
  | 'dish'
  | 'gather'
  | 'scatter'
  | 'dgram'
  | 'peer'
  | 'channel'

/** Options that can be set and read: those of zmq_setsockopt(3), in lower case. Times are milliseconds. */
export interface SocketOptions {
  affinity: bigint | number
  backlog: number
  bindtodevice: string
  connect_timeout: number
  /** 40 characters of Z85, or 32 bytes; read as Z85. */
  curve_publickey: string | Buffer
  curve_secretkey: string | Buffer
  curve_server: boolean
  curve_serverkey: string | Buffer
  handshake_ivl: number
  heartbeat_ivl: number
  heartbeat_timeout: number
  heartbeat_ttl: number
  immediate: boolean
  invert_matching: boolean
  ipv6: boolean
  linger: number
  maxmsgsize: number | bigint
  multicast_hops: number
  plain_password: string | null
  plain_server: boolean
  plain_username: string | null
  rate: number
  rcvbuf: number
  rcvhwm: number
  /** For receiveOnThread; receive takes an AbortSignal. */
  rcvtimeo: number
  reconnect_ivl: number
  reconnect_ivl_max: number
  recovery_ivl: number
  routing_id: string | Buffer
  sndbuf: number
  sndhwm: number
  /** For sendOnThread; send takes an AbortSignal. */
  sndtimeo: number
  socks_proxy: string | null
  tcp_keepalive: number
  tcp_keepalive_cnt: number
  tcp_keepalive_idle: number
  tcp_keepalive_intvl: number
  tcp_maxrt: number
  tos: number
  use_fd: number
  zap_domain: string
  /** With the draft API, as those below. */
  in_batch_size: number
  out_batch_size: number
  reconnect_stop: number
  router_notify: number
  zap_enforce_domain: boolean
}

/** Options that can be set only. */
export interface WriteOnlySocketOptions {
  conflate: boolean
  connect_routing_id: string | Buffer
  probe_router: boolean
  req_correlate: boolean
  req_relaxed: boolean
  router_handover: boolean
  router_mandatory: boolean
  stream_notify: boolean
  subscribe: string | Buffer
  unsubscribe: string | Buffer
  xpub_manual: boolean
  xpub_nodrop: boolean
  xpub_verbose: boolean
  xpub_verboser: boolean
  xpub_welcome_msg: string | Buffer
  /** With the draft API, as those below. */
  disconnect_msg: string | Buffer
  hello_msg: string | Buffer
  only_first_subscribe: boolean
}

/** Options that can be read only. */
export interface ReadOnlySocketOptions {
  /** POLLIN and POLLOUT. */
  events: number
  fd: number
  last_endpoint: string
  mechanism: number
  rcvmore: boolean
  thread_safe: boolean
  type: number
}

type SettableSocketOptions = SocketOptions & WriteOnlySocketOptions
type ReadableSocketOptions = SocketOptions & ReadOnlySocketOptions

/** What reading an option gives: a text for keys, a Buffer for bytes, a bigint for affinity. */
type ReadValue<Name extends keyof ReadableSocketOptions> = Name extends 'routing_id'
  ? Buffer
  : Name extends 'affinity'
    ? bigint
    : ReadableSocketOptions[Name] extends string | Buffer | null
      ? string
      : ReadableSocketOptions[Name] extends number | bigint
        ? number
        : ReadableSocketOptions[Name]

/** Options of zmq_ctx_set(3), in lower case. */
export interface ContextOptions {
  blocky: boolean
  io_threads: number
  ipv6: boolean
  max_msgsz: number
  max_sockets: number
  thread_name_prefix: number
  thread_priority: number
  thread_sched_policy: number
}

export interface ReadOnlyContextOptions {
  msg_t_size: number
  socket_limit: number
}

export interface Waiting {
  /** Gives up: the promise is rejected with the signal's reason, and nothing is sent or taken. */
  signal?: AbortSignal | undefined
}

/** zmq_ctx_new(3). Belongs to the thread that made it, as its sockets do. */
export class Context {
  constructor(options?: Partial<ContextOptions>)
  /** True from term() on. */
  readonly closed: boolean
  get<Name extends keyof (ContextOptions & ReadOnlyContextOptions)>(
    name: Name,
  ): (ContextOptions & ReadOnlyContextOptions)[Name]
  set<Name extends keyof ContextOptions>(name: Name, value: ContextOptions[Name]): void
  socket(type: SocketType, options?: Partial<SettableSocketOptions>): Socket
  /** Everything that waits on its sockets fails with ETERM. */
  shutdown(): void
  /**
   * Shuts down, closes the sockets that are open, and terminates. Settles when all that was sent has
   * been written or the sockets' linger is over. A program that ends without it, or a worker that is
   * terminated, may lose what has not been written.
   */
  term(): Promise<void>
}

/**
 * zmq_socket(3). send and receive never block and use the descriptor; sendOnThread and
 * receiveOnThread block on a thread, which has the socket for itself until then: any other use of it
 * fails with EBUSY. Whoever waits keeps the event loop alive.
 */
export class Socket {
  constructor(context: Context, type: SocketType, options?: Partial<SettableSocketOptions>)
  readonly context: Context
  readonly type: SocketType
  readonly closed: boolean
  /** The canonical endpoint of the latest bind or connect. */
  readonly lastEndpoint: string
  /** Returns the canonical endpoint, with the port that a wildcard has become. */
  bind(endpoint: string): string
  connect(endpoint: string): void
  unbind(endpoint: string): void
  disconnect(endpoint: string): void
  /** With the draft API, for 'dish'. */
  join?(group: string): void
  leave?(group: string): void
  get<Name extends keyof ReadableSocketOptions>(name: Name): ReadValue<Name>
  set<Name extends keyof SettableSocketOptions>(
    name: Name,
    value: SettableSocketOptions[Name],
  ): void
  /** Settles when libzmq has taken the message; messages are taken in the order of the calls. */
  send(message: Message, options?: Waiting): Promise<void>
  /** All parts of the next message. */
  receive(options?: Waiting): Promise<Buffer[]>
  /** False when libzmq cannot take the message now. */
  trySend(message: Message): boolean
  /** Undefined when there is none now. */
  tryReceive(): Buffer[] | undefined
  /** As zmq_msg_send(3), with sndtimeo. */
  sendOnThread(message: Message): Promise<void>
  /** As zmq_msg_recv(3), with rcvtimeo. */
  receiveOnThread(): Promise<Buffer[]>
  /** Messages until the socket is closed or its context terminated. */
  [Symbol.asyncIterator](): AsyncGenerator<Buffer[], void, undefined>
  /** Events from now on, all or those named. A socket has one monitor at a time. */
  monitor(...names: EventName[]): Monitor
  /**
   * Who waits fails with ENOTSOCK. What was sent lingers. While a call on a thread has the socket, it
   * is closed when the call is back.
   */
  close(): void
}

export type EventName =
  | 'connected'
  | 'connect_delayed'
  | 'connect_retried'
  | 'listening'
  | 'bind_failed'
  | 'accepted'
  | 'accept_failed'
  | 'closed'
  | 'close_failed'
  | 'disconnected'
  | 'monitor_stopped'
  | 'handshake_failed_no_detail'
  | 'handshake_succeeded'
  | 'handshake_failed_protocol'
  | 'handshake_failed_auth'

export interface MonitorEvent {
  event: EventName | `0x${string}`
  /** A descriptor, an errno, an interval or a protocol error, as in zmq_socket_monitor(3). */
  value: number
  endpoint: string
}

/** zmq_socket_monitor(3). */
export class Monitor {
  private constructor()
  receive(options?: Waiting): Promise<MonitorEvent>
  /** The next event of that name; those before it are dropped. */
  until(name: EventName, options?: Waiting): Promise<MonitorEvent>
  [Symbol.asyncIterator](): AsyncGenerator<MonitorEvent, void, undefined>
  close(): void
}

export const POLLIN: 1
export const POLLOUT: 2
export const POLLERR: 4
export const POLLPRI: 8

export type PollItem = { socket: Socket; events: number } | { fd: number; events: number }

/** zmq_poll(3) on a thread; -1 waits for ever. Returns the events of each item. */
export function poll(items: readonly PollItem[], milliseconds?: number): Promise<number[]>

/**
 * zmq_proxy(3), or zmq_proxy_steerable(3) with a control socket, on a thread. Rejects with ETERM
 * when the context is shut down or terminated; settles on TERMINATE.
 */
export function proxy(
  frontend: Socket,
  backend: Socket,
  capture?: Socket | null,
  control?: Socket | null,
): Promise<void>

/** A Buffer that can be sent without a copy; its contents are undefined. */
export function allocate(size: number): Buffer

/** "4.3.4" */
export function version(): string
/** zmq_has(3): 'scif', 'curve', 'ipc', 'draft' … */
export function has(capability: string): boolean
/** The file that libzmq was loaded from. */
export function library(): string | undefined
/** What this build of libzmq has. */
export const socketTypes: readonly SocketType[]
/** Keys in Z85. */
export function curveKeypair(): { publicKey: string; secretKey: string }
export function curvePublic(secretKey: string): string
export function z85Encode(data: Buffer): string
export function z85Decode(text: string): Buffer
/** Open contexts and sockets of this thread, and Buffers of the process that share memory with libzmq. */
export function open(): { contexts: number; sockets: number; buffers: number }
