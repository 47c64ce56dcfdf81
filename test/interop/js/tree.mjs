// The tree of sums of a file (docs/protocol.md, "Trees of sums").

import { createHash } from 'node:crypto'

export const UNIT = 1 << 20
const PART = 128 << 10

function sha3 (...pieces) {
  const hash = createHash('sha3-256')
  for (const p of pieces) hash.update(p)
  return hash.digest()
}

function * cut (bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** The sum of one unit: 1 to 1,048,576 bytes. */
export function unitSum (bytes) {
  const parts = [...cut(bytes, PART)].map(p => sha3(p, Uint8Array.of(0)))
  return sha3(...parts, Uint8Array.of(1))
}

/** The sums of all units, one after the other. */
export function listOf (bytes) {
  return Buffer.concat([...cut(bytes, UNIT)].map(unitSum))
}

/** The root of the list of a file of so many bytes, in hex. */
export function rootOf (list, size) {
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(size))
  return sha3(list, length, Uint8Array.of(2)).toString('hex')
}

/** SHA3-512 in hex. */
export function sha3of512 (bytes) {
  return createHash('sha3-512').update(bytes).digest('hex')
}
