// File transfer, both sides (docs/protocol.md, "File transfer"). Whole files are kept
// in memory: this is a witness of the protocol, not a way to carry large files.

import { listOf, rootOf, sha3of512, unitSum, UNIT } from './tree.mjs'
import { keysText, readKeys, Wire } from './wire.mjs'

export const FILEXFER = '/passeur/filexfer/1.0.0'

/**
 * Offers bytes and sends them when they are wanted.
 * sum: 'header', 'trailer', 'tree', 'follows' or 'none'. from and to cut a range.
 * Gives the receiver's last word.
 */
export async function send (stream, { name, bytes, sum, from = 0, to = bytes.length, conversation, interaction }) {
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
  await sendWhile(wire, piece)
  if (sum === 'trailer') await wire.write(`Sha3-512: ${sha3of512(piece)}\n`)
  for (;;) {
    const verdict = await wire.line(256)
    if (verdict === 'ENOUGH') continue
    await wire.close()
    return verdict
  }
}

async function sendWhile (wire, piece) {
  for (let at = 0; at < piece.length; at += 64 << 10) await wire.write(piece.subarray(at, at + (64 << 10)))
}

/**
 * Receives a file or a range of one. decide(offer) gives 'GO', 'GO sums' or a refusal.
 * Gives the offer with the bytes and what was found out about them.
 */
export async function receive (stream, decide) {
  const wire = new Wire(stream)
  const header = await readKeys(wire)
  const offer = {
    name: header.get('Display-Name') ?? '',
    size: Number(header.get('Content-Length')),
    offset: Number(header.get('Offset') ?? 0),
    sum: header.get('Sha3-512'),
    tree: header.get('Sha3-Tree'),
    trailer: header.get('Trailer'),
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
  const bytes = await wire.read(offer.size)
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
