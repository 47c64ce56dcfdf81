// One contact: who it is and how that was made sure, its devices, and the way to part.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { removeContact, verifyContact } from '../actions.js';
import { badge, head, sign, who } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { nothingThere } from '../parts/lookup.js';
import { person, shortDevice, visible } from '../parts/text.js';
import { state } from '../state.js';
import { attempt, close, open } from '../ui.js';

/** @typedef {import('../types').Contact} Contact */

/** @type {Record<Contact['verified'], string>} */
const VERIFIED = {
  '': 'Not verified: nobody has compared yet whether this account is really theirs.',
  code: 'Verified by a code: you met by a one-time code, which only the two of you knew.',
  person: 'Verified in person: you have compared the account with what their own device shows.',
};

/** @param {Contact} c */
export function verifiedMark(c) {
  if (c.state !== 'accepted') return nothing;
  return c.verified === '' ? html`<span class="badge">not verified</span>` : html`<span class="badge" data-path="direct" title=${VERIFIED[c.verified]}>${c.verified === 'code' ? 'verified by code' : 'verified in person'}</span>`;
}

/** @param {string} account */
export function onePerson(account) {
  const c = state.contacts.find((o) => o.account === account && o.state !== 'pending');
  const back = html`<a class="button" href="#/people">${icon('back')}All people</a>`;
  if (!c) return html`${head('People', back)}${nothingThere('contact', 'You may have removed it, or a part of the address is missing.', 'people', 'All people')}`;
  return html`${head(person(c.name), back)}<div class="stack">
    <section class="card tall" aria-labelledby="account"><div class="row">${sign(c.name, c.account)}<h2 id="account">Account ${verifiedMark(c)}</h2></div>
      <p class="mono"><bdi>${visible(c.account)}</bdi></p>${c.state === 'accepted' ? proof(c) : html`<p class="dim">has not accepted yet; passeur asks again by itself</p>`}</section>
    <section class="card tall" aria-labelledby="theirs"><h2 id="theirs">Devices</h2>${devicesOf(c)}</section>
    <div class="row"><button @click=${() => part(c)}>Remove…</button></div></div>`;
}

/** @param {Contact} c */
function proof(c) {
  const undo = () => attempt(() => verifyContact(c, false), `${person(c.name)} counts as not verified now.`);
  return html`<p>${VERIFIED[c.verified]}</p><div class="row">
    ${c.verified === 'person' ? nothing : html`<button class=${c.verified === '' ? 'main' : ''} @click=${() => compare(c)}>Compare accounts</button>`}
    ${c.verified === '' ? nothing : html`<button @click=${undo}>Not verified any more</button>`}</div>`;
}

/** What two people compare, and what came of it. @param {Contact} c */
function compare(c) {
  const same = async () => { await attempt(() => verifyContact(c, true), `${person(c.name)} is verified in person.`); close(); };
  open({ title: `Is it really ${person(c.name)}?`, body: () => html`<p>Look at both screens together, or read these to each other where you know the voice. Every character counts: alike at the beginning and the end is not enough.</p>
    <dl class="facts-list"><dt>${who(c.name)}’s account, as “passeur id” says it on their side</dt><dd>${inFours(c.account)}</dd>
      <dt>Your account, as their side shows you under People</dt><dd>${inFours(state.node?.account ?? '')}</dd></dl>
    <p class="dim">Is one of them another there, somebody sits between you: remove the contact and meet by a code.</p>
    <div class="row end"><button @click=${close}>Not now</button><button @click=${same}>Both are the same</button></div>` });
}

/** An account as one reads it aloud; what is copied has no gaps. @param {string} account */
function inFours(account) {
  const [scheme, key] = account.split(':');
  return html`<bdi class="mono">${visible(scheme ?? '')}:${(key ?? '').match(/.{1,4}/gu)?.map((four) => html`<span class="four">${visible(four)}</span>`)}</bdi>`;
}

/** @param {Contact} c */
function part(c) {
  const yes = async () => {
    const done = await attempt(async () => { await removeContact(c); return true; }, `${person(c.name)} is no contact any more.`);
    close();
    if (done) location.replace('#/people');
  };
  open({ title: `Remove ${person(c.name)}?`, body: () => html`<p>You will not be able to send each other anything until you are contacts again. Your conversation stays.</p>
    <div class="row end"><button @click=${close}>Keep them</button><button class="danger" @click=${yes}>Yes, remove ${person(c.name)}</button></div>` });
}

/** @param {Contact} c */
function devicesOf(c) {
  const all = state.reaches.get(c.account)?.devices ?? [];
  if (all.length === 0) return html`<p class="dim">None known yet.</p>`;
  return html`<ul class="plain">${all.map((d) => html`<li><span class="mono">${shortDevice(d.device)}</span> ${d.path ? badge(d.path, d.path_details) : html`<span class="dim">${d.last_negotiation?.error ? visible(d.last_negotiation.error) : 'no connection now'}</span>`}</li>`)}</ul>`;
}
