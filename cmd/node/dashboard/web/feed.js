// A plain account of what is going on at the node, newest first, and what of it a
// screen reader says aloud.
import { act, failure, isOffer, other, partState, step, whose } from './parts/words.js';
import { person, size, visible } from './parts/text.js';

/**
 * @typedef {object} Item
 * @property {number} n its number, ever growing
 * @property {string} time
 * @property {'info' | 'good' | 'bad' | 'ask'} tone
 * @property {string} text a sentence, already made visible
 */

const MOST = 200;

/** @type {Item[]} newest first */ export const items = [];
/** what a screen reader is to say */ export const spoken = { text: '' };
let count = 0;

/** @param {string} time @param {Item['tone']} tone @param {string} text @param {boolean} [aloud] */
function add(time, tone, text, aloud = true) {
  if (items[0]?.text === text) return;
  items.unshift({ n: ++count, time, tone, text });
  items.length = Math.min(items.length, MOST);
  if (aloud) spoken.text = text;
}

/** Begins with what became of the transfers until now. @param {import('./types').Transfer[]} transfers oldest first */
export function begin(transfers) {
  items.length = 0;
  const ended = transfers.filter((t) => t.ended || isOffer(t)).sort((a, b) => (a.updated < b.updated ? -1 : 1));
  for (const t of ended.slice(-30)) add(t.updated, toneOf(t), stands(t), false);
}

/** @param {import('./types').Transfer} t @returns {Item['tone']} */
function toneOf(t) { return isOffer(t) ? 'ask' : t.state === 'finished' ? 'good' : 'bad'; }

/** How a transfer stands, as a sentence. @param {import('./types').Transfer} t */
function stands(t) {
  const name = visible(t.name), who = other(t);
  if (isOffer(t)) return `${who} offers you ${name} (${size(t.size)}).`;
  if (t.state === 'finished' && t.direction === 'incoming') return `${name} (${size(t.size)}) has arrived from ${who}.`;
  if (t.state === 'finished') return `${name} (${size(t.size)}) has reached ${who}.`;
  return `${name}: ${failure(t).what}`;
}

/** @param {import('./types').NodeEvent} e */
export function stepOf(e) { return e.transfer ? step(e.transfer, e.phase ?? '', e.detail ?? '') : ''; }

/** Tells what an event means, given what was known before it. @param {import('./types').NodeEvent} e @param {typeof import('./state').state} before */
export function tell(e, before) {
  if (e.transfer) tellTransfer(e, e.transfer, before.transfers.get(e.transfer.id));
  if (e.contact) tellContact(e, e.contact, before.contacts.find((c) => c.account === e.contact?.account));
  if (e.message) tellMessage(e, e.message, before);
  if (e.device) tellDevice(e, e.device, before.devices.find((d) => d.id === e.device?.id));
  if (e.conversation && e.conversation.status === 'invited' && !before.conversations.some((c) => c.id === e.conversation?.id)) {
    add(e.time, 'ask', `You are invited to the group ${visible(e.conversation.name)}.`);
  }
}

/** @param {import('./types').NodeEvent} e @param {import('./types').Transfer} t @param {import('./types').Transfer | undefined} was */
function tellTransfer(e, t, was) {
  const name = visible(t.name);
  if (e.phase) add(e.time, 'info', `${name}: ${stepOf(e)}.`, false);
  for (const p of t.parts) {
    const before = was?.parts.find((q) => q.device === p.device);
    if (t.parts.length > 1 && before && before.state !== p.state) add(e.time, p.state === 'finished' ? 'good' : 'info', `${name}, ${whose(t, p)}: ${partState(p)}.`, false);
  }
  const decided = isOffer(t) !== (was !== undefined && isOffer(was)) && isOffer(t);
  const done = t.state === 'finished' ? was?.state !== 'finished' : t.ended && !was?.ended;
  if (decided || done) add(e.time, toneOf(t), stands(t));
  else if (t.state === 'ongoing' && was?.state !== 'ongoing') add(e.time, 'info', t.direction === 'incoming' ? `${name} is arriving from ${other(t)}.` : `${name} is on its way to ${other(t)}.`);
}

/** @param {import('./types').NodeEvent} e @param {import('./types').Contact} c @param {import('./types').Contact | undefined} was */
function tellContact(e, c, was) {
  const name = person(c.name);
  if (e.removed) add(e.time, 'info', `${name} is no contact any more.`);
  else if (c.state === 'pending' && was?.state !== 'pending') add(e.time, 'ask', `Somebody called ${name} asks to become your contact.`);
  else if (c.state === 'accepted' && was?.state !== 'accepted') add(e.time, 'good', `${name} is your contact now.`);
}

/** @param {import('./types').NodeEvent} e @param {import('./types').Message} m @param {typeof import('./state').state} before */
function tellMessage(e, m, before) {
  const own = m.account === before.node?.account;
  if (m.edit || own) return;
  if (m.type === 'text/plain') add(e.time, 'info', `${person(m.author)} wrote to you.`);
  else if (!m.file && m.action) add(e.time, 'info', act(m) + '.', false);
}

/** @param {import('./types').NodeEvent} e @param {import('./types').Device} d @param {import('./types').Device | undefined} was */
function tellDevice(e, d, was) {
  const name = visible(d.name);
  if (!was) add(e.time, 'good', `${name} is one of your devices now.`);
  else if (d.revoked && !was.revoked) add(e.time, 'info', `Your device ${name} was revoked.`);
  else if (d.connected !== was.connected && !d.self) add(e.time, 'info', `Your device ${name} is ${d.connected ? 'connected' : 'not connected any more'}.`, false);
}
