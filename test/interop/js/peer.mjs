// A libp2p peer (TCP, TLS 1.3, yamux, Kademlia) that does what it is told by lines of
// JSON on standard input: {"id":1,"do":"send",…}. Each is answered by a line on standard
// output, {"id":1,"ok":…} or {"id":1,"error":"…"}, in the order in which they end.

import { createInterface } from 'node:readline'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createLibp2p } from 'libp2p'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { yamux } from '@chainsafe/libp2p-yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { accountRecord, keyOf, newAccount, readRecord, recordKey, selectRecord, validateRecord } from './directory.mjs'
import { FILEXFER, receive, send } from './filexfer.mjs'
import { pack, unpack } from './folder.mjs'
import { answer, ask, REREQUEST } from './rerequest.mjs'

const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [tls()],
  streamMuxers: [yamux()],
  services: {
    identify: identify(),
    ping: ping({ maxOutboundStreams: 8 }), // the DHT pings, too
    dht: kadDHT({
      protocol: '/passeur/kad/1.0.0',
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      validators: { 'passeur-acct': validateRecord, 'passeur-dev': () => {} },
      selectors: { 'passeur-acct': selectRecord, 'passeur-dev': () => 0 }
    })
  }
})

const held = new Map() // "conversation/interaction" to what is served
const asked = [] // requests that were answered by OK
const arrived = [] // what was received and nobody has asked for
const waiting = [] // who asks for what is received
let policy = { answer: 'GO', dir: '.' }

node.handle(FILEXFER, async stream => {
  try {
    const got = await receive(stream, () => policy.answer, policy)
    const path = join(policy.dir, `${arrived.length}-received`)
    if (got.bytes != null) await writeFile(path, got.bytes)
    const files = got.manifest > 0 && got.bytes != null ? unpack(got.bytes, got.manifest) : null
    tell({ ...got, bytes: undefined, path, files })
  } catch (err) {
    stream.abort(err)
    tell({ verdict: String(err) })
  }
})

node.handle(REREQUEST, async (stream, connection) => {
  const request = await answer(stream, r => {
    if (r.deviceId !== connection.remotePeer.toString()) return 'NO device'
    return held.has(`${r.conversation}/${r.interaction}`) ? 'OK' : 'NO unknown-entry'
  })
  if (request === null) return
  const { file, sum = 'tree', pause, ...how } = held.get(`${request.conversation}/${request.interaction}`)
  const bytes = await readFile(file)
  asked.push({ start: request.start, end: request.end })
  const first = asked.length === 1 ? how : {}
  await send(await connection.newStream(FILEXFER), {
    ...request, name: 'held', bytes, from: request.start, to: request.end || bytes.length, sum, ...first, pause: pause && released
  }).catch(() => {}) // who asked knows it, and asks again
})

let release
let released = new Promise(resolve => { release = resolve })

function tell (what) {
  const who = waiting.shift()
  if (who !== undefined) who(what)
  else arrived.push(what)
}

const dial = async (to, protocol) => (await node.dial(multiaddr(to))).newStream(protocol)

const orders = {
  who: async () => ({ id: node.peerId.toString(), addrs: node.getMultiaddrs().map(String), versions: process.versions.node }),
  connect: async ({ to }) => { await node.dial(multiaddr(to)) },
  accept: async p => { policy = p },
  send: async o => send(await dial(o.to, FILEXFER), { ...o, bytes: await readFile(o.file), to: o.end }),
  sendFolder: async o => send(await dial(o.to, FILEXFER), { ...o, ...pack(o.entries), to: undefined }),
  received: async () => arrived.shift() ?? new Promise(resolve => waiting.push(resolve)),
  hold: async ({ conversation, interaction, ...how }) => {
    asked.length = 0
    held.set(`${conversation}/${interaction}`, how)
  },
  asked: async () => asked,
  goOn: async () => release(),
  ask: async o => ask(await dial(o.to, REREQUEST), { ...o, deviceId: o.deviceId ?? node.peerId.toString() }),
  meet: async ({ to }) => {
    const connection = await node.dial(multiaddr(to))
    const { agentVersion, protocolVersion, protocols } = await node.services.identify.identify(connection)
    const strange = await connection.newStream('/nobody/1.0.0').then(() => 'opened', err => err.name)
    await node.services.ping.ping(connection.remotePeer)
    return { security: connection.encryption, muxer: connection.multiplexer, agentVersion, protocolVersion, protocols, strange, connections: node.getConnections(connection.remotePeer).length }
  },
  publish: async ({ name }) => {
    const account = newAccount()
    const record = accountRecord(account, Buffer.from(node.peerId.publicKey.raw), name)
    await node.contentRouting.put(recordKey(account.key), record)
    return account.text
  },
  lookup: async ({ account }) => {
    const record = readRecord(await node.contentRouting.get(recordKey(keyOf(account))))
    return { ...record, seq: Number(record.seq), devices: record.devices.map(d => ({ name: d.name, key: d.device.toString('hex') })) }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line)
  orders[order.do](order).then(
    ok => console.log(JSON.stringify({ id: order.id, ok: ok ?? null })),
    err => console.log(JSON.stringify({ id: order.id, error: String(err?.stack ?? err) }))
  )
}
await node.stop()
