// Every command by keyboard. Keys do nothing while somebody types, and `?` shows them all. One that is held gives its
// command once; only moving about repeats.

import { el, fill } from './dom.js';

/** @typedef {{keys: string[], shown?: string, group: string, words: string, run: (event: KeyboardEvent) => void}} Binding */

export class Keys {
  #bindings = new Set();

  constructor() {
    this.dialog = el('dialog', { class: 'help', 'aria-labelledby': 'help-title', 'data-testid': 'help' });
    document.addEventListener('keydown', (event) => this.#pressed(event));
    this.add([{ keys: ['?'], group: 'Page', words: 'This help', run: () => this.help() }]);
  }

  /** @param {Binding[]} bindings @returns {() => void} takes them away */
  add(bindings) {
    for (const one of bindings) this.#bindings.add(one);
    return () => {
      for (const one of bindings) this.#bindings.delete(one);
    };
  }

  help() {
    if (this.dialog.open) {
      this.dialog.close();
      return;
    }
    const groups = new Map();
    for (const one of this.#bindings) {
      if (!groups.has(one.group)) groups.set(one.group, []);
      groups.get(one.group).push(one);
    }
    fill(
      this.dialog,
      el(
        'header',
        {},
        el('h2', { id: 'help-title', text: 'Keys' }),
        el('button', { type: 'button', text: 'Close', onclick: () => this.dialog.close() }),
      ),
      el(
        'div',
        { class: 'help-groups' },
        [...groups].map(([group, bindings]) =>
          el(
            'section',
            {},
            el('h3', { text: group }),
            el(
              'dl',
              {},
              bindings.map((one) => [el('dt', {}, el('kbd', { text: one.shown ?? one.keys.join(' ') })), el('dd', { text: one.words })]),
            ),
          ),
        ),
      ),
    );
    this.dialog.showModal();
  }

  #pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.dialog.open && event.key !== '?') return;
    const at = event.target instanceof Element ? event.target : document.body;
    if (typing(at)) return;
    if ((event.key === ' ' || event.key === 'Enter') && at.closest('button, a, summary, select, input, [role=slider]')) {
      if (event.repeat && at.closest('button')) event.preventDefault(); // Enter would press it again and again
      return;
    }
    for (const one of this.#bindings) {
      if (!one.keys.includes(event.key)) continue;
      event.preventDefault();
      if (!event.repeat || one.group !== 'Commands') one.run(event);
      return;
    }
  }
}

function typing(element) {
  if (element.closest('textarea, select, [contenteditable=""], [contenteditable=true]')) return true;
  const input = element.closest('input');
  return input !== null && !['checkbox', 'radio', 'range', 'button'].includes(input.type);
}
