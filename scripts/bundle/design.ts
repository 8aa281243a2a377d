// SPDX-License-Identifier: MPL-2.0

/** The parts of PULL_REQUEST.md that are the same whatever was measured. */

export const title = 'Add the transport scif://, for Intel Xeon Phi'

export const what = `This adds the transport \`scif://NODE:PORT\`: ZeroMQ sockets between the processes of a Xeon host and of its Xeon Phi coprocessors, over Intel's Symmetric Communications Interface (SCIF).
It is built when asked for (\`--with-scif\`, \`WITH_SCIF\`), and off by default. There are no new options, no new functions and no change of the ABI.`

export const why = `The cards run Linux, and TCP works between them and the host, over a virtual network interface that is itself made of SCIF, with the cost of two TCP stacks on slow cores. SCIF gives direct access to memory on the other side of the PCIe bus. An application changes nothing but its endpoints.`

export const design: readonly string[] = [
  'Four modules as for TIPC and VSOCK (address, listener, connecter, and an engine), and three behind them: stream, ring, and one attempt to connect.',
  'An endpoint is `scif://NODE:PORT`; NODE is a number or `host`, `mic0`, `mic1` …; to bind, `*` or nothing means this node, and port `*` any free port.',
  'Bytes go through a pair of rings: each end registers memory to receive in, and maps that of the other end, so that sending is a copy into the memory of the peer.',
  'The SCIF endpoint itself only carries bells, one byte each, and only for a peer that sleeps; a full barrier on both sides makes sure that none gets lost.',
  'Where memory can not be registered or mapped, the bytes go through the endpoint; a hello by both ends decides it once per connection.',
  'Every index and size that the peer can write is checked before it is used; a peer that breaks the rules costs it the connection.',
  'libzmq polls an epoll set that holds the endpoint, because the driver hooks an endpoint into an epoll set only for the events that are asked for when it is added.',
  'So the pollers stay as they are: the engine base class has its calls to the poller made virtual, and the engine mirrors them to the inner set.',
  'To connect blocks in the driver until the peer has accepted, for seconds; a helper thread does it, and signals the I/O thread by a descriptor.',
  'Security, heartbeats, metadata, monitoring, reconnection and high-water marks are those of zmtp_engine_t and its like; nothing of them is written again.',
]

export const whyEngine = `The thread of #2022 assumes that SCIF is a socket, for which an address, a listener and a connecter would do. It is a character device:

- receiving nothing returns 0, which for a socket means the end; the end is ECONNRESET;
- \`getpeername\` fails on it, which the engine's constructor took for a bug and aborted;
- a hang-up is reported while there is still data to read;
- it can not be polled by libzmq's epoll, which adds first and says later what it waits for.

\`scif_engine_t\` derives from \`zmtp_engine_t\` and overrides how bytes are moved and how they are waited for. The commits before it make that possible, change nothing for other transports, and are of use without SCIF: for any transport over something that is not a socket, and, the first of them, for the last messages that every transport can lose at close.`

/** What is not done, whatever the evidence says. */
export const notDone: readonly string[] = [
  '`ZMQ_STREAM` over `scif://` is refused with ENOCOMPATPROTO: there is no raw engine for what is not a socket.',
  'There is no lane in CI. No distribution that the runners have packages libscif, and a lane that never runs the transport would prove little; one that builds SoftSCIF first could be added, by a reference to a repository that upstream trusts.',
  'It is for Linux, as SCIF is in practice. There is a libscif for Windows; nobody has tried it.',
  'Other files in `builds/` (gyp, vxworks, Visual Studio projects) do not list the new sources, as they do not list those of VSOCK.',
]
