// What was done: every command with who gave it, when and at which step, and what it changed.

import { el, fill } from './dom.js';
import { clock, number } from './format.js';

const VERDICTS = { better: 'better', worse: 'worse', 'no difference beyond noise': 'same', 'too early': 'early' };

export class Journal {
  #context;

  constructor(context) {
    this.#context = context;
    this.list = el('ol', { class: 'scroll lines', 'data-testid': 'journal' });
    this.root = el(
      'section',
      { class: 'card journal', 'aria-label': 'Journal' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Journal' }), el('span', { class: 'where', text: 'newest first' })),
      this.list,
    );
  }

  update() {
    const { journal, effects } = this.#context.store;
    const lines = [...journal].reverse().map((line) => this.#line(line, effects.get(line.line)));
    fill(this.list, lines.length ? lines : el('li', { class: 'empty', text: 'No commands so far.' }));
  }

  #line(line, effect) {
    const at = line.epochs === null || line.epochs === undefined ? '' : `epoch ${number(line.epochs, 3)}`;
    const step = line.step === null || line.step === undefined ? '' : `step ${number(line.step)}`;
    return el(
      'li',
      { class: 'line', 'data-testid': `journal-${line.line}`, 'data-verb': line.verb },
      el('div', { class: 'line-when' }, el('time', { datetime: line.time, text: clock(line.time) }), el('span', { text: line.who ?? '' })),
      el(
        'div',
        { class: 'line-what' },
        el('span', { class: 'line-words', text: words(line) }),
        el('span', { class: 'where', text: [at, step].filter(Boolean).join(', ') }),
        effect ? el('p', { class: 'effect', 'data-verdict': VERDICTS[effect.verdict] ?? 'same', 'data-testid': `effect-${line.line}` }, el('b', { text: effect.verdict }), ' ', effect.words) : null,
      ),
    );
  }
}

function words(line) {
  if (line.verb === 'note' && line.text) return `“${line.text}”`;
  const text = (line.words || line.verb).replace(/,? at step [\d,]+$/, '');
  return line.new !== null && line.new !== undefined && !text.includes(`${line.new}`) ? `${text}: branch ${line.new}` : text;
}
