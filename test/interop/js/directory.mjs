// Records on the DHT (docs/protocol.md, "Records on the DHT"): the account's, written
// and read.

import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'

const CERTIFICATE = Buffer.from('passeur/device-cert/1\0')
const RECORD = Buffer.from('passeur/account-record/1\0')
const CHECK = Buffer.from('passeur/account/1\0')
const PREFIX = '/passeur-acct/'

const sha3 = (...pieces) => pieces.reduce((h, p) => h.update(p), createHash('sha3-256')).digest()

/** A new account: its key, its text and how it signs. */
export function newAccount () {
  const pair = generateKeyPairSync('ed25519')
  const key = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x, 'base64url')
  return { key, text: textOf(key), sign: bytes => sign(null, bytes, pair.privateKey) }
}

function textOf (key) {
  return 'passeur:' + base32(Buffer.concat([key, sha3(CHECK, key).subarray(0, 4)]))
}

/** The key of an account that its text means. */
export function keyOf (text) {
  const bytes = fromBase32(text.replace('passeur:', ''))
  const key = bytes.subarray(0, 32)
  if (textOf(key) !== text) throw new Error(`no account: ${text}`)
  return key
}

/** The key of an account's record on the DHT. */
export function recordKey (account) {
  return Buffer.from(PREFIX + base32(sha3(account)))
}

/** The record of an account with one device, as bytes. */
export function accountRecord (account, device, name) {
  const now = BigInt(Date.now())
  const certificate = account.sign(Buffer.concat([CERTIFICATE, account.key, device]))
  const devices = Buffer.concat([device, uint64(now), short(Buffer.from(name)), certificate])
  const body = Buffer.concat([
    Buffer.from('PSA1'), account.key, uint64(now), uint64(now), long(devices), long(Buffer.alloc(0))
  ])
  return Buffer.concat([body, account.sign(Buffer.concat([RECORD, body]))])
}

/** What a record says; it throws if it is none, or is not signed. */
export function readRecord (bytes) {
  const raw = Buffer.from(bytes)
  const body = raw.subarray(0, raw.length - 64)
  if (raw.subarray(0, 4).toString() !== 'PSA1') throw new Error('no account record')
  const account = raw.subarray(4, 36)
  check(account, Buffer.concat([RECORD, body]), raw.subarray(raw.length - 64))
  const devices = []
  const end = 54 + raw.readUInt16BE(52)
  for (let at = 54; at < end;) {
    const device = raw.subarray(at, at + 32)
    const length = raw[at + 40]
    const name = raw.subarray(at + 41, at + 41 + length).toString()
    const certificate = raw.subarray(at + 41 + length, at + 105 + length)
    check(account, Buffer.concat([CERTIFICATE, account, device]), certificate)
    devices.push({ device, name })
    at += 105 + length
  }
  return { account: textOf(account), seq: raw.readBigUInt64BE(36), devices }
}

function check (key, message, signature) {
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(key).toString('base64url') }, format: 'jwk' })
  if (!verify(null, message, publicKey, signature)) throw new Error('a signature does not hold')
}

/** For the DHT: a record must be one, and belong under its key. */
export function validateRecord (key, value) {
  const { account } = readRecord(value)
  if (!recordKey(keyOf(account)).equals(Buffer.from(key))) throw new Error('the record belongs elsewhere')
}

/** For the DHT: the newest of several records. */
export function selectRecord (_, values) {
  const seqs = values.map(v => readRecord(v).seq)
  return seqs.reduce((best, seq, i) => seq > seqs[best] ? i : best, 0)
}

function uint64 (n) {
  const b = Buffer.alloc(8)
  b.writeBigUInt64BE(n)
  return b
}

const short = bytes => Buffer.concat([Buffer.of(bytes.length), bytes])
const long = bytes => Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes])

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

function base32 (bytes) {
  const bits = [...bytes].map(b => b.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map(five => LETTERS[parseInt(five.padEnd(5, '0'), 2)]).join('')
}

function fromBase32 (text) {
  const bits = [...text].map(c => LETTERS.indexOf(c).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => parseInt(byte, 2)))
}
