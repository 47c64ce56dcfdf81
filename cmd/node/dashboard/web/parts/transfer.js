// A transfer as a card: what, with whom, how far, by which path, and what can be done.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { accept, cancel, getFile, refuse, saveCopy } from '../actions.js';
import { rate } from '../rates.js';
import { state } from '../state.js';
import { attempt } from '../ui.js';
import { badge, name, time, who } from './bits.js';
import { icon } from './icons.js';
import { left, percent, rateText, size, visible } from './text.js';
import { failure, isOffer, other, partState, sentence, stateWords, went, whose } from './words.js';

/** @typedef {import('../types').Transfer} Transfer */
/** @typedef {import('../types').Part} Part */

/** @param {Transfer[]} all */
export function cards(all) {
  return html`<ul class="cards">${repeat(all, (t) => t.id, card)}</ul>`;
}

/** @param {Transfer} t */
export function card(t) {
  const bad = t.ended && !went(t);
  return html`<li class="card transfer ${isOffer(t) ? 'offer' : ''} ${bad ? 'bad' : ''}" data-id=${t.id} data-state=${t.state}>
    <span class="round">${icon(bad ? 'cross' : went(t) ? 'check' : t.direction === 'incoming' ? 'down' : 'up')}</span>
    <div class="grow">
      <p class="title"><a class="plainly" href="#/now/${t.id}">${name(t.name)}</a>${t.folder ? html` <span class="dim">folder</span>` : nothing}</p>
      <p class="dim">${t.direction === 'incoming' ? 'from' : 'to'} ${t.contact ? who(t.contact) : other(t)} · ${size(t.size)} · ${t.ended ? time(t.updated) : stateWords(t)}</p>
      ${body(t)}
    </div>
    <div class="row buttons">${buttons(t)}</div>
  </li>`;
}

/** @param {Transfer} t */
function body(t) {
  if (isOffer(t)) return t.why ? html`<p class="line dim">${sentence(t.why)}</p>` : nothing;
  const parts = t.parts.length > 1 || (t.parts.length === 1 && !t.ended) ? partList(t) : nothing;
  if (t.ended && !went(t)) return html`${ending(t)}${t.parts.length > 1 ? partList(t) : nothing}`;
  if (t.ended) return html`<p class="line">${stateWords(t)} ${badge(t.path, t.path_details)}${lies(t)}${t.rule ? html` <span class="dim">by your rule ${name(t.rule)}</span>` : nothing}</p>${t.parts.length > 1 ? parts : nothing}`;
  if (t.parts.length > 1) return html`${steps(t)}${parts}`;
  return html`${steps(t)}${bar(t.id, visible(t.name), t.state, t.bytes, t.size, t.path, t.path_details)}`;
}

/** @param {Transfer} t */
function lies(t) {
  if (t.direction !== 'incoming' || t.file === '') return nothing;
  return html` <span class="dim">in <bdi class="file">${visible(t.file)}</bdi></span>`;
}

/** @param {Transfer} t */
function ending(t) {
  const { what, next } = failure(t);
  return html`<p class="line"><strong>${what}</strong>${next ? html` <span class="dim">${next}</span>` : nothing}</p>`;
}

/** @param {Transfer} t */
function steps(t) {
  const words = state.steps.get(t.id);
  return words && t.state !== 'ongoing' ? html`<p class="line dim">${words}…</p>` : nothing;
}

/** @param {Transfer} t */
function partList(t) {
  return html`<ul class="parts">${repeat(t.parts, (p) => p.device, (p) => part(t, p))}</ul>`;
}

/** @param {Transfer} t @param {Part} p */
function part(t, p) {
  const flows = p.state === 'ongoing';
  return html`<li data-state=${p.state}>
    <p class="line"><bdi class="device">${whose(t, p)}</bdi> <span class="dim">${partState(p)}</span> ${badge(p.path, p.path_details)}</p>
    ${flows ? bar(`${t.id}/${p.device}`, `${visible(t.name)} to ${whose(t, p)}`, p.state, p.bytes, t.size, '', null) : nothing}
  </li>`;
}

/**
 * How far the bytes are. The bar is quiet: what matters is said aloud by the feed.
 * @param {string} key @param {string} label @param {string} now the state
 * @param {number} bytes @param {number} whole @param {string} path @param {import('../types').PathDetails | null} details
 */
function bar(key, label, now, bytes, whole, path, details) {
  if (now !== 'ongoing' && bytes === 0) return html`<progress class="idle" max="1" .value=${0} aria-label="${label}: not begun"></progress>`;
  const perSecond = rate(key);
  const facts = [`${percent(bytes, whole)} %`, `${size(bytes)} of ${size(whole)}`, rateText(perSecond), perSecond > 0 ? left((whole - bytes) / perSecond) : ''].filter(Boolean);
  return html`<progress max="100" .value=${percent(bytes, whole)} aria-label=${label}></progress>
    <p class="line facts"><span>${facts.join(' · ')}</span>${badge(path, details)}</p>`;
}

/** @param {Transfer} t */
function buttons(t) {
  const of = html`<span class="unseen"> ${visible(t.name)}</span>`;
  if (isOffer(t)) {
    return html`<button class="main" @click=${() => attempt(() => accept(t.id))}>Accept${of}</button>
      <button @click=${() => attempt(() => refuse(t.id))}>Refuse${of}</button>`;
  }
  if (!t.ended) return html`<button @click=${() => attempt(() => cancel(t.id))}>Cancel${of}</button>`;
  if (t.direction !== 'incoming') return nothing;
  if (went(t)) return t.folder ? nothing : html`<button @click=${() => attempt(() => saveCopy(t.id))}>Save a copy${of}</button>`;
  if (missing(t)) return html`<button class="main" @click=${() => attempt(() => getFile(t.conversation, t.entry))}>Ask again${of}</button>`;
  return nothing;
}

/** Whether it can be asked for again, and nobody does. @param {Transfer} t */
function missing(t) {
  if (t.entry === '' || t.code === 'withdrawn') return false;
  return ![...state.transfers.values()].some((o) => o.entry === t.entry && o !== t && (!o.ended || went(o)));
}
