// The token by which the node knows its owner. It comes in the address after the #,
// which browsers send to nobody, and stays in this tab only.

const KEY = 'passeur.token';

/** Takes the token out of the address, if there is one; says whether there was. */
export function takeToken() {
  const fragment = location.hash.slice(1);
  if (fragment === '' || fragment.startsWith('/')) return false;
  setToken(fragment);
  history.replaceState(null, '', '#/');
  return true;
}

/** @returns {string} the token, or "" without one */
export function token() { return sessionStorage.getItem(KEY) ?? ''; }

/** @param {string} text */
export function setToken(text) { sessionStorage.setItem(KEY, text.trim()); }

export function dropToken() { sessionStorage.removeItem(KEY); }
