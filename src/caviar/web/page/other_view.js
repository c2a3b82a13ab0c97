// A run of another command: what its summary says; and the report of any run, in a frame that may do nothing.

import { el, fill } from './dom.js';
import { number, spaced } from './format.js';

export class OtherView {
  #context;

  constructor(context) {
    this.#context = context;
    this.root = el('div', { class: 'data' });
  }

  destroy() {}

  update(changed) {
    if (changed && !changed.has('run') && !changed.has('reset')) return;
    const { run } = this.#context.store;
    const entries = Object.entries(run.summary ?? {});
    fill(
      this.root,
      el(
        'section',
        { class: 'card' },
        el('div', { class: 'card-head' }, el('h2', { text: `caviar ${run.command ?? ''}` }), el('span', { class: 'where', text: [run.folder, run.finished === false && 'under way'].filter(Boolean).join(' · ') })),
        run.lines?.map((text) => el('p', { class: 'said', text })),
        entries.length ? entries.map(([name, value]) => facts(name, value, 0)) : el('p', { class: 'empty', text: 'This run has no summary so far.' }),
        run.left_out?.length ? el('p', { class: 'said where', text: `Left out here, since they are long: ${run.left_out.join(', ')}.` }) : null,
      ),
    );
  }
}

/** Nested plain values as lists. */
function facts(name, value, depth) {
  if (value === null || typeof value !== 'object') {
    return el('dl', { class: 'fact' }, el('dt', { text: spaced(name) }), el('dd', { text: number(value) }));
  }
  if ('value' in value && 'low' in value && 'high' in value) {
    return el('dl', { class: 'fact' }, el('dt', { text: spaced(name) }), el('dd', { text: `${number(value.value)} (${number(value.low)} to ${number(value.high)})` }));
  }
  const entries = Object.entries(value);
  const simple = Array.isArray(value) && value.every((one) => one === null || typeof one !== 'object');
  if (simple) return el('dl', { class: 'fact' }, el('dt', { text: spaced(name) }), el('dd', { text: value.length ? value.map((one) => number(one)).join(', ') : 'none' }));
  const title = (key, one) => (Array.isArray(value) ? String(one?.name ?? Number(key) + 1) : key);
  return el(
    'details',
    { class: 'facts', open: depth < 1 && entries.length < 12 },
    el('summary', { text: spaced(name) }),
    entries.map(([key, one]) => facts(title(key, one), one, depth + 1)),
  );
}

export class ReportView {
  constructor({ id }) {
    const address = `runs/${encodeURIComponent(id)}/report`;
    this.root = el(
      'div',
      { class: 'report' },
      el('p', { class: 'where' }, el('a', { href: address, target: '_blank', rel: 'noopener', text: 'Open the report in a window of its own' })),
      el('iframe', { src: address, sandbox: '', title: 'Report', 'data-testid': 'report' }),
    );
  }

  destroy() {}

  update() {}
}
