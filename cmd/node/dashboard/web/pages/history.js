// The messages of a conversation, day by day, files with how they stand.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { accept, cancel, refuse, saveCopy, takeBack } from '../actions.js';
import { badge, name, time, who } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { clock, day, percent, rateText, size, visible, visibleLines } from '../parts/text.js';
import { act, answers, failure, isOffer, stateWords, went } from '../parts/words.js';
import { rate } from '../rates.js';
import { changed, state } from '../state.js';
import { attempt, close, open } from '../ui.js';
import { writing } from './composer.js';
import { askAgain } from './files.js';

/** @typedef {import('../types').Message} Message */
/** @typedef {import('../types').Transfer} Transfer */

/** @param {import('../types').Conversation} c @param {Message[]} messages oldest first */
export function history(c, messages) {
  if (messages.length === 0) return html`<div class="empty"><h2>Nothing said yet</h2><p>Write something below, or drop a file here. Both wait for the others if they are away.</p></div>`;
  return html`<ol class="history">${repeat(messages, (m) => m.id, (m, i) => {
    const before = messages[i - 1];
    const newDay = !before || day(before.time) !== day(m.time);
    return html`${newDay ? html`<li class="day"><span>${day(m.time)}</span></li>` : nothing}${entry(c, m, !newDay && before?.account === m.account)}`;
  })}</ol>`;
}

/** @param {import('../types').Conversation} c @param {Message} m @param {boolean} follows the author said the one before too */
function entry(c, m, follows) {
  const own = m.account === state.node?.account;
  if (!m.deleted && !m.file && m.type !== 'text/plain') return html`<li class="act dim">${act(m)}</li>`;
  return html`<li class="message ${own ? 'own' : ''} ${follows ? 'follows' : ''}" data-id=${m.id}>
    ${follows || own || c.mode === 'one-to-one' ? html`<span class="unseen">${own ? 'You' : who(m.author)}:</span>` : html`<p class="author">${who(m.author)}</p>`}
    <div class="bubble">${content(m)}</div>
    <p class="meta dim">${time(m.time, true)}${marks(m)}${own && !m.deleted ? tools(m) : nothing}</p></li>`;
}

/** @param {Message} m */
function content(m) {
  if (m.deleted) return html`<em class="dim">${m.file ? 'This file was taken back.' : 'This message was deleted.'}</em>`;
  if (m.file) return file(m, m.file);
  return html`<p class="text"><bdi>${visibleLines(m.text)}</bdi></p>`;
}

/** @param {Message} m */
function marks(m) {
  const all = [m.edited && !m.deleted ? 'edited' : '', m.late ? `arrived ${clock(m.seen)}` : '', m.void ? `does not count${m.reason ? `: ${visible(m.reason)}` : ''}` : ''].filter(Boolean);
  return all.map((mark) => html` · ${mark}`);
}

/** @param {Message} m */
function tools(m) {
  return html`<span class="tools">${m.file ? nothing : html`<button class="link" @click=${() => { writing.edits = m; changed(); document.getElementById('compose')?.focus(); }}>Edit<span class="unseen"> the message of ${clock(m.time)}</span></button>`}
    <button class="link" @click=${() => sureToDelete(m)}>${m.file ? 'Take back' : 'Delete'}<span class="unseen"> what you sent at ${clock(m.time)}</span></button></span>`;
}

/** @param {Message} m */
function sureToDelete(m) {
  const what = m.file ? html`Nobody can get <strong>${name(m.file.name)}</strong> through the conversation any more. Who has it keeps it.` : 'The others are told to forget it. Who has read it has read it.';
  open({ title: m.file ? 'Take this file back?' : 'Delete this message?', body: () => html`<p>${what}</p>
    <div class="row end"><button @click=${close}>Keep it</button><button class="danger" @click=${async () => { await attempt(() => takeBack(m)); close(); }}>${m.file ? 'Take back' : 'Delete'}</button></div>` });
}

/** The newest transfer of an entry. @param {string} entry */
const transferOf = (entry) => [...state.transfers.values()].findLast((t) => t.entry === entry);

/** @param {Message} m @param {import('../types').FileEntry} f */
function file(m, f) {
  const t = transferOf(m.id);
  return html`<div class="filebox"><span class="round">${icon('file')}</span><div class="grow"><p><b>${name(f.name)}</b></p><p class="dim">${size(f.size)}${standing(m, t)}</p>
    ${t && t.state === 'ongoing' && !t.ended ? flow(t) : nothing}</div></div>${fileButtons(m, t)}`;
}

/** @param {Message} m @param {Transfer | undefined} t */
function standing(m, t) {
  const own = m.account === state.node?.account;
  if (t && !t.ended && t.state !== 'ongoing') return html` · ${own && t.parts.length > 1 ? answers(t) : stateWords(t)}`;
  if (t && went(t)) return html` · ${t.direction === 'incoming' ? 'received' : t.parts.length > 1 ? answers(t) : 'delivered'} ${badge(t.path, t.path_details)}`;
  if (t && t.ended) return html` · ${failure(t).what}`;
  if (state.missed.some((o) => o.id === m.id)) return ' · not here';
  const held = state.files.find((o) => o.entry === m.id);
  return held ? ` · ${own ? 'sent' : 'here'}` : nothing;
}

/** @param {Transfer} t */
function flow(t) {
  return html`<progress max="100" .value=${percent(t.bytes, t.size)} aria-label=${visible(t.name)}></progress><p class="line facts"><span>${percent(t.bytes, t.size)} %</span><span class="dim">${rateText(rate(t.id))}</span>${badge(t.path, t.path_details)}</p>`;
}

/** @param {Message} m @param {Transfer | undefined} t */
function fileButtons(m, t) {
  const of = html`<span class="unseen"> ${visible(m.file?.name ?? '')}</span>`;
  if (t && isOffer(t)) return html`<div class="row"><button class="main" @click=${() => attempt(() => accept(t.id))}>Accept${of}</button><button @click=${() => attempt(() => refuse(t.id))}>Refuse${of}</button></div>`;
  if (t && !t.ended && t.state === 'ongoing') return html`<div class="row"><button @click=${() => attempt(() => cancel(t.id))}>Cancel${of}</button></div>`;
  if (t && went(t) && t.direction === 'incoming' && !t.folder) return html`<div class="row"><button @click=${() => attempt(() => saveCopy(t.id))}>Save a copy${of}</button></div>`;
  if ((!t || t.ended) && state.missed.some((o) => o.id === m.id)) return html`<div class="row">${askAgain(m)}</div>`;
  return nothing;
}
