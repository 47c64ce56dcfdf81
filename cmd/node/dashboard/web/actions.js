// What the user can have the node do. Each gives the node's answer and has the page
// know of it at once; the events tell the rest.
import { call } from './api.js';
import { apply, applyPairing, changed, loadTalk, replaced, state } from './state.js';

/** @typedef {import('./types').Transfer} Transfer */

const at = (/** @type {string} */ path, /** @type {string[]} */ ...segments) => path + segments.map((s) => '/' + encodeURIComponent(s)).join('');

/** @param {Transfer} t */
function known(t) {
  apply({ time: new Date().toISOString(), transfer: t });
  return t;
}

/** @param {string} id */
export const accept = async (id) => known(await call('POST', at('/v1/transfers', id, 'accept'), { path: '' }));
/** @param {string} id */
export const refuse = async (id) => known(await call('POST', at('/v1/transfers', id, 'refuse')));
/** @param {string} id */
export const cancel = async (id) => known(await call('POST', at('/v1/transfers', id, 'cancel')));

/** @typedef {{ contact: string, file?: string, uploads?: string[] }} NewTransfer */

/** Offers files; a request that is repeated offers them once. @param {NewTransfer} what */
export async function send(what) {
  return known(await call('POST', '/v1/transfers', what, { 'Idempotency-Key': crypto.randomUUID() }));
}

/** Offers files to whoever enters a code. @param {{ file?: string, uploads?: string[], lifetime: string }} what */
export async function sendByCode(what) {
  /** @type {Transfer & { pairing: import('./types').Pairing }} */
  const answer = await call('POST', '/v1/transfers', { ...what, code: true }, { 'Idempotency-Key': crypto.randomUUID() });
  const { pairing, ...transfer } = answer;
  known(transfer);
  applyPairing(pairing);
  return pairing;
}

/** @param {string} code */
export async function receive(code) { return paired(await call('POST', '/v1/receive', { code, path: '' })); }

/** Asks the members of a conversation for one of its files. @param {string} conversation @param {string} entry */
export async function getFile(conversation, entry) {
  return known(await call('POST', '/v1/files', { conversation, file: entry, path: '' }));
}

/** Has the browser save a copy of a file that lies at the node. @param {string} id of the transfer */
export async function saveCopy(id) {
  const { url } = await call('POST', '/v1/tickets', { path: at('/v1/transfers', id, 'content') });
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  link.click();
}

/** @param {import('./types').Pairing} p */
function paired(p) {
  applyPairing(p);
  return p;
}

/** Shows a one-time code (code is ""), or enters one. @param {{ purpose: string, code?: string, name?: string, keeper?: boolean }} what */
export async function pair(what) { return paired(await call('POST', '/v1/pairings', what)); }

/** @param {string} id */
export async function cancelPairing(id) { return paired(await call('POST', at('/v1/pairings', id, 'cancel'))); }

/** @param {string} account @param {string} name */
export async function addContact(account, name) { contact(await call('POST', '/v1/contacts', { account, name })); }

/** @param {string} account @param {string} name */
export async function acceptContact(account, name) { contact(await call('POST', at('/v1/contacts', account, 'accept'), { name })); }

/** @param {import('./types').Contact} c */
function contact(c) { apply({ time: new Date().toISOString(), contact: c }); }

/** @param {import('./types').Contact} c */
export async function removeContact(c) {
  await call('DELETE', at('/v1/contacts', c.account));
  apply({ time: new Date().toISOString(), contact: c, removed: true });
}

/** Notes whether the user has found a contact's account to be the same on their side. @param {import('./types').Contact} c @param {boolean} verified */
export async function verifyContact(c, verified) { contact(await call('POST', at('/v1/contacts', c.account, 'verify'), { verified })); }

/** @param {string} id */
export async function revokeDevice(id) {
  apply({ time: new Date().toISOString(), device: await call('DELETE', at('/v1/devices', id)) });
}

/** How the devices of a contact are reached now. @param {import('./types').Contact} c */
export async function explain(c) {
  state.reaches.set(c.account, await call('GET', '/v1/path?contact=' + encodeURIComponent(c.account)));
  changed();
}

/** @param {string} id @param {string} text */
export async function write(id, text) { message(await call('POST', at('/v1/conversations', id, 'messages'), { text })); }

/** @param {import('./types').Message} m @param {string} text */
export async function edit(m, text) {
  await call('PUT', at('/v1/conversations', m.conversation, 'messages', m.id), { text });
  await loadTalk(m.conversation);
}

/** @param {import('./types').Message} m */
export async function takeBack(m) {
  await call('DELETE', at('/v1/conversations', m.conversation, 'messages', m.id));
  await loadTalk(m.conversation);
}

/** @param {import('./types').Message} m */
function message(m) { apply({ time: new Date().toISOString(), message: m }); }

/** @param {string} name @param {string[]} contacts */
export async function createGroup(name, contacts) { return conversation(await call('POST', '/v1/conversations', { name, contacts })); }

/** @param {string} id @param {'accept' | 'leave' | 'renew'} what */
export async function change(id, what) { return conversation(await call('POST', at('/v1/conversations', id, what))); }

/** @param {string} id @param {string} action @param {string} who */
export async function changeMember(id, action, who) { return conversation(await call('POST', at('/v1/conversations', id, 'members'), { action, who })); }

/** Asks for a conversation by an id that is not in the list; the answer is the one that is used. @param {string} id */
export async function findConversation(id) { return conversation(await call('GET', at('/v1/conversations', id))); }

/** Asks for a transfer that is not in the list. @param {string} id */
export async function findTransfer(id) { return known(await call('GET', at('/v1/transfers', id))); }

/** @param {import('./types').Conversation} c */
function conversation(c) {
  apply({ time: new Date().toISOString(), conversation: c });
  return c;
}

export async function loadRules() {
  state.limits = await call('GET', '/v1/limits');
  changed();
  state.rules = await call('GET', '/v1/rules');
  changed();
}

/** @param {import('./types').Limit} of whom @param {number} up @param {number} down bytes a second, 0 for no limit */
export async function setLimit(of, up, down) {
  state.limits = replaced(state.limits, await call('PATCH', '/v1/limits', { contact: of.account, up, down }), (l) => l.account);
  changed();
}

export async function checkUp() {
  state.checkup = null;
  changed();
  state.checkup = await call('GET', '/v1/doctor');
  changed();
}
