// The data of a run: its rows, its columns with what is missing, its classes, and what the checks say.

import { ask } from './connection.js';
import { el, fill } from './dom.js';
import { number, percent, spaced } from './format.js';

const SEVERITIES = { critical: 'critical', warning: 'warning', info: 'note' };

export class DataView {
  #context;

  constructor(context) {
    this.#context = context;
    this.root = el('div', { class: 'data', 'data-testid': 'data-view' }, el('p', { class: 'empty', text: 'Reading …' }));
    this.#load();
  }

  destroy() {}

  update() {}

  async #load() {
    const { id } = this.#context;
    try {
      const answer = await ask(`api/runs/${encodeURIComponent(id)}/data`);
      const content = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(content.error ?? `The server answered ${answer.status}.`);
      this.#show(content);
    } catch (error) {
      fill(this.root, el('p', { class: 'empty', text: `The data of this run cannot be shown. ${error.message}` }));
    }
  }

  #show({ rows = {}, columns = [], classes = [], checks = [], ...more }) {
    fill(
      this.root,
      el('div', { class: 'data-side' }, this.#rows(rows, more), classes?.length ? this.#classes(classes) : null, this.#checks(checks, more)),
      this.#columns(columns, more.more_columns),
    );
  }

  #rows(rows, { target, notes = [] }) {
    const facts = Object.entries(rows).map(([name, n]) => el('div', {}, el('dt', { text: `${name} rows` }), el('dd', { text: number(n) })));
    return el('section', { class: 'card' }, el('div', { class: 'card-head' }, el('h2', { text: 'Rows' })), el('dl', { class: 'evidence' }, facts), target ? el('p', { class: 'said', text: `Target ${target.name} (${target.task}): ${target.about}` }) : null, notes.map((text) => el('p', { class: 'said', text })));
  }

  #classes(classes) {
    const sets = ['train', 'dev', 'test'].filter((name) => classes.some((one) => one[name] !== undefined && one[name] !== null));
    const totals = Object.fromEntries(sets.map((name) => [name, classes.reduce((sum, one) => sum + (one[name] ?? 0), 0) || 1]));
    const most = Math.max(...classes.map((one) => (one.train ?? 0) / totals.train), 1e-9);
    return el(
      'section',
      { class: 'card' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Classes' })),
      el(
        'div',
        { class: 'table-scroll' },
        el(
          'table',
          { class: 'bars' },
          el('thead', {}, el('tr', {}, el('th', { scope: 'col', text: 'class' }), el('th', { scope: 'col', text: 'share of the train rows' }), sets.map((name) => el('th', { scope: 'col', class: 'num', text: name })))),
          el(
            'tbody',
            {},
            classes.map((one) => {
              const share = (one.train ?? 0) / totals.train;
              return el(
                'tr',
                {},
                el('th', { scope: 'row', text: String(one.name) }),
                el('td', {}, el('div', { class: 'bar' }, el('span', { class: 'bar-value', style: { width: `${(share / most) * 100}%` } })), el('span', { class: 'bar-words', text: percent(share, 2) })),
                sets.map((name) => el('td', { class: 'num', text: number(one[name]) })),
              );
            }),
          ),
        ),
      ),
    );
  }

  #checks(checks, { in_order: passed = [], left_out: left = [], row_numbers: numbers }) {
    return el(
      'section',
      { class: 'card' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Checks' })),
      checks.length
        ? checks.map((check) => {
            const severity = SEVERITIES[check.severity] ? check.severity : 'info';
            return el(
              'article',
              { class: 'finding', 'data-severity': severity },
              el('header', {}, el('span', { class: 'severity', text: SEVERITIES[severity] }), el('h3', { text: spaced(check.name) })),
              el('p', { text: check.meaning }),
              check.evidence?.length ? el('dl', { class: 'evidence' }, check.evidence.map(([name, value]) => el('div', {}, el('dt', { text: spaced(String(name)) }), el('dd', { text: String(value) })))) : null,
            );
          })
        : el('p', { class: 'empty', text: 'The checks found nothing.' }),
      passed.length ? el('details', { class: 'said' }, el('summary', { text: `In order: ${passed.length}` }), el('ul', {}, passed.map((text) => el('li', { text: String(text) })))) : null,
      left.map((text) => el('p', { class: 'said where', text: String(text) })),
      numbers ? el('p', { class: 'said where', text: numbers }) : null,
    );
  }

  #columns(columns, more = 0) {
    return el(
      'section',
      { class: 'card' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Columns' }), el('span', { class: 'count', text: more ? `the first ${columns.length} of ${columns.length + more}` : String(columns.length) })),
      el(
        'div',
        { class: 'table-scroll' },
        el(
          'table',
          {},
          el('thead', {}, el('tr', {}, ['column', 'kind', 'missing', 'about'].map((text) => el('th', { scope: 'col', class: text === 'missing' ? 'num' : '', text })))),
          el(
            'tbody',
            {},
            columns.map((column) =>
              el(
                'tr',
                {},
                el('th', { scope: 'row', text: column.name }),
                el('td', { text: column.kind }),
                el('td', { class: column.missing > 0 ? 'num some' : 'num', text: column.missing > 0 ? percent(column.missing, 2) : '–' }),
                el('td', { text: column.about ?? '' }),
              ),
            ),
          ),
        ),
      ),
    );
  }
}
