// How the node stands in the network, in words, with one piece of advice.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { checkUp } from '../actions.js';
import { head } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { count, milliseconds } from '../parts/text.js';
import { sentence } from '../parts/words.js';
import { changed, state } from '../state.js';
import { attempt } from '../ui.js';

/** @typedef {import('../types').Checkup} Checkup */
/** @typedef {{ tone: 'good' | 'fair' | 'bad', title: string, words: string[] }} Finding */

let busy = false, begun = false;

async function look() {
  busy = begun = true;
  await attempt(checkUp);
  busy = false;
  changed();
}

export function doctor() {
  if (!begun) look();
  const c = state.checkup;
  return html`${head('Doctor', html`<button ?disabled=${busy} @click=${look}>${icon('again')}Look again</button>`)}
    <div class="stack" aria-busy=${busy ? 'true' : 'false'}>
    ${c ? html`<p class="callout advice">${icon('doctor')}<span>${sentence(c.advice)}</span></p>
      <ul class="cards findings">${findings(c).map((f) => html`<li class="card" data-tone=${f.tone}><span class="round">${icon(f.tone === 'good' ? 'check' : f.tone === 'fair' ? 'dash' : 'alert')}</span>
        <div class="grow"><p class="title">${f.title}</p>${f.words.map((w) => html`<p class="dim">${sentence(w)}</p>`)}</div></li>`)}</ul>` : busy ? html`<p class="dim loading" role="status">Looking at everything that connections depend on; this takes some seconds…</p>` : nothing}
    </div>`;
}

/** @param {Checkup} c @returns {Finding[]} */
function findings(c) {
  return [...c.nat.map((n) => natOf(n, c)), routerOf(c), stunOf(c), turnOf(c), othersOf(c), clockOf(c)];
}

/** @param {import('../types').NAT} n @param {Checkup} c @returns {Finding} */
function natOf(n, c) {
  const title = `Reachable over ${n.family}`, seen = n.public.join(', ');
  const port = n.family === 'IPv6' ? c.ice_port_v6 : c.ice_port_v4;
  switch (n.kind) {
    case 'none': return { tone: 'good', title, words: [`no router in between: others see this machine’s own address, ${seen}`] };
    case 'endpoint-independent': return { tone: 'good', title, words: [`a router that can be passed; others see ${seen}`] };
    case 'symmetric': return { tone: 'fair', title, words: [`a router with a strict (symmetric) NAT: each destination sees another port, ${seen}`] };
    case 'unknown-kind': return { tone: 'fair', title, words: [`a router; a second STUN server would tell its kind; others see ${seen}`] };
  }
  if (port === 0) return { tone: 'fair', title, words: ['not used'] };
  return { tone: 'fair', title, words: [c.stun.length === 0 ? 'not known how others see this machine: no STUN server is set' : 'not known how others see this machine: no STUN server answered'] };
}

/** @param {Checkup} c @returns {Finding} */
function routerOf(c) {
  const title = 'Port forwarding';
  if (!c.portmap.enabled) return { tone: 'fair', title, words: ['routers are not asked to forward a port'] };
  if (c.portmap.routers.length === 0) return { tone: 'fair', title, words: ['no router was found that forwards ports'] };
  const words = c.portmap.routers.flatMap((r) => [
    ...r.ports.map((p) => `${r.gateway} forwards ${p.external} to this machine (${r.protocol})`),
    r.double_nat ? `there is another router behind ${r.gateway}, which does not forward the port` : '',
    r.error ? `${r.gateway} forwards no port: ${r.error}` : '',
  ]).filter(Boolean);
  return { tone: c.portmap.routers.some((r) => r.ports.length > 0 && !r.double_nat) ? 'good' : 'fair', title, words: words.length > 0 ? words : ['no port is forwarded yet'] };
}

/** @param {Checkup} c @returns {Finding} */
function stunOf(c) {
  const title = 'STUN, which tells how others see you';
  if (c.stun.length === 0) return { tone: 'fair', title, words: ['no server is set'] };
  return { tone: c.stun.some((s) => s.public !== '') ? 'good' : 'bad', title, words: c.stun.map((s) => `${s.server}, ${s.family}: ${s.public ? milliseconds(s.latency_ms) : s.error || 'no answer yet'}`) };
}

/** @param {Checkup} c @returns {Finding} */
function turnOf(c) {
  const title = 'TURN, a relay for when nothing else works';
  if (c.turn.length === 0) return { tone: 'fair', title, words: ['no server is set, so nothing can be relayed from here'] };
  return { tone: c.turn.some((s) => s.reachable && !s.error) ? 'good' : 'bad', title, words: c.turn.map((s) => `${s.url.replace('?transport=tcp', '')}: ${s.error || (s.reachable ? milliseconds(s.latency_ms) : 'no answer yet')}`) };
}

/** @param {Checkup} c @returns {Finding} */
function othersOf(c) {
  return { tone: c.dht.nodes > 0 && c.inbox.servers > 0 ? 'good' : 'bad', title: 'Other nodes', words: [
    `${count(c.dht.nodes, 'node')} known; this one ${c.dht.mode === 'server' ? 'serves others too' : 'only asks'}`,
    `${count(c.inbox.servers, 'server')} listening for messages to this node${c.inbox.self ? ', itself included' : ''}`,
  ] };
}

const RIGHT = 1000; // ms

/** @param {Checkup} c @returns {Finding} */
function clockOf(c) {
  const off = Math.abs(c.clock.ahead_ms), title = 'Clock';
  if (c.clock.asked === 0) return { tone: 'fair', title, words: ['nobody could be asked for the time'] };
  if (off < RIGHT) return { tone: 'good', title, words: [`right, says ${count(c.clock.asked, 'other node')}`] };
  return { tone: 'bad', title, words: [`${Math.round(off / 1000)} s ${c.clock.ahead_ms > 0 ? 'slow' : 'fast'}, says ${count(c.clock.asked, 'other node')}`] };
}
