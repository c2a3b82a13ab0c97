// The trials of a study as a table: sorted by any column, filtered, a page at a time.

import { el, fill, write } from './dom.js';
import { count, number, setting, whole } from './format.js';

const PAGE = 50;
const NUMBERS = new Set(['number', 'value', 'generation', 'epochs', 'seconds']);
const OPERATORS = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b || String(a) === String(b),
  '!=': (a, b) => !(a === b || String(a) === String(b)),
};

export class TrialTable {
  #columns = [];
  #page = 0;
  #data = null;
  #found = [];
  #on;

  /**
   * @param {{onopen: (number: number) => void, onpick: (number: number) => void, onsort: (text: string) => void,
   *   onfilter: (text: string) => void}} on
   */
  constructor(on) {
    this.#on = on;
    this.filter = el('input', {
      type: 'search',
      placeholder: 'value<0.05 layers=2 relu',
      'aria-label': 'Filter of trials: words, or comparisons such as value<0.05',
      autocomplete: 'off',
      spellcheck: 'false',
      'data-testid': 'filter',
      oninput: () => {
        this.#page = 0;
        on.onfilter(this.filter.value.trim());
      },
      onkeydown: (event) => event.key === 'Escape' && this.filter.blur(),
    });
    this.number = el('span', { class: 'where', 'data-testid': 'trials-shown' });
    this.problem = el('span', { class: 'why-not', role: 'status' });
    this.head = el('tr', {});
    this.body = el('tbody', {});
    this.where = el('span', { class: 'where' });
    const turn = (by, text, label) => el('button', { type: 'button', text, 'aria-label': label, onclick: () => this.turn(by) });
    this.before = turn(-1, '‹', 'Page before');
    this.after = turn(1, '›', 'Next page');
    this.root = el(
      'div',
      { class: 'trials' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Trials' }), this.filter, this.number, this.problem, el('span', { class: 'grow' }), this.before, this.where, this.after),
      el('div', { class: 'table-scroll' }, el('table', { 'data-testid': 'trials' }, el('thead', {}, this.head), this.body)),
    );
  }

  turn(by) {
    this.#page = Math.max(0, Math.min(Math.ceil(this.#found.length / PAGE) - 1, this.#page + by));
    this.#show();
  }

  /** The trials as they are listed, all pages. */
  get listed() {
    return this.#found;
  }

  /** Turns to the page of a trial. */
  turnTo(number) {
    const at = this.#found.findIndex((trial) => trial.number === number);
    if (at >= 0 && Math.floor(at / PAGE) !== this.#page) {
      this.#page = Math.floor(at / PAGE);
      this.#show();
    }
  }

  /**
   * @param {{trials: any[], names: string[], metric: string, words: (v: number) => string, kept: Set<number> | null,
   *   sort: string, filter: string, best: number | null, open: number | null, picked: Map<number, string>}} data
   */
  draw(data) {
    this.#data = data;
    this.#columns = columns(data);
    if (document.activeElement !== this.filter) this.filter.value = data.filter;
    const { test, problem } = filterFrom(data.filter, this.#columns);
    write(this.problem, problem);
    this.#found = data.trials.filter((trial) => (!data.kept || data.kept.has(trial.number)) && test(trial));
    this.#sort(data.sort);
    this.#page = Math.min(this.#page, Math.max(0, Math.ceil(this.#found.length / PAGE) - 1));
    this.#headings(data.sort);
    this.#show();
  }

  #sort(sort) {
    const down = sort.startsWith('-');
    const column = this.#columns.find((one) => one.name === sort.replace(/^-/, '')) ?? this.#columns[0];
    const sign = down ? -1 : 1;
    this.#found.sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      const [noX, noY] = [x === null || x === undefined, y === null || y === undefined];
      if (noX || noY) return noX === noY ? a.number - b.number : noX ? 1 : -1;
      if (typeof x === 'number' && typeof y === 'number') return sign * (x - y) || a.number - b.number;
      return sign * String(setting(x)).localeCompare(String(setting(y)), undefined, { numeric: true }) || a.number - b.number;
    });
  }

  #headings(sort) {
    const name = sort.replace(/^-/, '');
    fill(
      this.head,
      el('th', { scope: 'col' }, el('span', { class: 'hidden', text: 'Compare' })),
      this.#columns.map((column) => {
        const sorted = column.name === name;
        const down = sort.startsWith('-');
        return el(
          'th',
          { scope: 'col', class: NUMBERS.has(column.name) || numeric(column, this.#found) ? 'num' : '', 'aria-sort': sorted ? (down ? 'descending' : 'ascending') : 'none' },
          el('button', {
            type: 'button',
            text: column.title + (sorted ? (down ? ' ↓' : ' ↑') : ''),
            'data-testid': `sort-${column.name}`,
            'data-key': `sort-${column.name}`,
            onclick: () => this.#on.onsort(sorted && !down ? `-${column.name}` : column.name),
          }),
        );
      }),
    );
  }

  #show() {
    const { picked, open, best, trials } = this.#data;
    const from = this.#page * PAGE;
    const rows = this.#found.slice(from, from + PAGE);
    write(this.number, this.#found.length === trials.length ? count(trials.length, 'trial') : `${whole(this.#found.length)} of ${count(trials.length, 'trial')}`);
    write(this.where, this.#found.length > PAGE ? `${whole(from + 1)} to ${whole(from + rows.length)}` : '');
    this.before.hidden = this.after.hidden = this.#found.length <= PAGE;
    this.before.disabled = this.#page === 0;
    this.after.disabled = from + PAGE >= this.#found.length;
    fill(
      this.body,
      rows.map((trial) => this.#row(trial, picked.get(trial.number), trial.number === open, trial.number === best)),
    );
  }

  #row(trial, colour, open, best) {
    const pick = el('input', {
      type: 'checkbox',
      checked: colour !== undefined,
      'aria-label': `Compare trial ${trial.number}`,
      'data-testid': `pick-${trial.number}`,
      'data-key': `pick-${trial.number}`,
      onclick: (event) => event.stopPropagation(),
      onchange: () => this.#on.onpick(trial.number),
    });
    return el(
      'tr',
      {
        class: [open && 'open', best && 'best', trial.state !== 'complete' && 'dim'].filter(Boolean).join(' '),
        'data-testid': `trial-${trial.number}`,
        onclick: () => this.#on.onopen(trial.number),
      },
      el('td', { class: 'pick', style: colour ? { '--colour': colour } : {} }, el('label', { class: 'touch', onclick: (event) => event.stopPropagation() }, pick)),
      this.#columns.map((column) => {
        const value = column.value(trial);
        const text = column.words(value);
        if (column.name !== 'number') return el('td', { class: typeof value === 'number' ? 'num' : '', text });
        return el(
          'td',
          { class: 'num' },
          el('button', { type: 'button', class: 'link', text: best ? `${text} best` : text, 'data-key': `open-${trial.number}`, 'aria-label': `Open trial ${trial.number}` }),
        );
      }),
    );
  }
}

/** Whether the first value that there is in a column is a number. */
function numeric(column, trials) {
  const value = trials.map((trial) => column.value(trial)).find((one) => one !== null && one !== undefined);
  return typeof value === 'number';
}

function columns({ names, metric, words }) {
  const own = (name, title, show = number) => ({ name, title, value: (trial) => trial[name], words: show });
  return [
    own('number', 'trial', String),
    own('value', metric, words),
    { ...own('state', 'state', String), value: (trial) => (trial.diverged ? 'diverged' : trial.state) },
    own('generation', 'generation', (v) => number(v)),
    own('epochs', 'epochs'),
    own('seconds', 'seconds', (v) => number(v, 3)),
    ...names.map((name) => ({
      name,
      title: name,
      value: (trial) => trial.params?.[name],
      words: (value) => (value === null || value === undefined ? '–' : setting(value)),
    })),
  ];
}

/** What a filter means, and what of it cannot be read. */
export function filterFrom(text, known) {
  const tests = [];
  const unknown = [];
  for (const part of text.split(/\s+/).filter(Boolean)) {
    const found = /^([\w-]+)(<=|>=|!=|<|>|=)(.+)$/.exec(part);
    if (found) {
      const column = known.find((one) => one.name === found[1] || one.title === found[1]);
      if (!column) unknown.push(found[1]);
      else {
        const wanted = Number.isNaN(Number(found[3])) ? found[3] : Number(found[3]);
        const operator = OPERATORS[found[2]];
        tests.push((trial) => {
          const value = column.value(trial);
          return value !== null && value !== undefined && operator(value, wanted);
        });
      }
    } else {
      const word = part.toLowerCase();
      tests.push((trial) => known.some((one) => typeof one.value(trial) !== 'number' && String(one.value(trial) ?? '').toLowerCase().includes(word)));
    }
  }
  return {
    test: (trial) => tests.every((one) => one(trial)),
    problem: unknown.length ? `There is no column ${unknown.join(', ')}.` : '',
  };
}
