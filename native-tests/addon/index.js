// SPDX-License-Identifier: MPL-2.0
import { createRequire } from 'node:module'
import { threadId } from 'node:worker_threads'

const native = createRequire(import.meta.url)(
  process.env.ZEROMQ_SCIF_ADDON ?? './build/Release/zeromq_scif.node',
)

export const {
  allocate,
  curveKeypair,
  curvePublic,
  has,
  library,
  open,
  socketTypes,
  version,
  z85Decode,
  z85Encode,
} = native

// Promises throughout: wrong arguments are a rejection, too.
export async function poll(items, milliseconds) {
  return native.poll(items, milliseconds)
}

export async function proxy(...sockets) {
  return native.proxy(...sockets)
}

export const POLLIN = 1
export const POLLOUT = 2
export const POLLERR = 4
export const POLLPRI = 8

/** Names of zmq_socket_monitor(3)'s events by their bit. */
const eventNames = new Map([
  [0x0001, 'connected'],
  [0x0002, 'connect_delayed'],
  [0x0004, 'connect_retried'],
  [0x0008, 'listening'],
  [0x0010, 'bind_failed'],
  [0x0020, 'accepted'],
  [0x0040, 'accept_failed'],
  [0x0080, 'closed'],
  [0x0100, 'close_failed'],
  [0x0200, 'disconnected'],
  [0x0400, 'monitor_stopped'],
  [0x0800, 'handshake_failed_no_detail'],
  [0x1000, 'handshake_succeeded'],
  [0x2000, 'handshake_failed_protocol'],
  [0x4000, 'handshake_failed_auth'],
])
const allEvents = 0xffff

let nextWaiter = 0
let nextMonitor = 0

/** Waits by `start`, until `signal` is aborted. */
function abortable(socket, signal, start) {
  signal?.throwIfAborted()
  const id = nextWaiter++
  const promise = start(id)
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const abort = () => {
      if (socket._forget(id)) reject(signal.reason)
    }
    const done = (settle) => (value) => {
      signal.removeEventListener('abort', abort)
      settle(value)
    }
    signal.addEventListener('abort', abort, { once: true })
    promise.then(done(resolve), done(reject))
  })
}

/** Messages until the socket is closed or its context terminated. */
async function* untilClosed(receive) {
  for (;;) {
    let message
    try {
      message = await receive()
    } catch (error) {
      if (error.code === 'ETERM' || error.code === 'ENOTSOCK') return
      throw error
    }
    yield message
  }
}

export class Context extends native.Context {
  constructor(options = {}) {
    super()
    for (const [name, value] of Object.entries(options)) this.set(name, value)
  }

  socket(type, options = {}) {
    return new Socket(this, type, options)
  }

  async term() {
    return super.term()
  }
}

export class Socket extends native.Socket {
  constructor(context, type, options = {}) {
    super(context, type)
    this.context = context
    this.type = type
    try {
      for (const [name, value] of Object.entries(options)) this.set(name, value)
    } catch (error) {
      this.close()
      throw error
    }
  }

  get lastEndpoint() {
    return this.get('last_endpoint')
  }

  async send(message, { signal } = {}) {
    await abortable(this, signal, (id) => this._send(id, message))
  }

  async receive({ signal } = {}) {
    return abortable(this, signal, (id) => this._receive(id))
  }

  async sendOnThread(message) {
    return super.sendOnThread(message)
  }

  async receiveOnThread() {
    return super.receiveOnThread()
  }

  [Symbol.asyncIterator]() {
    return untilClosed(() => this.receive())
  }

  monitor(...names) {
    const bits = [...eventNames].filter(([, name]) => names.includes(name))
    const unknown = names.find((name) => !bits.some(([, known]) => known === name))
    if (unknown !== undefined) throw new TypeError(`no event is called "${unknown}"`)
    return new Monitor(
      this,
      bits.length === 0 ? allEvents : bits.reduce((sum, [bit]) => sum | bit, 0),
    )
  }
}

/** A socket has one monitor at a time; a new one takes the place of the old. */
const current = new WeakMap()

export class Monitor {
  #socket
  #pair

  constructor(socket, events) {
    const address = `inproc://monitor-${threadId}-${nextMonitor++}`
    socket._monitor(address, events)
    current.set(socket, this)
    this.#socket = socket
    this.#pair = socket.context.socket('pair', { linger: 0 })
    this.#pair.connect(address)
  }

  async receive(options) {
    const [head, endpoint] = await this.#pair.receive(options)
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
    const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
    const bit = view.getUint16(0, little)
    return {
      event: eventNames.get(bit) ?? `0x${bit.toString(16)}`,
      value: view.getUint32(2, little),
      endpoint: endpoint.toString(),
    }
  }

  async until(name, options) {
    for (;;) {
      const event = await this.receive(options)
      if (event.event === name) return event
    }
  }

  async *[Symbol.asyncIterator]() {
    for await (const event of untilClosed(() => this.receive())) {
      yield event
      if (event.event === 'monitor_stopped') return
    }
  }

  close() {
    try {
      if (!this.#socket.closed && current.get(this.#socket) === this) this.#socket._monitor(null, 0)
    } finally {
      this.#pair.close()
    }
  }
}
