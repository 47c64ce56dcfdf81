// What the page knows of its node, and who is told when that changes. Views read it;
// only this file and actions.js write what the node said.
import { call } from './api.js';
import * as feed from './feed.js';
import { note, forget } from './rates.js';

/**
 * @typedef {object} Talk the part of a conversation's history that is here
 * @property {import('./types').Message[]} messages oldest first
 * @property {boolean} more there are older ones
 */

export const state = {
  /** @type {'signed-out' | 'connecting' | 'open' | 'lost'} */ link: 'connecting',
  /** why one has to sign in */ refused: '',
  loaded: false,
  /** @type {import('./types').Node | null} */ node: null,
  /** @type {import('./types').Contact[]} */ contacts: [],
  /** @type {import('./types').Device[]} */ devices: [],
  /** @type {import('./types').Conversation[]} */ conversations: [],
  /** @type {Map<string, import('./types').Transfer>} by id, newest last */ transfers: new Map(),
  /** @type {Map<string, string>} the last step of a transfer, in words */ steps: new Map(),
  /** @type {Map<string, import('./types').Pairing>} */ pairings: new Map(),
  /** @type {import('./types').HeldFile[]} */ files: [],
  /** @type {import('./types').Message[]} */ missed: [],
  /** @type {Map<string, Talk>} */ talks: new Map(),
  /** @type {Map<string, import('./types').Explanation>} by account */ reaches: new Map(),
  /** @type {import('./types').Limit[]} */ limits: [],
  /** @type {import('./types').Rules | null} */ rules: null,
  /** @type {import('./types').Checkup | null} */ checkup: null,
};

/** @type {() => void} */ let draw = () => {};
let asked = false;

/** @param {() => void} f draws the page */
export function onChange(f) { draw = f; }

/** Has the page drawn once more, soon. */
export function changed() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => { asked = false; draw(); });
}

/** @type {Set<string>} conversations whose messages are asked for */ const loading = new Set();

const PAGE = 50, MOST = 500; // messages of one answer

/** Reads everything anew. */
export async function load() {
  const [node, contacts, devices, conversations, transfers, pairings, files, missed] = await Promise.all([
    call('GET', '/v1/node'), call('GET', '/v1/contacts'), call('GET', '/v1/devices'), call('GET', '/v1/conversations'),
    call('GET', '/v1/transfers'), call('GET', '/v1/pairings'), call('GET', '/v1/files'), call('GET', '/v1/files/missed'),
  ]);
  Object.assign(state, { node, contacts, devices, conversations, files, missed });
  state.transfers = new Map(/** @type {import('./types').Transfer[]} */ (transfers).map((t) => [t.id, t]));
  state.pairings = new Map(/** @type {import('./types').Pairing[]} */ (pairings).map((p) => [p.id, p]));
  feed.begin([...state.transfers.values()]);
  await Promise.all([...state.talks.keys()].map(loadTalk));
  state.loaded = true;
  changed();
}

/** Reads the newest messages of a conversation. @param {string} id */
export async function loadTalk(id) {
  loading.add(id);
  const limit = Math.min(Math.max(PAGE, state.talks.get(id)?.messages.length ?? 0), MOST);
  /** @type {import('./types').Message[]} */
  const messages = await call('GET', `/v1/conversations/${id}/messages?limit=${limit}`);
  state.talks.set(id, { messages, more: messages.length === limit });
  loading.delete(id);
  changed();
}

/** Reads the messages before those that are here. @param {string} id */
export async function loadOlder(id) {
  const talk = state.talks.get(id);
  if (!talk) return loadTalk(id);
  /** @type {import('./types').Message[]} */
  const older = await call('GET', `/v1/conversations/${id}/messages?limit=${PAGE}&before=${talk.messages[0]?.id ?? ''}`);
  state.talks.set(id, { messages: [...older, ...talk.messages], more: older.length === PAGE });
  changed();
}

/** Reads which files lie here and which were missed. */
export async function loadFiles() {
  [state.files, state.missed] = await Promise.all([call('GET', '/v1/files'), call('GET', '/v1/files/missed')]);
  changed();
}

/** Takes over what happened. @param {import('./types').NodeEvent} e */
export function apply(e) {
  if (!stale(e)) feed.tell(e, state);
  if (e.transfer) applyTransfer(e.transfer, e);
  if (e.contact) applyContact(e.contact, e.removed === true);
  if (e.message) applyMessage(e.message);
  if (e.conversation) applyConversation(e.conversation);
  if (e.pairing) applyPairing(e.pairing);
  if (e.device) state.devices = replaced(state.devices, e.device, (d) => d.id);
  changed();
}

/** Whether an answer to the page overtook the event. @param {import('./types').NodeEvent} e */
function stale(e) {
  const known = e.transfer && state.transfers.get(e.transfer.id);
  return known !== undefined && e.transfer !== undefined && e.transfer.updated < known.updated;
}

/** @param {import('./types').Transfer} t @param {import('./types').NodeEvent} e */
function applyTransfer(t, e) {
  const before = state.transfers.get(t.id);
  if (stale(e)) return;
  state.transfers.set(t.id, t);
  if (e.phase) state.steps.set(t.id, feed.stepOf(e));
  const at = new Date(e.time).getTime();
  note(t.id, t.bytes, at);
  for (const p of t.parts) note(`${t.id}/${p.device}`, p.bytes, at);
  if (!before || t.ended !== before.ended) soon(loadFiles); // what is offered or asked for is not missed
  if (!t.ended) return;
  state.steps.delete(t.id);
  forget(t.id);
}

/** @param {import('./types').Contact} c @param {boolean} removed */
function applyContact(c, removed) {
  state.contacts = removed ? state.contacts.filter((o) => o.account !== c.account) : replaced(state.contacts, c, (o) => o.account);
  soon(loadConversations);
}

/** @param {import('./types').Message} m */
function applyMessage(m) {
  const talk = state.talks.get(m.conversation);
  const last = talk?.messages.at(-1);
  const further = last && (m.edit || m.late || m.time < last.time); // it changes another, or stands further up
  if (further || loading.has(m.conversation)) soon(loadTalk, m.conversation);
  else if (talk) talk.messages = replaced(talk.messages, m, (o) => o.id);
  soon(loadConversations);
  if (m.file || m.edit) soon(loadFiles);
}

/** @param {import('./types').Conversation} c */
function applyConversation(c) {
  state.conversations = replaced(state.conversations, c, (o) => o.id);
  if (state.talks.has(c.id)) soon(loadTalk, c.id);
}

/** @param {import('./types').Pairing} p */
export function applyPairing(p) {
  state.pairings.set(p.id, p);
  if (p.state === 'done') soon(loadPeople);
  changed();
}

async function loadPeople() {
  [state.contacts, state.devices] = await Promise.all([call('GET', '/v1/contacts'), call('GET', '/v1/devices')]);
  changed();
}

async function loadConversations() {
  state.conversations = await call('GET', '/v1/conversations');
  changed();
}

/** The list with x in the place of its namesake, or at the end. @template T @param {T[]} all @param {T} x @param {(x: T) => string} key */
export function replaced(all, x, key) {
  const at = all.findIndex((o) => key(o) === key(x));
  return at < 0 ? [...all, x] : all.with(at, x);
}

/** @type {Set<string>} */ const waiting = new Set();

/**
 * Reads a list once, however many events ask for it at a time.
 * @param {(arg: string) => Promise<void>} f
 * @param {string} [arg]
 */
function soon(f, arg = '') {
  const key = f.name + ' ' + arg;
  if (waiting.has(key)) return;
  waiting.add(key);
  setTimeout(() => {
    waiting.delete(key);
    f(arg).catch(() => {}); // the stream finds out too, and everything is read anew
  }, 100);
}

/** A conversation by its id. @param {string} id */
export function conversation(id) { return state.conversations.find((c) => c.id === id); }

/** The conversation with one contact. @param {string} account */
export function talkWith(account) {
  return state.conversations.find((c) => c.mode === 'one-to-one' && c.renewed === '' && c.members.some((m) => m.account === account && !m.self));
}
