// Small things that every view draws.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { icon } from './icons.js';
import { clock, person, visible, when } from './text.js';
import { pathWords } from './words.js';

/** @typedef {import('../lib/lit-html/lit-html.js').TemplateResult} Template */

/** A name that somebody else may have chosen: it cannot reorder what is around it. @param {string} text */
export function name(text) { return html`<bdi class="name">${visible(text)}</bdi>`; }

/** @param {string} text an alias or an account */
export function who(text) { return html`<bdi class="who">${person(text)}</bdi>`; }

/** The head of a view, or of a part beside what is open. @param {string} title @param {unknown} [beside] buttons @param {boolean} [part] */
export function head(title, beside = nothing, part = false) {
  return html`<header class="head">${part ? html`<h2 class="h1">${title}</h2>` : html`<h1 tabindex="-1">${title}</h1>`}<div class="row">${beside}</div></header>`;
}

/** What stands where there is nothing yet: what this is for, and what to do first. @param {import('./icons.js').Icon} sign @param {string} title @param {unknown} text @param {unknown} [buttons] */
export function empty(sign, title, text, buttons = nothing) {
  return html`<div class="empty">${icon(sign)}<h2>${title}</h2><p>${text}</p><div class="row">${buttons}</div></div>`;
}

/** How the bytes go. @param {string} path @param {import('../types').PathDetails | null} details */
export function badge(path, details) {
  if (path === '') return nothing;
  const words = pathWords(path, details);
  return html`<span class="badge" data-path=${path} title=${words}>${visible(path)}<span class="unseen">: ${words}</span></span>`;
}

/** A point in time. @param {string} iso @param {boolean} [hourOnly] */
export function time(iso, hourOnly = false) {
  return html`<time datetime=${iso} title=${new Date(iso).toLocaleString()}>${hourOnly ? clock(iso) : when(iso)}</time>`;
}

/** The round sign of a person, the same colour each time. @param {string} text @param {string} [of] what the colour is taken from */
export function sign(text, of = text) {
  let sum = 0;
  for (const c of of) sum = (sum * 31 + (c.codePointAt(0) ?? 0)) % 997;
  const letter = [...text.replace(/^passeur:/, '')].find((c) => /[\p{L}\p{N}]/u.test(c)) ?? '?';
  return html`<span class="sign" data-hue=${sum % 6} aria-hidden="true">${letter.toUpperCase()}</span>`;
}
