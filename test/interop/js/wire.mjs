// What both protocols have in common: lines, and bytes that are counted.

import { byteStream } from '@libp2p/utils'

/** A stream that is read by lines and by numbers of bytes. */
export class Wire {
  constructor (stream) {
    this.stream = stream
    this.bytes = byteStream(stream, { maxBufferSize: 64 << 20 })
  }

  /** The next bytes; fails if there are fewer. */
  async read (count) {
    return count === 0 ? Buffer.alloc(0) : Buffer.from((await this.bytes.read({ bytes: count })).subarray())
  }

  /** A line of at most max bytes, without its LF. */
  async line (max) {
    const line = []
    for (;;) {
      const [byte] = await this.read(1)
      if (byte === 0x0a) return Buffer.from(line).toString()
      line.push(byte)
      if (line.length >= max) throw new Error('a line is too long')
    }
  }

  async write (data) { await this.bytes.write(Buffer.from(data)) }

  async close () { await this.stream.close() }

  reset (why) { this.stream.abort(new Error(why)) }
}

/** Reads "Key: value" lines up to an empty one, 4096 bytes at most. */
export async function readKeys (wire) {
  const keys = new Map()
  for (let left = 4096; ;) {
    const line = await wire.line(left)
    left -= Buffer.byteLength(line) + 1
    if (line === '') {
      if (keys.size === 0) continue // a sender that still hashes
      return keys
    }
    const colon = line.indexOf(':')
    if (colon < 0) throw new Error(`no key: ${line}`)
    keys.set(line.slice(0, colon).trim(), unescape(line.slice(colon + 1).trim()))
  }
}

/** Text of "Key: value" lines; values that are null or undefined are left out. */
export function keysText (keys) {
  return Object.entries(keys).filter(([, v]) => v != null).map(([k, v]) => `${k}: ${escape(String(v))}\n`).join('') + '\n'
}

function escape (value) {
  return [...Buffer.from(value)].map((b, i, all) => {
    const hex = n => /[0-9A-Fa-f]/.test(String.fromCharCode(all[n] ?? 0))
    const edge = i === 0 || i === all.length - 1
    const special = b < 0x20 || b === 0x7f || (b === 0x20 && edge) || (b === 0x25 && hex(i + 1) && hex(i + 2))
    return Buffer.from(special ? `%${b.toString(16).toUpperCase().padStart(2, '0')}` : [b])
  }).reduce((all, b) => Buffer.concat([all, b]), Buffer.alloc(0)).toString()
}

function unescape (value) {
  const bytes = Buffer.from(value)
  const out = []
  for (let i = 0; i < bytes.length; i++) {
    const hex = bytes.subarray(i + 1, i + 3).toString()
    if (bytes[i] === 0x25 && /^[0-9A-Fa-f]{2}$/.test(hex)) {
      out.push(parseInt(hex, 16))
      i += 2
    } else out.push(bytes[i])
  }
  return Buffer.from(out).toString()
}
