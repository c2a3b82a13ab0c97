// One trial in detail, with its settings to copy, and several compared: their curves, and the settings that differ.

import { CurveChart } from './chart.js';
import { el, fill } from './dom.js';
import { count, number, setting, whole } from './format.js';

/** A trial that was opened. */
export class TrialDetail {
  #on;
  #key = '';

  /** @param {{onclose: () => void, onpick: (number: number) => void, say: (words: string, kind?: string) => void}} on */
  constructor(on) {
    this.#on = on;
    this.root = el('section', { class: 'card detail', 'aria-label': 'Trial', 'data-testid': 'detail', hidden: true });
  }

  /** @param {any | null} trial */
  draw(trial, { metric, words, picked, best }) {
    const key = JSON.stringify([trial, picked, best]);
    if (key === this.#key) return;
    this.#key = key;
    this.root.hidden = !trial;
    if (!trial) {
      fill(this.root);
      return;
    }
    const text = toml(trial.params ?? {});
    const lines = el('pre', { class: 'toml', tabindex: '0', 'aria-label': 'Settings as TOML', 'data-testid': 'toml', text });
    const facts = [
      [metric, words(trial.value)],
      ['state', trial.state],
      ['generation', number(trial.generation)],
      ['epochs', number(trial.epochs)],
      ['seconds', number(trial.seconds, 3)],
    ];
    fill(
      this.root,
      el(
        'div',
        { class: 'card-head' },
        el('h2', { text: `Trial ${trial.number}` }),
        best ? el('span', { class: 'badge', text: 'best' }) : null,
        el('span', { class: 'grow' }),
        el('button', { type: 'button', text: picked ? 'Compare no more' : 'Compare', 'data-key': 'detail-pick', onclick: () => this.#on.onpick(trial.number) }),
        el('button', { type: 'button', text: 'Close', 'data-key': 'detail-close', 'data-testid': 'detail-close', onclick: () => this.#on.onclose() }),
      ),
      el('dl', { class: 'evidence' }, facts.map(([name, value]) => el('div', {}, el('dt', { text: name }), el('dd', { text: String(value) })))),
      el('div', { class: 'card-head' }, el('h3', { text: 'Its settings, for --config' }), el('span', { class: 'grow' }), el('button', { type: 'button', text: 'Copy', 'data-testid': 'copy', 'data-key': 'detail-copy', onclick: () => this.#copy(lines, text) })),
      lines,
    );
  }

  async #copy(lines, text) {
    try {
      await navigator.clipboard.writeText(text);
      this.#on.say('The settings were copied.', 'done');
    } catch {
      getSelection()?.selectAllChildren(lines);
      this.#on.say('This browser does not let the page copy: the settings are selected, press Ctrl-C.', 'refused');
    }
  }
}

/** Trials side by side. */
export class Comparison {
  #context;
  #on;
  #frame = 0;

  /** @param {{onpick: (number: number) => void, onclear: () => void}} on */
  constructor(context, on) {
    this.#context = context;
    this.#on = on;
    this.chart = new CurveChart({ label: 'Curves', testid: 'curves-compared', theme: context.theme, oninvalid: () => this.#soon(), onpick: (key) => context.open(Number(key)) });
    this.table = el('div', { class: 'table-scroll' });
    this.root = el(
      'section',
      { class: 'card comparison', 'aria-label': 'Comparison', 'data-testid': 'comparison', hidden: true },
      el('div', { class: 'card-head' }, el('h2', { text: 'Compared' }), el('span', { class: 'grow' }), el('button', { type: 'button', text: 'Clear', 'data-testid': 'compare-clear', onclick: () => on.onclear() })),
      this.chart.root,
      this.table,
    );
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    this.chart.destroy();
  }

  /** Draws the curves alone: what the pointer does changes nothing else. */
  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.chart.draw();
    });
  }

  /** @param {any[]} trials - in the order of their choice */
  draw(trials, { metric, words, log }) {
    this.root.hidden = trials.length === 0;
    if (!trials.length) return;
    const { palette, store } = this.#context;
    const keys = new Set();
    trials.forEach((trial, at) => {
      const curve = store.curves.get(trial.number);
      if (!curve) return;
      keys.add(String(trial.number));
      this.chart.put({ key: String(trial.number), curve, style: palette.style(palette.chosen(at), 'dev', true), first: 0, every: 1, label: `trial ${trial.number}`, emphasis: null, tag: String(trial.number) });
    });
    this.chart.keep(keys);
    this.chart.log = log;
    this.chart.format = words;
    this.chart.draw();
    fill(this.table, this.#differing(trials, metric, words));
  }

  #differing(trials, metric, words) {
    const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.params ?? {})))];
    const differ = names.filter((name) => new Set(trials.map((trial) => JSON.stringify(trial.params?.[name] ?? null))).size > 1);
    const row = (name, cells) => el('tr', {}, el('th', { scope: 'row', text: name }), cells.map((text) => el('td', { class: 'num', text })));
    return el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          el('th', { scope: 'col', text: trials.length > 1 ? 'what differs' : 'settings' }),
          trials.map((trial, at) =>
            el('th', { scope: 'col', style: { '--colour': this.#context.palette.colour(this.#context.palette.chosen(at)) }, class: 'picked' }, el('button', { type: 'button', text: `${trial.number} ×`, 'data-key': `unpick-${trial.number}`, 'aria-label': `Take trial ${trial.number} out`, onclick: () => this.#on.onpick(trial.number) })),
          ),
        ),
      ),
      el(
        'tbody',
        {},
        row(metric, trials.map((trial) => words(trial.value))),
        row('epochs', trials.map((trial) => whole(trial.epochs ?? 0))),
        (trials.length > 1 ? differ : names).map((name) => row(name, trials.map((trial) => (trial.params?.[name] === undefined ? '–' : setting(trial.params[name]))))),
        trials.length > 1 && names.length > differ.length
          ? el('tr', {}, el('td', { colspan: trials.length + 1, class: 'where', text: `${count(names.length - differ.length, 'setting is', 'settings are')} the same.` }))
          : null,
      ),
    );
  }
}

/** Settings as lines of a TOML file that `--config` takes. */
export function toml(params) {
  const { layers, units, ...others } = params;
  const lines = [];
  if (units !== undefined) lines.push(`hidden_units = ${JSON.stringify(new Array(layers ?? 1).fill(units))}`);
  else if (layers !== undefined) lines.push(`# layers = ${layers}, of the units of the first network`);
  for (const [name, value] of Object.entries(others)) {
    if (value === null || value === undefined) continue;
    lines.push(`${name} = ${name === 'augment' && value === 'none' ? '[]' : tomlValue(value)}`);
  }
  return lines.length ? `${lines.join('\n')}\n` : '';
}

function tomlValue(value) {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (typeof value === 'string') return JSON.stringify(value);
  return String(value);
}
