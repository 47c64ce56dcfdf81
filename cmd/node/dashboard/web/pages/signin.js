// What stands instead of the page while the node does not know who asks.
import { html, nothing } from '../lib/lit-html/lit-html.js';
import { setToken } from '../session.js';
import { state } from '../state.js';
import { submitted } from '../ui.js';

/** @param {() => void} enter is called when there is a token */
export function signIn(enter) {
  const go = (/** @type {FormData} */ fields) => {
    const text = String(fields.get('token') ?? '').trim();
    if (text === '') return;
    setToken(text.slice(text.indexOf('#') + 1));
    enter();
  };
  return html`<main class="signin">
    <img src="icon.svg" alt="" width="56" height="56">
    <h1>Sign in to your node</h1>
    ${state.refused ? html`<p class="callout bad" role="alert">${state.refused}</p>` : nothing}
    <p>On the machine where passeur runs, type</p>
    <p><code class="command">passeur dashboard</code></p>
    <p>It opens this page with a token that only the owner of the node can read.</p>
    <form class="stack" @submit=${submitted(go)}>
      <label>Or paste the address, or the token, that it prints
        <input name="token" type="password" autocomplete="off" required></label>
      <div class="row end"><button class="main">Sign in</button></div>
    </form>
  </main>`;
}
