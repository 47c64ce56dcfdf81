// What happened, to whom, and what to do next, as sentences. The commands say the
// same (package show).
import { count, person, size, shortDevice, visible } from './text.js';

/** @typedef {import('../types').Transfer} Transfer */
/** @typedef {import('../types').Part} Part */

/** Whom an outgoing file goes to, or who sends an incoming one. @param {Transfer} t */
export function other(t) {
  if (t.contact !== '') return person(t.contact);
  return t.direction === 'outgoing' ? 'whoever enters the code' : 'somebody with a code';
}

/** @param {Transfer} t */
export function toGroup(t) { return t.direction === 'outgoing' && t.account === '' && t.conversation !== ''; }

/** @param {Transfer} t */
export function isOffer(t) { return t.direction === 'incoming' && t.state === 'awaiting-host' && !t.ended; }

/** @param {Transfer} t */
export function went(t) { return t.state === 'finished'; }

/** Which device: by its owner, if no other is his. @param {Transfer} t @param {Part} p */
export function whose(t, p) {
  const name = p.contact === '' ? 'the other device' : person(p.contact);
  const alone = !t.parts.some((q) => q.account === p.account && q.device !== p.device);
  return alone ? name : `${name} (${shortDevice(p.device)})`;
}

/** What one device makes of the file. @param {Part} p */
export function partState(p) {
  switch (p.state) {
    case 'invalid': case 'created': return 'not asked yet';
    case 'awaiting-peer': return 'asked, no answer yet';
    case 'ongoing': return 'receiving';
    case 'finished': return 'has it, every byte verified';
  }
  switch (p.code) {
    case 'refused': return 'refused';
    case 'cancelled': return p.state === 'closed-by-peer' ? 'cancelled there' : 'cancelled here';
    case 'unjoinable': return 'could not be reached';
    case 'timeout': return 'did not decide in time';
    case 'bad-sum': return 'got something else than was announced';
    case 'lost': return `the connection broke after ${size(p.bytes)}`;
  }
  return 'failed';
}

/** How a transfer stands, in a few words. @param {Transfer} t */
export function stateWords(t) {
  if (isOffer(t)) return 'waits for your answer';
  if (went(t)) return wentWords(t);
  if (t.ended) return 'ended';
  switch (t.state) {
    case 'invalid': case 'created': return t.direction === 'incoming' ? 'waits for a device that has it' : 'getting ready';
    case 'awaiting-peer': return 'waits for an answer';
    case 'ongoing': return t.direction === 'incoming' ? 'receiving' : 'sending';
  }
  return 'goes on';
}

/** @param {Transfer} t */
function wentWords(t) {
  if (t.direction === 'incoming') return 'received, every byte verified';
  if (t.parts.length < 2) return 'delivered, every byte verified';
  return answers(t);
}

/** How many devices have it. @param {Transfer} t */
export function answers(t) {
  const have = t.parts.filter((p) => p.state === 'finished').length;
  return `${have} of ${count(t.parts.length, 'device')} ${have === 1 ? 'has' : 'have'} it`;
}

/** Whether the end is that of several devices, which say more together. @param {Transfer} t */
function listed(t) {
  return t.parts.length > 1 && !(t.state === 'closed-by-host' && t.code === 'cancelled') && t.code !== 'bad-path';
}

/** How it ended badly, and what to do next. @param {Transfer} t @returns {{ what: string, next: string }} */
export function failure(t) {
  const who = other(t), incoming = t.direction === 'incoming', again = againWords(t);
  if (listed(t)) return { what: 'No device got it.', next: again };
  switch (t.code) {
    case 'refused': return { what: incoming ? 'You refused it.' : `${who} refused it.`, next: '' };
    case 'cancelled': return { what: t.state === 'closed-by-peer' ? `${who} cancelled it.` : 'It was cancelled here.', next: '' };
    case 'unjoinable': return { what: `${who} could not be reached.`, next: again };
    case 'bad-sum': return { what: 'What arrived is not what was announced, so nothing was kept.', next: again };
    case 'withdrawn': return { what: 'Its author has taken it back.', next: '' };
    case 'timeout': return { what: 'Nobody decided in time.', next: again };
    case 'lost': return { what: `The connection broke after ${size(t.bytes)} of ${size(t.size)}.`, next: again };
    case 'bad-path': return { what: sentence(t.reason || 'The file cannot be read or written on this machine.'), next: incoming ? 'Make room or choose another folder, then ask again.' : 'Check the file and send it again.' };
    case 'interrupted': return { what: 'The node stopped in the middle.', next: again };
  }
  return { what: sentence(t.reason || 'It failed.'), next: again };
}

/** How the file can come yet. @param {Transfer} t */
function againWords(t) {
  const who = other(t);
  if (t.entry === '') return t.direction === 'incoming' ? `Ask ${who} to send it again.` : 'Send it again when the other node runs.';
  if (t.direction === 'incoming') return '“Ask again” gets it from whoever has it.';
  return `It stays in the conversation: ${toGroup(t) ? 'the others' : who} can get it for as long as it lies here unchanged.`;
}

/** @param {string} text of the node, perhaps with a peer's words in it */
export function sentence(text) {
  const shown = visible(text.replaceAll('\n', '; '));
  const first = shown.slice(0, 1).toUpperCase() + shown.slice(1);
  return /[.!?…”]$/.test(first) ? first : first + '.';
}

/** @type {Record<string, string>} */
const PATHS = {
  direct: 'a connection straight to the other device',
  punched: 'straight to the other device, through the routers of both sides',
  mapped: 'straight to the other device, through a port that a router forwards',
  relayed: 'through a relay, which sees only encrypted bytes',
};

/** What a path means. @param {string} path @param {import('../types').PathDetails | null} d */
export function pathWords(path, d) {
  const words = PATHS[path] ?? '';
  const via = d?.relay ? ` (${visible(d.relay.replaceAll('?transport=tcp', ''))})` : '';
  const facts = [d?.rtt_ms ? `round trip ${d.rtt_ms < 10 ? d.rtt_ms.toFixed(1) : Math.round(d.rtt_ms)} ms` : '', d ? [d.tls_version, d.tls_group].filter(Boolean).join(', ') : ''];
  return [words + via, ...facts].filter(Boolean).map(visible).join('; ');
}

/** A step towards a connection. @param {Transfer} t @param {string} phase @param {string} detail */
export function step(t, phase, detail) {
  const who = other(t), more = detail ? ` (${visible(detail)})` : '';
  switch (phase) {
    case 'sum': return 'reading the file';
    case 'ask': return detail ? visible(detail) : 'asking for the file';
    case 'link': return 'opening one more connection';
    case 'lookup': return `looking for a device of ${who}`;
    case 'found': return `found a device of ${who}`;
    case 'sealed': return `left a sealed connection offer for ${who}${more}`;
    case 'answered': return `${who} answered`;
    case 'pair': return `found addresses that reach each other${more}`;
    case 'tls': return `encrypted connection to ${who} stands${more}`;
    case 'go': return t.direction === 'incoming' ? 'the bytes may come' : `${who} takes it`;
    case 'verified': return 'every byte verified';
  }
  return visible(phase) + more;
}

/** @type {Record<string, string>} what to do about a problem of this code */
const NEXT = {
  gone: 'The page tries again by itself; “passeur run” starts the node.',
  'bad-code': 'Check the words; nothing was used up.',
  'used-code': 'Each code works once, for some minutes. Ask for a new one.',
  'burnt-code': 'Ask for a new one.',
  'wrong-code': 'The code is burnt. Ask for a new one.',
  'expired-code': 'Show a new one.',
  'wrong-purpose': 'Ask the other side which kind of code it is: contact, device, or file.',
  'own-code': 'Enter it on the other device.',
  'pairing-runs': 'End the one that is shown first.',
  offline: 'Check this machine’s network; Doctor tells more.',
  'not-met': 'See Doctor for what stands in the way.',
  'name-taken': 'Choose another name.',
  'not-accepted': 'Wait until they have accepted you as a contact.',
  'unknown-contact': 'People lists whom you know.',
  'not-keeper': 'Do it on a device that holds the account’s key.',
  'bad-file': 'Check the path and try again.',
  'bad-limit': 'The least is 16 KiB/s; leave it empty for no limit.',
};

/** A problem as what happened and what to do. @param {unknown} err */
export function problemWords(err) {
  const p = /** @type {{ code?: string, message?: string }} */ (err);
  return [sentence(p.message || String(err)), NEXT[p.code ?? ''] ?? ''].filter(Boolean).join(' ');
}

/** How far a pairing is. @param {import('../types').Pairing} p */
export function pairingWords(p) {
  const shown = p.code !== '' || p.qr !== '';
  switch (p.state) {
    case 'waiting': return 'Waits for somebody to enter the code.';
    case 'exchange': return shown ? 'Somebody entered a code; each side proves to the other that it is this one.' : 'Looking for the device that shows the code.';
    case 'connect': return 'Both know the code; connecting.';
    case 'done': return pairedWords(p);
    case 'cancelled': return 'The code was cancelled; it is burnt.';
  }
  return p.reason ? sentence(p.reason) : 'It failed; the code is burnt.';
}

/** @param {import('../types').Pairing} p */
function pairedWords(p) {
  if (p.device) return `${visible(p.device.name)} is one of your devices now.`;
  if (p.contact) return `${visible(p.contact.name)} is a contact now; you can send each other files and messages.`;
  return p.purpose === 'file' ? 'The code was right; the transfer goes on by itself.' : 'Done.';
}

/** A control entry as a sentence. @param {import('../types').Message} m */
export function act(m) {
  const who = m.author === 'you' ? 'You' : person(m.author), whom = person(m.target_name);
  switch (m.action) {
    case 'initial': return m.text ? `${who} made the group ${visible(m.text)}` : `${who} began the conversation`;
    case 'invite': return `${who} invited ${whom}`;
    case 'join': return `${who} joined`;
    case 'leave': return `${who} left`;
    case 'remove': return `${who} removed ${whom}`;
    case 'ban': return `${who} banned ${whom}`;
    case 'unban': return `${who} lifted the ban on ${whom}`;
    case 'promote': return `${who} made ${whom} an admin`;
    case 'demote': return `${who} made ${whom} an ordinary member`;
  }
  return `${who}: ${visible(m.action || m.type)}`;
}

