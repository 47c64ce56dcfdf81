// The devices of one's own account: each gets what is sent to it, and what is written.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { revokeDevice } from '../actions.js';
import { head, name, time } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { makeCode } from '../parts/pairing.js';
import { shortDevice, visible } from '../parts/text.js';
import { state } from '../state.js';
import { attempt, close, open, submitted } from '../ui.js';

/** @typedef {import('../types').Device} Device */

export function devices() {
  const own = state.devices.find((d) => d.self);
  const live = state.devices.filter((d) => !d.revoked), gone = state.devices.filter((d) => d.revoked);
  return html`${head('Devices', own?.keeper ? html`<button class="main" @click=${link}>${icon('plus')}Link a device</button>` : nothing)}
    <div class="stack">
    <p class="dim lead">All devices of your account get what people send you, and share conversations. ${own?.keeper ? '' : 'This one does not hold the account’s key: link and revoke devices on one that does.'}</p>
    <ul class="cards">${repeat(live, (d) => d.id, device)}</ul>
    ${live.length === 1 ? html`<p class="dim">Only this one so far. “Link a device” shows a code to enter on your other machine.</p>` : nothing}
    ${gone.length > 0 ? html`<section aria-labelledby="gone"><h2 id="gone">Revoked</h2><ul class="cards">${repeat(gone, (d) => d.id, device)}</ul></section>` : nothing}
    ${state.node ? html`<section aria-labelledby="account"><h2 id="account">Your account</h2><p class="card mono"><bdi>${visible(state.node.account)}</bdi></p></section>` : nothing}
    </div>`;
}

/** @param {Device} d */
function device(d) {
  const mine = state.devices.find((o) => o.self);
  const facts = [d.self ? 'this device' : d.revoked ? 'revoked' : d.connected ? 'connected' : 'not connected now', d.keeper ? 'holds the account’s key' : ''].filter(Boolean);
  return html`<li class="card"><span class="round">${icon('devices')}</span><div class="grow"><p class="title">${name(d.name)} <span class="dim mono">${shortDevice(d.id)}</span></p>
    <p class="dim">${d.revoked ? nothing : html`<span class="dot ${d.self || d.connected ? 'on' : ''}"></span> `}${facts.join(' · ')} · since ${time(d.added)}</p></div>
    <div class="row buttons">${!d.self && !d.revoked && mine?.keeper ? html`<button @click=${() => revoke(d)}>Revoke<span class="unseen"> ${visible(d.name)}</span></button>` : nothing}</div></li>`;
}

function link() {
  open({ title: 'Link a device', body: () => html`<form class="stack" @submit=${submitted((f) => { makeCode('link', { keeper: f.get('keeper') === 'on' }); })}>
    <p>The node makes a code. Enter it on the new device, which must be a fresh one: what it holds of another account would be lost.</p>
    <label class="check"><input type="checkbox" name="keeper"> It may link and revoke devices too (it gets the account’s key)</label>
    <div class="row end"><button type="button" @click=${close}>Not now</button><button class="main">Show the code</button></div></form>` });
}

/** @param {Device} d */
function revoke(d) {
  open({ title: 'Revoke this device?', body: () => html`<p><strong>${name(d.name)}</strong> <span class="mono dim">${shortDevice(d.id)}</span> loses its place in your account for ever. Nobody sends it anything any more; what it already has stays on it.</p>
    <div class="row end"><button @click=${close}>Keep it</button><button class="danger" @click=${async () => { await attempt(() => revokeDevice(d.id), `${visible(d.name)} is revoked.`); close(); }}>Revoke for ever</button></div>` });
}
