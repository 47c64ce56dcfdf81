// Contacts: who they are, whether a connection to them stands, who asks to become one.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { acceptContact, addContact, explain, removeContact } from '../actions.js';
import { badge, empty, head, name, sign, who } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { enterCode, makeCode } from '../parts/pairing.js';
import { sendDialog } from '../parts/send.js';
import { person, visible } from '../parts/text.js';
import { state, talkWith } from '../state.js';
import { attempt, close, open, submitted, ui } from '../ui.js';
import { every } from '../parts/every.js';
import { onePerson, verifiedMark } from './person.js';

/** @typedef {import('../types').Contact} Contact */

const EVERY = 10_000; // ms between looks at how contacts are reached
const look = every(EVERY, () => ui.route.view === 'people' && state.link === 'open', async () => {
  await Promise.all(state.contacts.filter((c) => c.state === 'accepted').map((c) => explain(c).catch(() => {})));
});

export function people() {
  look();
  if (ui.route.arg !== '') return onePerson(ui.route.arg);
  const asking = state.contacts.filter((c) => c.state === 'pending');
  const others = state.contacts.filter((c) => c.state !== 'pending').sort((a, b) => a.name.localeCompare(b.name));
  return html`${head('People', html`<button @click=${() => enterCode('contact')}>Enter a code</button><button class="main" @click=${meet}>${icon('plus')}Show a code</button>`)}
    <div class="stack">
    ${asking.length > 0 ? html`<section aria-labelledby="asking"><h2 id="asking">Asking to be your contact</h2><ul class="cards">${repeat(asking, (c) => c.account, request)}</ul></section>` : nothing}
    ${others.length > 0 ? html`<ul class="cards people">${repeat(others, (c) => c.account, contact)}</ul>` : asking.length > 0 ? nothing : empty('people', 'Nobody here yet',
      'People become contacts by a code: one of you shows it, the other enters it. No server keeps a list of who knows whom.',
      html`<button class="main" @click=${meet}>Show a code</button><button @click=${() => enterCode('contact')}>Enter a code</button>`)}
    <details class="aside"><summary>Add by account, without a code</summary>${byAccount()}</details>
    </div>`;
}

function meet() {
  open({ title: 'Show a contact code', body: () => html`<form class="stack" @submit=${submitted((f) => { makeCode('contact', { name: String(f.get('name') ?? '').trim() }); })}>
    <label>What you want to call them <input name="name" autocomplete="off" placeholder="what they call themselves"></label>
    <div class="row end"><button type="button" @click=${close}>Not now</button><button class="main">Show the code</button></div></form>` });
}

/** @param {Contact} c */
function request(c) {
  const go = (/** @type {FormData} */ f) => { attempt(() => acceptContact(c.account, String(f.get('name') ?? '').trim())); };
  return html`<li class="card">${sign(c.name, c.account)}<div class="grow"><p class="title">${name(c.name)}</p>
    <p class="dim">calls itself so; that proves nothing. Ask them for their account: <bdi class="mono">${visible(c.account)}</bdi></p>
    <form class="row" @submit=${submitted(go)}><label class="grow"><span class="unseen">What you want to call them</span><input name="name" placeholder="your name for them" autocomplete="off"></label>
      <button class="main">Accept<span class="unseen"> ${visible(c.name)}</span></button><button type="button" @click=${() => attempt(() => removeContact(c))}>Refuse<span class="unseen"> ${visible(c.name)}</span></button></form></div></li>`;
}

/** @param {Contact} c */
function contact(c) {
  const talk = talkWith(c.account);
  return html`<li class="card">${sign(c.name, c.account)}<div class="grow"><p class="title">${who(c.name)} ${verifiedMark(c)}</p>${c.state === 'requested' ? html`<p class="dim">has not accepted yet; passeur asks again by itself</p>` : presence(c)}</div>
    <div class="row buttons">
      ${talk && c.state === 'accepted' ? html`<a class="button" href="#/talk/${talk.id}">Write<span class="unseen"> to ${person(c.name)}</span></a>` : nothing}
      ${c.state === 'accepted' ? html`<button @click=${() => sendDialog([], c.account)}>Send<span class="unseen"> files to ${person(c.name)}</span></button>` : nothing}
      <a class="button bare" href="#/people/${c.account}">${icon('more')}<span class="unseen">More about ${person(c.name)}</span></a>
    </div></li>`;
}

/** @param {Contact} c */
function presence(c) {
  const e = state.reaches.get(c.account);
  const up = e?.devices.filter((d) => d.path !== '') ?? [];
  if (!e) return html`<p class="dim">looking…</p>`;
  if (up.length === 0) return html`<p class="dim"><span class="dot"></span> no connection now; passeur makes one when there is something to send</p>`;
  return html`<p class="dim"><span class="dot on"></span> connected ${up.map((d) => badge(d.path, d.path_details))}</p>`;
}

function byAccount() {
  const go = (/** @type {FormData} */ f, /** @type {HTMLFormElement} */ form) => {
    attempt(() => addContact(String(f.get('account') ?? '').trim(), String(f.get('name') ?? '').trim()), 'Asked. They have to accept it.').then(() => form.reset());
  };
  return html`<form class="stack" @submit=${submitted(go)}>
    <label>Their account <input name="account" required autocomplete="off" spellcheck="false" placeholder="passeur:…"></label>
    <label>What you want to call them <input name="name" autocomplete="off"></label>
    <div class="row"><button>Ask to become contacts</button></div></form>`;
}
