// Files of conversations: those that were missed, and those that lie here.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { getFile, saveCopy } from '../actions.js';
import { empty, head, name, time, who } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { sendDialog } from '../parts/send.js';
import { size, visible } from '../parts/text.js';
import { state } from '../state.js';
import { attempt } from '../ui.js';

/** @type {Record<string, string>} */
const STATES = {
  held: 'others can get it from here',
  unchecked: 'touched since; it is compared when somebody asks for it',
  gone: 'moved or deleted since',
  changed: 'changed since, so nobody gets it from here',
  unreadable: 'cannot be read any more',
  withdrawn: 'taken back by its author',
};

export function filesView() {
  const held = [...state.files].reverse();
  if (held.length === 0 && state.missed.length === 0) {
    return html`${head('Files')}${empty('files', 'No files yet', 'What you send and receive in conversations is listed here. As long as it lies on your device unchanged, others in the conversation can get it from you.',
      html`<button class="main" @click=${() => sendDialog([])}>Send files</button>`)}`;
  }
  return html`${head('Files')}<div class="stack">
    ${state.missed.length > 0 ? html`<section aria-labelledby="missed"><h2 id="missed">Missed</h2><p class="dim">They were sent while this device was away, or did not arrive whole. Any device that has one can bring it.</p>
      <ul class="cards">${repeat([...state.missed].reverse(), (m) => m.id, missed)}</ul></section>` : nothing}
    <section aria-labelledby="held"><h2 id="held">On this device</h2>${held.length === 0 ? html`<p class="dim">None yet.</p>` : html`<ul class="cards">${repeat(held, (f) => f.entry, file)}</ul>`}</section></div>`;
}

/** A transfer that brings the file of an entry now. @param {string} entry */
export function bringing(entry) { return [...state.transfers.values()].find((t) => t.entry === entry && t.direction === 'incoming' && !t.ended); }

/** @param {import('../types').Message} m */
function missed(m) {
  const talk = state.conversations.find((c) => c.id === m.conversation);
  return html`<li class="card"><span class="round">${icon('file')}</span><div class="grow"><p class="title">${name(m.file?.name ?? '')}</p>
    <p class="dim">${size(m.file?.size ?? 0)} · from ${who(m.author)}${talk?.mode === 'group' ? html` in ${name(talk.name)}` : nothing} · ${time(m.time)}</p></div>
    <div class="row buttons">${askAgain(m)}</div></li>`;
}

/** @param {import('../types').Message} m */
export function askAgain(m) {
  if (bringing(m.id)) return html`<span class="dim">asking…</span>`;
  return html`<button class="main" @click=${() => attempt(() => getFile(m.conversation, m.id))}>Ask again<span class="unseen"> for ${visible(m.file?.name ?? '')}</span></button>`;
}

/** @param {import('../types').HeldFile} f */
function file(f) {
  const here = f.state === 'held' || f.state === 'unchecked';
  const came = [...state.transfers.values()].find((t) => t.entry === f.entry && t.state === 'finished' && t.direction === 'incoming' && !t.folder);
  return html`<li class="card"><span class="round">${icon('file')}</span><div class="grow"><p class="title">${name(f.name)}</p>
    <p class="dim">${size(f.size)} · ${f.source ? 'sent by you' : html`from ${who(f.author)}`} in <a href="#/talk/${f.conversation}">${f.conversation_name === f.author ? 'your conversation' : name(f.conversation_name)}</a> · ${time(f.since)}</p>
    <p class="line dim"><span class="dot ${here ? 'on' : ''}"></span> ${STATES[f.state] ?? f.state} <bdi class="file">${visible(f.file)}</bdi></p></div>
    <div class="row buttons">${here && came ? html`<button @click=${() => attempt(() => saveCopy(came.id))}>Save a copy<span class="unseen"> of ${visible(f.name)}</span></button>` : nothing}</div></li>`;
}
