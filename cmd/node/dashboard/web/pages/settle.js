// What has to be set right after a drawing, since it is no part of the markup: the
// dialog that is open, where the keyboard is, how far a conversation is scrolled.
import { ui } from '../ui.js';

let lastRoute = location.hash;
/** @type {unknown} */ let lastDialog = null;

export function settle() {
  settleDialog();
  settleFocus();
  settleScroll();
}

function settleDialog() {
  const element = document.querySelector('dialog');
  if (!element || ui.dialog === lastDialog) return;
  if (ui.dialog && !element.open) element.showModal();
  if (ui.dialog) focusFirst(element);
  if (!ui.dialog && element.open) element.close();
  lastDialog = ui.dialog;
}

const FIRST = ['input:not([type=file], [type=radio], [type=checkbox])', 'button.main', 'button:not(.bare)'];

/** Where one types, or else what is most likely meant; never what destroys. @param {HTMLElement} dialog */
function focusFirst(dialog) {
  const found = FIRST.map((selector) => [...dialog.querySelectorAll(selector)].find((e) => e.checkVisibility())).find(Boolean);
  /** @type {HTMLElement | undefined} */ (found)?.focus();
}

/** Who opens another view is at its head, as on a new page. */
function settleFocus() {
  if (location.hash === lastRoute) return;
  lastRoute = location.hash;
  /** @type {HTMLElement | null} */ (document.querySelector('main h1'))?.focus();
  scrollTo(0, 0);
}

const NEAR = 80; // px
/** @type {{ of: string, last: string, height: number, end: boolean }} */ let seen = { of: '', last: '', height: 0, end: true };

const messages = () => /** @type {HTMLElement | null} */ (document.querySelector('.messages'));

/** A conversation shows its newest message, unless somebody reads further up. */
function settleScroll() {
  const talk = messages();
  if (!talk) { seen = { of: '', last: '', height: 0, end: true }; return; }
  const of = ui.route.arg, last = talk.dataset['last'] ?? '';
  if (of !== seen.of || (last !== seen.last && seen.end)) talk.scrollTop = talk.scrollHeight;
  else if (last === seen.last && talk.scrollHeight > seen.height && talk.scrollTop < NEAR) talk.scrollTop += talk.scrollHeight - seen.height;
  seen = { of, last, height: talk.scrollHeight, end: atEnd(talk) };
}

/** @param {HTMLElement} talk */
const atEnd = (talk) => talk.scrollHeight - talk.scrollTop - talk.clientHeight < NEAR;

addEventListener('scroll', (e) => { if (e.target === messages()) seen.end = atEnd(/** @type {HTMLElement} */ (e.target)); }, true);
// A phone that is turned, or shows its keyboard.
addEventListener('resize', () => { const talk = messages(); if (talk && seen.end) talk.scrollTop = talk.scrollHeight; });
