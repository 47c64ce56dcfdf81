// Asking again, both sides (docs/protocol.md, "Asking again").

import { Wire } from './wire.mjs'

export const REREQUEST = '/passeur/rerequest/1.0.0'

/** Asks a holder for a file or a range of it, and gives its answer. */
export async function ask (stream, { conversation, interaction, deviceId, start, end }) {
  const wire = new Wire(stream)
  const text = Buffer.from(JSON.stringify({ conversation, interaction, deviceId, start: start?.toString(), end: end?.toString() }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  await wire.write(Buffer.concat([length, text]))
  const answer = await wire.line(256)
  await wire.close()
  return answer
}

/** Answers a request with what decide(request) gives: 'OK' or 'NO word'. */
export async function answer (stream, decide) {
  const wire = new Wire(stream)
  const length = (await wire.read(4)).readUInt32BE()
  if (length > 4096) {
    await wire.write('NO protocol\n')
    await wire.close()
    return null
  }
  const { conversation, interaction, deviceId, start, end } = JSON.parse((await wire.read(length)).toString())
  const request = { conversation, interaction, deviceId, start: Number(start ?? 0), end: Number(end ?? 0) }
  const word = decide(request)
  await wire.write(`${word}\n`)
  await wire.close()
  return word === 'OK' ? request : null
}
