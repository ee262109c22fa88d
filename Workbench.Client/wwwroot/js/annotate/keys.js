// Names of keys, the same whether an input method is on or not: with one switched on the browser reports "Process" and only the place of the key.

const FIELDS = 'textarea, select, input:not([type=checkbox]):not([type=radio]):not([type=button]):not([type=range]), [contenteditable=true]';

/** The name of a key; null for a composition and for keys that are typed into a field. */
export function keyName(event) {
  if (event.isComposing || (event.target instanceof Element && event.target.closest(FIELDS)))
    return null;
  const command = event.ctrlKey || event.metaKey ? 'Ctrl+' : '';
  const key = plain(event);
  if (!key)
    return null;
  const named = key.length > 1;
  const shift = event.shiftKey && (named || command || /[a-z]/.test(key)) ? 'Shift+' : '';
  return command + (event.altKey ? 'Alt+' : '') + shift + key;
}

function plain(event) {
  if (event.key.length === 1 && event.key >= ' ' && event.key <= '~')
    return event.key.toLowerCase();
  const place = /^(?:Key([A-Z])|Digit(\d)|Numpad(\d))$/.exec(event.code);
  if (place && (event.key === 'Process' || event.keyCode === 229 || event.key.length === 1))
    return (place[1] ?? place[2] ?? place[3]).toLowerCase();
  if (event.code === 'Slash' && event.shiftKey)
    return '?';
  return event.key === 'Process' || event.key === 'Unidentified' ? null : event.key;
}

export const LETTERS = 'abcdefghijklmnopqrstuvwxyz123456789';
