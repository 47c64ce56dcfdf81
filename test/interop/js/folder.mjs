// Folders (docs/protocol.md, "Folders"): the manifest, written and read. It is made of
// entries in order: {name, entries} for a folder, {name, bytes} for a file, {name,
// target} for a symbolic link.

import { listOf, rootOf } from './tree.mjs'

const TITLE = Buffer.from('passeur folder 1\n')
const MODIFIED = Buffer.from('0d9dd3bdf8051b00', 'hex') // 2001-02-03 04:05:06.7 UTC

/** The virtual file of a folder, and how many of its bytes are the manifest. */
export function pack (entries) {
  const files = []
  const head = Buffer.concat([TITLE, contents(entries, files)])
  return { bytes: Buffer.concat([head, ...files]), manifest: head.length }
}

function contents (entries, files) {
  return Buffer.concat([...entries.map(e => entry(e, files)), Buffer.from('.')])
}

function entry ({ name, entries, bytes, target }, files) {
  if (entries != null) return Buffer.concat([Buffer.from('d'), text(name), MODIFIED, contents(entries, files)])
  if (target != null) return Buffer.concat([Buffer.from('l'), text(name), text(target)])
  const content = Buffer.from(bytes)
  files.push(content)
  const root = Buffer.from(rootOf(listOf(content), content.length), 'hex')
  return Buffer.concat([Buffer.from('f'), text(name), MODIFIED, varint(content.length), root])
}

function text (s) {
  const bytes = Buffer.from(s)
  return Buffer.concat([varint(bytes.length), bytes])
}

function varint (n) {
  const out = []
  for (; n >= 0x80; n = Math.floor(n / 0x80)) out.push(n % 0x80 + 0x80)
  return Buffer.from([...out, n])
}

/**
 * Takes a virtual file apart: {path: text} of its files and links ("-> target"). It
 * throws if the manifest is none, or a file has another root than it says.
 */
export function unpack (virtual, manifest) {
  const r = new Reader(virtual.subarray(0, manifest))
  if (!r.take(TITLE.length).equals(TITLE)) throw new Error('no manifest')
  const found = {}
  let at = manifest
  const walk = path => {
    for (;;) {
      const kind = r.take(1).toString()
      if (kind === '.') return
      const name = path + r.take(r.varint()).toString()
      if (kind === 'l') {
        found[name] = '-> ' + r.take(r.varint()).toString()
        continue
      }
      r.take(8)
      if (kind === 'd') {
        walk(name + '/')
        continue
      }
      if (kind !== 'f' && kind !== 'x') throw new Error(`an entry of kind ${kind}`)
      const bytes = virtual.subarray(at, at += r.varint())
      if (r.take(32).toString('hex') !== rootOf(listOf(bytes), bytes.length)) throw new Error(`${name} has another root`)
      found[name] = bytes.toString()
    }
  }
  walk('')
  if (r.left() !== 0 || at !== virtual.length) throw new Error('bytes are left over')
  return found
}

class Reader {
  constructor (bytes) { this.bytes = bytes }

  left () { return this.bytes.length }

  take (n) {
    if (n > this.bytes.length) throw new Error('the manifest is cut short')
    const got = this.bytes.subarray(0, n)
    this.bytes = this.bytes.subarray(n)
    return got
  }

  varint () {
    for (let n = 0, unit = 1; ; unit *= 0x80) {
      const [byte] = this.take(1)
      n += (byte & 0x7f) * unit
      if (byte < 0x80) return n
    }
  }
}
