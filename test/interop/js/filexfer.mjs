// File transfer, both sides (docs/protocol.md, "File transfer"). Whole files are kept
// in memory: this is a witness of the protocol, not a way to carry large files.

import { listOf, rootOf, sha3of512, unitSum, UNIT } from './tree.mjs'
import { keysText, readKeys, Wire } from './wire.mjs'

export const FILEXFER = '/passeur/filexfer/1.0.0'

/**
 * Offers bytes and sends them when they are wanted.
 * sum: 'header', 'trailer', 'tree', 'follows' or 'none'. from and to cut a range.
 * manifest: so many bytes are a folder's. wrong: the last byte that is sent is another.
 * cut, abort, stall: after so many bytes the stream ends, is reset, or nothing more comes.
 * pause: after a unit wait for it. Gives the receiver's last word.
 */
export async function send (stream, { name, bytes, sum, from = 0, to = bytes.length, conversation, interaction, manifest, wrong, cut, abort, stall, pause }) {
  const wire = new Wire(stream)
  const list = listOf(bytes)
  const root = rootOf(list, bytes.length)
  const piece = bytes.subarray(from, to)
  const tree = sum === 'tree' || sum === 'follows'
  await wire.write(keysText({
    'Content-Length': piece.length,
    'Display-Name': name,
    Offset: from,
    'Sha3-512': sum === 'header' ? sha3of512(piece) : null,
    Trailer: sum === 'trailer' ? 'Sha3-512' : null,
    'Sha3-Tree': sum === 'tree' ? root : sum === 'follows' ? 'follows' : null,
    'Total-Size': tree ? bytes.length : null,
    Manifest: manifest,
    Conversation: conversation,
    Interaction: interaction
  }))
  const answer = await wire.line(256)
  if (answer !== 'GO' && !(tree && answer === 'GO sums')) {
    await wire.close()
    return answer
  }
  if (answer === 'GO sums') {
    await wire.write(keysText({ 'Sha3-Tree': root }))
    await wire.write(list)
  }
  const word = { enough: false }
  const over = lastWord(wire, word)
  const sent = sendAll(wire, wrong ? spoilt(piece) : piece.subarray(0, cut ?? abort ?? stall), word, pause)
  over.catch(() => {}) // whichever fails is told once
  sent.catch(() => {})
  await Promise.race([sent, over])
  if (abort != null) {
    wire.reset('the sender gives up')
    return 'given up'
  }
  if (cut == null) {
    if (sum === 'trailer' && !word.enough) await wire.write(`Sha3-512: ${sha3of512(piece)}\n`)
    await over
  }
  await wire.close()
  return cut == null ? over : 'broken off'
}

/** The verdict; word.enough is set when no more bytes are wanted. */
async function lastWord (wire, word) {
  for (;;) {
    const line = await wire.line(256)
    word.enough = true
    if (line !== 'ENOUGH') return line
  }
}

/** The bytes with another last one. */
function spoilt (bytes) {
  const copy = Buffer.from(bytes)
  copy[copy.length - 1] ^= 1
  return copy
}

async function sendAll (wire, piece, word, pause) {
  for (let at = 0; at < piece.length && !word.enough; at += 64 << 10) {
    if (at === UNIT) await pause
    await wire.write(piece.subarray(at, at + (64 << 10)))
  }
}

/**
 * Receives a file or a range of one. decide(offer) gives 'GO', 'GO sums' or a refusal.
 * abort: after so many bytes the stream is reset. hang: no verdict is given.
 * Gives the offer with the bytes and what was found out about them.
 */
export async function receive (stream, decide, { abort, hang } = {}) {
  const wire = new Wire(stream)
  const header = await readKeys(wire)
  const offer = {
    name: header.get('Display-Name') ?? '',
    size: Number(header.get('Content-Length')),
    offset: Number(header.get('Offset') ?? 0),
    sum: header.get('Sha3-512'),
    tree: header.get('Sha3-Tree'),
    trailer: header.get('Trailer'),
    manifest: Number(header.get('Manifest') ?? 0),
    conversation: header.get('Conversation'),
    interaction: header.get('Interaction')
  }
  offer.total = Number(header.get('Total-Size') ?? offer.offset + offer.size)
  const answer = decide(offer)
  await wire.write(`${answer}\n`)
  if (!answer.startsWith('GO')) {
    await wire.close()
    return { ...offer, verdict: answer }
  }
  const sums = answer === 'GO sums' ? await readSums(wire, offer) : null
  if (abort != null) {
    await wire.read(abort)
    throw new Error('the receiver gives up')
  }
  const bytes = await wire.read(offer.size)
  if (hang) await wire.read(1)
  const trailer = offer.trailer === 'Sha3-512' ? (await wire.line(256)).replace('Sha3-512: ', '') : null
  const wrong = fault(offer, bytes, sums, trailer)
  await wire.write(wrong === null ? 'OK\n' : 'BAD sum\n')
  await wire.close()
  return { ...offer, bytes, root: sums?.root, verdict: wrong ?? 'OK' }
}

async function readSums (wire, offer) {
  const head = await readKeys(wire)
  const list = await wire.read(32 * Math.ceil(offer.total / UNIT))
  return { root: head.get('Sha3-Tree'), interaction: head.get('Interaction'), list }
}

/** What is wrong with the bytes; null: nothing that can be checked. */
function fault (offer, bytes, sums, trailer) {
  const whole = sha3of512(bytes)
  if (offer.sum != null && offer.sum !== whole) return 'the announced SHA3-512 is another'
  if (trailer != null && trailer !== whole) return 'the SHA3-512 that followed is another'
  if (sums === null) return null
  if (rootOf(sums.list, offer.total) !== sums.root) return 'the list is not of the root'
  if (offer.tree !== 'follows' && offer.tree !== sums.root) return 'the root is not the offered one'
  for (let at = 0; at < bytes.length; at += UNIT) {
    const unit = (offer.offset + at) / UNIT
    if (!unitSum(bytes.subarray(at, at + UNIT)).equals(sums.list.subarray(32 * unit, 32 * unit + 32))) return `unit ${unit} is wrong`
  }
  return null
}
