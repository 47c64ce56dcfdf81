// The page begins here: it takes the token, follows the node, and draws.
import { html, render } from './lib/lit-html/lit-html.js';
import { follow } from './events.js';
import { dropToken, takeToken, token } from './session.js';
import { apply, changed, load, onChange, state } from './state.js';
import { navigate, ui } from './ui.js';
import { shell, titleOf } from './pages/shell.js';
import { signIn } from './pages/signin.js';
import { settle } from './pages/settle.js';
import { watchDrops } from './parts/drop.js';

const begin = follow({
  event: apply,
  reset: load,
  link(now) {
    state.link = now === 'denied' ? 'signed-out' : now;
    if (now === 'denied') { dropToken(); state.refused = 'The node does not know this token. It has a new one since the address was opened, or a part of it is missing.'; }
    changed();
  },
});

/** Begins with the token of now, or asks for one. */
export function enter() {
  state.link = token() === '' ? 'signed-out' : 'connecting';
  if (token() !== '') { state.refused = ''; begin(); }
  changed();
}

function draw() {
  const out = state.link === 'signed-out';
  document.title = out ? 'Sign in · passeur' : titleOf(ui.route.view);
  render(out ? signIn(enter) : html`${shell()}`, document.body);
  settle();
}

onChange(draw);
document.body.replaceChildren();
addEventListener('hashchange', () => (takeToken() ? enter() : navigate()));
takeToken();
watchDrops();
navigate();
enter();
