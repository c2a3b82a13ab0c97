// The line at the foot of the page: what was sent, what was done, what was refused. All of it stays in its list.

import { el, fill, write } from './dom.js';
import { clock } from './format.js';

const KEPT = 60;

export class Status {
  #lines = [];
  #pending = new Set();

  constructor() {
    this.words = el('output', { class: 'status-words', 'aria-live': 'polite', 'data-testid': 'status' });
    this.waiting = el('span', { class: 'status-waiting', 'data-testid': 'pending' });
    this.list = el('ol', { class: 'status-list' });
    this.root = el(
      'details',
      { class: 'status' },
      el('summary', { title: 'All messages' }, this.words, this.waiting),
      this.list,
    );
    this.say('Welcome. Press ? for all keys.', 'calm');
  }

  /** Says one line. @param {'calm' | 'done' | 'refused'} kind */
  say(words, kind = 'calm') {
    this.#lines.unshift({ words, kind, time: new Date().toISOString() });
    this.#lines.length = Math.min(this.#lines.length, KEPT);
    write(this.words, words);
    this.root.dataset.kind = kind;
    this.#list();
  }

  /** A command that waits for its answer. */
  begin(words) {
    const entry = { words };
    this.#pending.add(entry);
    this.#wait();
    return {
      done: (text) => this.#end(entry, text, 'done'),
      refused: (text) => this.#end(entry, text, 'refused'),
    };
  }

  #end(entry, text, kind) {
    this.#pending.delete(entry);
    this.#wait();
    this.say(text, kind);
  }

  #wait() {
    const words = [...this.#pending].map((entry) => entry.words);
    const more = words.length > 1 ? ` and ${words.length - 1} more` : '';
    write(this.waiting, words.length ? `Sent, waiting: ${words[0]}${more} …` : '');
  }

  #list() {
    fill(
      this.list,
      this.#lines.map(({ words, kind, time }) =>
        el('li', { 'data-kind': kind }, el('time', { datetime: time, text: clock(time) }), ' ', words),
      ),
    );
  }
}
