// Conversations: the list of them, and the one that is open with its history.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { repeat } from '../lib/lit-html/directives/repeat.js';
import { change, changeMember, createGroup, findConversation } from '../actions.js';
import { empty, head, sign, time, who } from '../parts/bits.js';
import { icon } from '../parts/icons.js';
import { nothingThere, nowhere } from '../parts/lookup.js';
import { enterCode, makeCode } from '../parts/pairing.js';
import { sendDialog, receiverOf } from '../parts/send.js';
import { count, person, size, visible } from '../parts/text.js';
import { uploads } from '../parts/upload.js';
import { act } from '../parts/words.js';
import { conversation, loadOlder, loadTalk, state } from '../state.js';
import { attempt, close, open, say, submitted, ui } from '../ui.js';
import { composer } from './composer.js';
import { history } from './history.js';

/** @typedef {import('../types').Conversation} Conversation */

/** @type {Set<string>} */ const asked = new Set();

export function talks() {
  const all = state.conversations.filter((c) => c.mode !== 'own' && (c.renewed === '' || c.id === ui.route.arg));
  const now = ui.route.arg === '' ? undefined : conversation(ui.route.arg);
  const elsewhere = ui.route.arg !== '' && !now;
  if (all.length === 0 && !elsewhere) return html`${head('Conversations')}${nobody()}`;
  return html`<div class="talks ${now || elsewhere ? 'open' : ''}">
    <section class="list" aria-label="All conversations">${head('Conversations', html`<button @click=${newGroup}>${icon('plus')}Group</button>`, now !== undefined || elsewhere)}
      <ul class="rows links">${repeat(all, (c) => c.id, (c) => row(c, c.id === now?.id))}</ul></section>
    ${now ? talk(now) : elsewhere ? html`<section class="talk none">${unknown(ui.route.arg)}</section>` : html`<section class="talk none">${empty('talk', 'No conversation is open', 'Choose one from the list. Messages and files of a conversation are kept by all its members’ devices.')}</section>`}
  </div>`;
}

/** An address that is none of the list's: the pair's other conversation, or no conversation. @param {string} id */
function unknown(id) {
  const none = nowhere(async () => { const c = await findConversation(id); if (c.id !== id) location.replace('#/talk/' + c.id); });
  return none ? html`<h1 class="unseen" tabindex="-1">No such conversation</h1>${nothingThere('conversation', 'Perhaps a part of it is missing, or it is of another account.', 'talk', 'All conversations')}` : html`<p class="dim loading" role="status">Asking your node…</p>`;
}

function nobody() {
  return empty('talk', 'No conversations yet', 'A conversation begins by itself as soon as you have a contact.',
    html`<button class="main" @click=${() => makeCode('contact')}>Show a code</button><button @click=${() => enterCode('contact')}>Enter a code</button>`);
}

/** @param {Conversation} c @param {boolean} current */
function row(c, current) {
  return html`<li><a href="#/talk/${c.id}" aria-current=${current ? 'true' : nothing}>${sign(c.name, c.id)}<span class="grow"><span class="line"><b>${who(c.name)}</b>${c.last ? html`<span class="dim">${time(c.last.time)}</span>` : nothing}</span>
    <span class="dim cut">${c.status === 'invited' ? 'You are invited' : last(c)}</span></span></a></li>`;
}

/** @param {Conversation} c */
function last(c) {
  const m = c.last;
  if (!m) return 'nothing said yet';
  const author = m.account === state.node?.account ? 'You' : person(m.author);
  if (m.deleted) return html`<bdi>${author}</bdi>: deleted`;
  if (m.file) return html`<bdi>${author}</bdi>: <bdi>${visible(m.file.name)}</bdi> (${size(m.file.size)})`;
  if (m.type === 'text/plain') return html`<bdi>${author}</bdi>: <bdi>${visible(m.text.split('\n')[0] ?? '')}</bdi>`;
  return act(m);
}

/** @param {Conversation} c */
function talk(c) {
  const loaded = state.talks.get(c.id);
  if (!loaded && !asked.has(c.id)) {
    asked.add(c.id);
    attempt(() => loadTalk(c.id)).finally(() => asked.delete(c.id));
  }
  const writes = ['owner', 'admin', 'member'].includes(c.status) && c.renewed === '';
  return html`<section class="talk" aria-label="Conversation with ${visible(c.name)}">
    <header class="head"><a class="button bare narrow" href="#/talk">${icon('back')}<span class="unseen">All conversations</span></a>${sign(c.name, c.id)}<h1 class="grow" tabindex="-1">${who(c.name)}${c.mode === 'group' ? html` <span class="dim small">${count(inside(c), 'member')}</span>` : nothing}</h1>
      ${writes ? html`<button @click=${() => sendDialog([], receiverOf(c).key)}>${icon('clip')}Send files</button>` : nothing}
      ${c.mode === 'group' ? html`<button @click=${() => members(c.id)}>Members</button>` : nothing}</header>
    ${standing(c)}
    <div class="messages" tabindex="0" role="log" aria-label="History" data-last=${loaded?.messages.at(-1)?.id ?? ''}>
      ${loaded?.more ? html`<div class="row center"><button @click=${() => attempt(() => loadOlder(c.id))}>Older messages</button></div>` : nothing}
      ${loaded ? history(c, loaded.messages) : html`<p class="dim loading">Asking your node…</p>`}
    </div>
    ${uploads()}
    ${writes ? composer(c) : nothing}
  </section>`;
}

/** What is to be known or decided about a conversation. @param {Conversation} c */
function standing(c) {
  if (c.status === 'invited') return html`<div class="callout"><span class="grow">You are invited to this group.</span><button class="main" @click=${() => attempt(() => change(c.id, 'accept'))}>Join</button><button @click=${() => attempt(() => change(c.id, 'leave'))}>Decline</button></div>`;
  if (c.renewed !== '') return html`<p class="callout">This conversation goes on in <a href="#/talk/${c.renewed}">another one</a>.</p>`;
  if (c.paused !== '') return html`<p class="callout">${visible(c.paused)}</p>`;
  if (c.status === 'left' || c.status === 'banned') return html`<p class="callout">You are not in this group any more.</p>`;
  return nothing;
}

/** @param {Conversation} c */
const inside = (c) => c.members.filter((m) => ['owner', 'admin', 'member'].includes(m.status)).length;

function newGroup() {
  const known = state.contacts.filter((c) => c.state === 'accepted');
  const go = async (/** @type {FormData} */ f) => {
    const title = String(f.get('name') ?? '').trim();
    if (title === '') return say('Give the group a name.', true);
    const made = await attempt(() => createGroup(title, f.getAll('who').map(String)));
    if (!made) return;
    close();
    location.hash = '#/talk/' + made.id;
  };
  open({ title: 'New group', body: () => html`<form class="stack" @submit=${submitted(go)}>
    <label>Name <input name="name" autocomplete="off" required></label>
    <fieldset><legend>Invite</legend>${known.length === 0 ? html`<p class="dim">You have no contacts yet; you can invite them later.</p>` : html`<div class="choices">${known.map((c) => html`<label><input type="checkbox" name="who" value=${c.account}>${sign(c.name, c.account)}${who(c.name)}</label>`)}</div>`}</fieldset>
    <div class="row end"><button type="button" @click=${close}>Not now</button><button class="main">Make the group</button></div></form>` });
}

/** @param {string} id */
function members(id) {
  const leave = async () => { if (await attempt(() => change(id, 'leave'), 'You have left the group.')) close(); };
  const invite = (/** @type {FormData} */ f) => { attempt(() => changeMember(id, 'invite', String(f.get('who') ?? '')), 'Invited.'); };
  open({ title: 'Members', body: () => {
    const c = conversation(id);
    if (!c) return html`<p class="dim">This group is gone.</p>`;
    const out = state.contacts.filter((o) => o.state === 'accepted' && !c.members.some((m) => m.account === o.account && m.status !== 'left'));
    return html`<ul class="rows">${c.members.map((m) => html`<li>${sign(m.name, m.account)}<span class="grow">${who(m.name)}</span><span class="dim">${m.status}</span></li>`)}</ul>
      ${out.length === 0 ? nothing : html`<form class="row" @submit=${submitted(invite)}><label class="grow">Invite <select name="who">${out.map((o) => html`<option value=${o.account}>${person(o.name)}</option>`)}</select></label><button>Invite</button></form>`}
      <div class="row end"><button class="danger" @click=${leave}>Leave the group</button><button class="main" @click=${close}>Close</button></div>`;
  } });
}
