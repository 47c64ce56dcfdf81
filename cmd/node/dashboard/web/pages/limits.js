// How fast files may go, and which come without asking.
import { html } from '../lib/lit-html/lit-html.js';
import { loadRules, setLimit } from '../actions.js';
import { head, name, who } from '../parts/bits.js';
import { every } from '../parts/every.js';
import { rateText, readRate, size, visible } from '../parts/text.js';
import { state } from '../state.js';
import { attempt, say, submitted, ui } from '../ui.js';

/** @typedef {import('../types').Limit} Limit */
/** @typedef {import('../types').Rule} Rule */

const look = every(15_000, () => ui.route.view === 'limits' && state.link === 'open', async () => { await loadRules().catch(() => {}); });

export function limits() {
  look();
  const known = state.limits.map((l) => l.account);
  const rest = state.contacts.filter((c) => c.state === 'accepted' && !known.includes(c.account)).map((c) => ({ contact: c.name, account: c.account, up: 0, down: 0 }));
  return html`${head('Limits and rules')}<div class="stack">
    <section aria-labelledby="limits"><h2 id="limits">Limits</h2>
      <p class="dim">They hold on the local network too, and for what is on its way now. Write for instance “2 MiB/s” or “500k”; empty is no limit.</p>
      <ul class="cards">${[...state.limits, ...rest].map(limit)}</ul></section>
    <section aria-labelledby="rules"><h2 id="rules">Rules</h2>${rules()}</section></div>`;
}

/** @param {Limit} l */
function limit(l) {
  const words = l.account === '' ? 'everybody together' : visible(l.contact);
  const go = (/** @type {FormData} */ f) => {
    const up = readRate(String(f.get('up') ?? '')), down = readRate(String(f.get('down') ?? ''));
    if (up === null || down === null) return say('A limit is a number with a unit, for instance 2 MiB/s or 500k; empty is no limit.', true);
    attempt(() => setLimit(l, up, down), `The limit for ${words} is changed.`);
  };
  return html`<li class="card"><form class="limit" @submit=${submitted(go)}>
    <p class="title grow">${l.account === '' ? 'Everybody together' : who(l.contact)}</p>
    <label>Sending <input name="up" .value=${rateText(l.up)} placeholder="no limit" autocomplete="off" aria-label="Sending, ${words}"></label>
    <label>Receiving <input name="down" .value=${rateText(l.down)} placeholder="no limit" autocomplete="off" aria-label="Receiving, ${words}"></label>
    <button>Set<span class="unseen"> the limit for ${words}</span></button></form></li>`;
}

function rules() {
  const r = state.rules;
  if (!r) return html`<p class="dim">Asking your node…</p>`;
  const otherwise = r.otherwise === 'accept' ? 'Files of contacts that no rule fits are accepted.' : 'Where no rule fits, you are asked.';
  return html`<p class="dim">They are in the config file, as [[rule]]. The first that fits an offer decides; strangers’ files are never taken by one. ${otherwise}${r.reserve > 0 ? ` ${size(r.reserve)} of the disk are kept free.` : ''}</p>
    ${r.rules.length === 0 ? html`<p class="card">There is none, so you are asked about each file${r.otherwise === 'accept' ? ' of strangers' : ''}.</p>` : html`<ol class="cards">${r.rules.map(rule)}</ol>`}`;
}

/** @type {Record<string, string>} */
const ACTIONS = { accept: 'Accepts', ask: 'Asks about', refuse: 'Refuses' };

/** A rule as a sentence. @param {Rule} r */
function rule(r) {
  const all = [
    r.type?.length ? `files of type ${r.type.join(', ')}` : 'files',
    r.from?.length && !r.from.includes('*') ? `from ${r.from.join(', ')}` : 'from any contact',
    r.verified ? 'who is verified' : '',
    r.device?.length ? `by the device ${r.device.join(', ')}` : '',
    r.conversation?.length ? `in ${r.conversation.join(', ')}` : '',
    r.max_size ? `up to ${amount(r.max_size)}` : '',
    r.folder ? `into ${r.folder}` : '',
  ].filter(Boolean).join(' ');
  return html`<li class="card"><div class="grow"><p class="title">${name(r.name)}</p><p>${ACTIONS[r.action || 'accept'] ?? r.action} ${visible(all)}.</p></div>
    <p class="dim">${size(r.used)}${r.quota ? ` of ${amount(r.quota)}` : ''}<br>in 30 days</p></li>`;
}

/** @param {string | number} bytes */
function amount(bytes) { return typeof bytes === 'number' ? size(bytes) : visible(bytes); }
