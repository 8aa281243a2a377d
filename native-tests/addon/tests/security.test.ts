// SPDX-License-Identifier: MPL-2.0
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as zmq from '../index.js'
import { patience, withContext, withPeer } from './harness.ts'

/** Who may come in, as ZAP (RFC 27) asks it. */
function authenticator(
  context: zmq.Context,
  allows: (mechanism: string, ...credentials: Buffer[]) => boolean,
) {
  const rep = context.socket('rep')
  rep.bind('inproc://zeromq.zap.01')
  void (async () => {
    for await (const request of rep) {
      const [version = '', id = '', , , , mechanism = '', ...credentials] = request
      const ok = allows(String(mechanism), ...credentials)
      await rep.send([version, id, ok ? '200' : '400', ok ? 'OK' : 'no', ok ? 'user' : '', ''])
    }
  })()
}

test('CURVE: who has the server’s key gets through', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const server = zmq.curveKeypair()
      const client = zmq.curveKeypair()
      assert.is(zmq.curvePublic(server.secretKey), server.publicKey)
      let seen: string | undefined
      authenticator(context, (mechanism, key = Buffer.of()) => {
        seen = `${mechanism} ${zmq.z85Encode(key)}`
        return true
      })
      const rep = context.socket('rep', {
        curve_server: true,
        curve_secretkey: server.secretKey,
        zap_domain: 'test',
      })
      const req = await peer.socket('req', {
        curve_serverkey: server.publicKey,
        curve_publickey: client.publicKey,
        curve_secretkey: client.secretKey,
      })
      await req.connect(rep.bind('scif://*:*'))
      const secret = Buffer.alloc(300_000, 5)
      await req.send(secret)
      assert.equal((await rep.receive(patience()))[0], secret)
      await rep.send('well')
      assert.is(String(Buffer.from((await req.receive())[0] ?? '')), 'well')
      assert.is(seen, `CURVE ${client.publicKey}`)
      assert.is(rep.get('mechanism'), 2)
      assert.is(rep.get('curve_secretkey'), server.secretKey)
    }),
  ))

test('CURVE: a wrong server key, and a client that ZAP refuses, do not', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      const server = zmq.curveKeypair()
      const client = zmq.curveKeypair()
      authenticator(context, () => false)
      const pull = context.socket('pull', {
        curve_server: true,
        curve_secretkey: server.secretKey,
        zap_domain: 'test',
      })
      const endpoint = pull.bind('scif://*:*')
      const monitor = pull.monitor()
      const keys = {
        curve_publickey: client.publicKey,
        curve_secretkey: client.secretKey,
        linger: 0,
      }
      const stranger = await peer.socket('push', {
        ...keys,
        curve_serverkey: zmq.curveKeypair().publicKey,
      })
      await stranger.connect(endpoint)
      await stranger.send('in vain')
      await monitor.until('handshake_failed_protocol', patience())
      await stranger.close()
      const refused = await peer.socket('push', { ...keys, curve_serverkey: server.publicKey })
      await refused.connect(endpoint)
      await refused.send('in vain')
      const { value } = await monitor.until('handshake_failed_auth', patience())
      assert.is(value, 400)
      assert.is(pull.tryReceive(), undefined)
    }),
  ))

test('PLAIN: name and password', () =>
  withPeer((peer) =>
    withContext(async (context) => {
      authenticator(
        context,
        (mechanism, name, password) =>
          [mechanism, name, password].join(' ') === 'PLAIN admin right',
      )
      const pull = context.socket('pull', { plain_server: true, zap_domain: 'test' })
      const endpoint = pull.bind('scif://*:*')
      const monitor = pull.monitor('handshake_failed_auth')
      const wrong = await peer.socket('push', {
        plain_username: 'admin',
        plain_password: 'wrong',
        linger: 0,
      })
      await wrong.connect(endpoint)
      await monitor.until('handshake_failed_auth', patience())
      const right = await peer.socket('push', { plain_username: 'admin', plain_password: 'right' })
      await right.connect(endpoint)
      await right.send('let me in')
      assert.is(String(await pull.receive(patience())), 'let me in')
    }),
  ))

test('Z85 and keys that are none are refused', () => {
  const data = Buffer.from('8664fd6559f6aa2c', 'hex')
  assert.equal(zmq.z85Decode(zmq.z85Encode(data)), data)
  assert.throws(() => zmq.z85Encode(Buffer.alloc(3)), /EINVAL.*zmq_z85_encode/)
  assert.throws(() => zmq.z85Decode('abc'), /EINVAL.*zmq_z85_decode/)
  assert.throws(() => zmq.curvePublic('too short'), /EINVAL.*zmq_curve_public/)
})

test.run()
