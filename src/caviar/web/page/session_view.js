// A network that trains: its curves, its branches, what may be done, what is found, what was done.

import { CurveChart } from './chart.js';
import { Controls } from './controls.js';
import { el, fill, segmented, write } from './dom.js';
import { Findings } from './findings.js';
import { count, number } from './format.js';
import { Journal } from './journal.js';
import { ordered, Tree } from './tree.js';

const MEASURES = {
  loss: { title: 'Loss', parts: [['dev_loss', 'dev'], ['train_loss', 'train']] },
  error: { title: 'Error', parts: [['dev_error', 'dev'], ['train_error', 'train']] },
  rate: { title: 'Learning rate', parts: [['learning_rate', '']] },
  gradients: { title: 'Gradient norm', layers: 'gradient_norm' },
  updates: { title: 'Update ratio', layers: 'update_ratio' },
};
const SHOWN = [
  ['both', 'Loss and error'],
  ['loss', 'Loss'],
  ['error', 'Error'],
  ['rate', 'Rate'],
  ['gradients', 'Gradients', 'Length of the gradient, one curve per layer of the selected branch'],
  ['updates', 'Updates', 'Length of an update over that of the weights, one curve per layer of the selected branch'],
];
const LETTERS = { nudge: 'N', rewind: 'R', branch: 'B' };

export class SessionView {
  #context;
  #charts = new Map();
  #show = '';
  #off = [];

  constructor(context) {
    const select = (branch) => this.select(branch);
    this.#context = { ...context, select };
    this.tree = new Tree(this.#context);
    this.controls = new Controls(this.#context);
    this.findings = new Findings(this.#context);
    this.journal = new Journal(this.#context);
    this.shown = segmented({ label: 'Curves', options: SHOWN, testid: 'show', onchoose: (value) => this.#set({ show: value === 'both' ? null : value }) });
    this.axis = segmented({
      label: 'Scale of the values',
      options: [['log', 'log'], ['linear', 'linear']],
      testid: 'y',
      onchoose: (value) => this.#set({ y: value === 'log' ? null : value }),
    });
    this.whole = el('button', { type: 'button', text: 'All epochs', title: 'Shows all epochs again (0)', 'data-testid': 'zoom-reset', hidden: true, onclick: () => this.#set({ x: null }) });
    this.charts = el('div', { class: 'charts' });
    this.about = el('span', { class: 'where' });
    const right = el('div', { class: 'right' }, this.#branches(), this.controls.root);
    this.root = el('div', { class: 'session' }, this.#curves(), right, this.findings.root, this.journal.root);
    this.#off = [context.keys.add(this.#keys()), context.theme.listen(() => this.#themed()), context.state.listen(() => this.update(null))];
  }

  destroy() {
    for (const off of this.#off) off();
    for (const { chart } of this.#charts.values()) chart.destroy();
  }

  #curves() {
    this.legend = el(
      'span',
      { class: 'legend', 'aria-label': 'Solid lines are dev, dashed lines are train' },
      el('span', { class: 'key-line' }),
      'dev',
      el('span', { class: 'key-line dashed' }),
      'train',
    );
    return el(
      'section',
      { class: 'card curves', 'aria-label': 'Learning curves' },
      el('div', { class: 'card-head' }, this.shown.root, this.axis.root, this.whole, el('span', { class: 'grow' }), this.legend),
      this.charts,
    );
  }

  #branches() {
    const all = (verb, text, title) =>
      el('button', { type: 'button', text, title, 'data-testid': `all-${verb}`, onclick: () => this.#context.command({ verb }) });
    this.all = el('span', { class: 'pair' }, all('pause', 'Pause all', 'All branches stand still (P)'), all('resume', 'Resume all', 'All branches train on (P)'));
    return el(
      'section',
      { class: 'card branches', 'aria-label': 'Branches' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Branches' }), this.about, el('span', { class: 'grow' }), this.all),
      this.tree.root,
    );
  }

  /** The branch that is selected; the first where that one does not exist. */
  get branch() {
    const { store, state } = this.#context;
    const wanted = state.getNumber('branch');
    return store.branches.get(wanted) ?? ordered(store.branches)[0]?.[0] ?? null;
  }

  select(number) {
    this.#set({ branch: number === 0 ? null : number });
  }

  #set(values) {
    this.#context.state.set(values);
    this.update(null);
  }

  /** @param {Set<string> | null} changed - what changed in the store; null: anything may have */
  update(changed) {
    const any = (...names) => !changed || changed.has('reset') || names.some((name) => changed.has(name));
    const { branch } = this;
    if (any('run')) this.#aboutRun();
    if (any('run', 'branches')) {
      this.tree.update(branch?.number);
      this.controls.update(branch);
    }
    if (any('findings', 'run') || (changed?.has('branches') && this.#severalChanged())) this.findings.update();
    if (any('journal', 'effects')) this.journal.update();
    // With nothing changed it is the pointer, or a size, that asks for a drawing.
    if (!changed?.size || any('run', 'branches', 'curves', 'journal', 'effects')) this.#drawCurves(branch);
  }

  #several = false;
  #severalChanged() {
    const several = this.#context.store.branches.size > 1;
    const other = several !== this.#several;
    this.#several = several;
    return other;
  }

  #aboutRun() {
    const { run, alive } = this.#context.store;
    this.all.hidden = !alive;
    const rows = Object.entries(run.rows ?? {}).map(([name, n]) => `${name} ${number(n)}`).join(', ');
    this.about.title = `${run.task ?? ''} of ${run.target ?? ''}; rows: ${rows}; seed ${run.seed ?? ''}`;
    write(this.about, run.target ? `of ${run.target}` : '');
  }

  // ---- curves

  #drawCurves(branch) {
    const { state } = this.#context;
    const show = SHOWN.some(([value]) => value === state.get('show')) ? state.get('show') : 'both';
    const log = state.get('y') !== 'linear';
    this.#layers(branch);
    this.shown.choose(show);
    this.axis.choose(log ? 'log' : 'linear');
    if (show !== this.#show) this.#build(show);
    const zoom = zoomFrom(state.get('x'));
    this.whole.hidden = !zoom;
    this.legend.hidden = !['both', 'loss', 'error'].includes(show);
    const markers = this.#markers(branch);
    for (const [measure, { chart }] of this.#charts) {
      chart.log = log;
      chart.zoom = zoom;
      chart.format = measure === 'error' ? this.#context.errorFormat() : number;
      const keys = new Set();
      for (const series of this.#series(measure, branch)) {
        keys.add(series.key);
        chart.put(series);
      }
      chart.keep(keys);
      chart.mark(markers);
      chart.describe(this.#words(measure, branch));
      chart.draw();
    }
  }

  /** Gradients and updates can be shown only where they are recorded. */
  #layers(branch) {
    for (const measure of ['gradients', 'updates']) {
      this.shown.show(measure, Boolean(branch?.curves.has(`${MEASURES[measure].layers}:0`)));
    }
  }

  #build(show) {
    this.#show = show;
    for (const { chart } of this.#charts.values()) chart.destroy();
    this.#charts = new Map();
    for (const measure of show === 'both' ? ['loss', 'error'] : [show]) {
      const { title } = MEASURES[measure];
      const chart = new CurveChart({
        label: title,
        testid: `curves-${measure}`,
        theme: this.#context.theme,
        onpick: (key) => this.select(Number(key.split(' ')[0])),
        onzoom: (zoom) => this.#set({ x: zoom && zoom.join('~') }),
        oninvalid: this.#context.invalidate,
      });
      this.#charts.set(measure, { chart });
    }
    fill(this.charts, [...this.#charts.values()].map(({ chart }) => chart.root));
  }

  #series(measure, selected) {
    const { store, palette } = this.#context;
    const { parts, layers } = MEASURES[measure];
    if (layers) return this.#layerSeries(layers, selected);
    const found = [];
    for (const [branch] of ordered(store.branches)) {
      const strong = branch === selected;
      let tagged = false;
      for (const [name, role] of parts) {
        const curve = branch.curves.get(name);
        if (!curve?.values.length) continue;
        const drawn = role || 'dev';
        found.push({
          key: `${branch.number} ${name}`,
          curve,
          style: palette.style(branch.number, drawn),
          first: Math.max(0, Math.floor((branch.born ?? 0) / (branch.every ?? 1)) - 1),
          every: branch.every ?? 1,
          label: `branch ${branch.number} ${role}`.trim(),
          emphasis: strong ? palette.style(branch.number, drawn, true) : null,
          tag: tagged || store.branches.size < 2 ? '' : String(branch.number),
        });
        tagged = true;
      }
    }
    return found;
  }

  #layerSeries(name, branch) {
    const { palette } = this.#context;
    const found = [];
    for (let layer = 0; branch?.curves.has(`${name}:${layer}`); layer++) {
      found.push({
        key: `${branch.number} ${name} ${layer}`,
        curve: branch.curves.get(`${name}:${layer}`),
        style: palette.style(layer, 'dev'),
        first: 0,
        every: branch.every ?? 1,
        label: `branch ${branch.number}, layer ${layer + 1}`,
        emphasis: null,
        tag: String(layer + 1),
      });
    }
    return found;
  }

  /** Commands along the epochs; those of a future that was rewound are left out. */
  #markers(selected) {
    const { store } = this.#context;
    let found = [];
    for (const line of store.journal) {
      if (!LETTERS[line.verb] || line.epochs === null || line.epochs === undefined || !store.branches.has(line.branch)) continue;
      const rewound = line.verb === 'rewind';
      if (rewound) found = found.filter((one) => one.branch !== line.branch || one.x <= line.epoch);
      const effect = store.effects.get(line.line);
      found.push({
        branch: line.branch,
        x: Math.max(1, rewound ? (line.epoch ?? 0) : line.epochs),
        letter: LETTERS[line.verb],
        words: (line.words || line.verb) + (effect ? `: ${effect.words}` : ''),
        strong: line.branch === selected?.number,
      });
    }
    return found.sort((a, b) => a.x - b.x);
  }

  #words(measure, branch) {
    if (!branch) return `${MEASURES[measure].title}, no branches`;
    const format = measure === 'error' ? this.#context.errorFormat() : number;
    const last = (MEASURES[measure].parts ?? [])
      .map(([name, role]) => [role, branch.curves.get(name)?.values.at(-1)])
      .filter(([, value]) => value !== undefined)
      .map(([role, value]) => `${role} ${format(value)}`.trim());
    return `${MEASURES[measure].title} by epoch of ${count(this.#context.store.branches.size, 'branch', 'branches')}; branch ${branch.number}: ${last.join(', ')}. Arrow keys read values.`;
  }

  #themed() {
    for (const { chart } of this.#charts.values()) chart.themed();
    this.update(null);
  }

  // ---- keys

  #step(by) {
    const order = ordered(this.#context.store.branches).map(([branch]) => branch.number);
    const at = order.indexOf(this.branch?.number);
    const to = order[at + by];
    if (to !== undefined) this.select(to);
  }

  #pauseAll() {
    const branches = [...this.#context.store.branches.values()];
    const going = branches.some((branch) => branch.state === 'training' || branch.state === 'compiling');
    this.#context.command({ verb: going ? 'pause' : 'resume' });
  }

  #keys() {
    const { controls, findings } = this;
    const show = SHOWN.map(([value]) => value);
    const zoomLater = () => {
      const { chart } = this.#charts.values().next().value ?? {};
      if (!chart) return;
      const [from, to] = zoomFrom(this.#context.state.get('x')) ?? [1, chart.longest];
      if (to - from > 4) this.#set({ x: `${Math.round((from + to) / 2)}~${to}` });
    };
    const press = (button) => {
      button.focus();
      button.click();
    };
    const on = (group, keys, words, run, shown) => ({ keys, words, group, run, shown });
    return [
      on('Branches', ['j'], 'Next branch', () => this.#step(1)),
      on('Branches', ['k'], 'Branch before', () => this.#step(-1)),
      on('Branches', [...'123456789'], 'Branch 1 to 9', (event) => this.#context.store.branches.has(Number(event.key)) && this.select(Number(event.key)), '1 … 9'),
      on('Commands', ['p', ' '], 'Pause or resume the branch', () => controls.pauseOrResume(), 'p, space'),
      on('Commands', ['P'], 'Pause or resume all', () => this.#pauseAll()),
      on('Commands', ['b'], 'A copy trains beside it', () => controls.copy()),
      on('Commands', ['r'], 'Choose a kept epoch to go back to', () => controls.rewindTo.focus()),
      on('Commands', ['R'], 'Rewind to the chosen epoch', () => controls.rewind()),
      on('Commands', ['e'], 'Keep the network of the best epoch', () => controls.keep()),
      on('Commands', ['x'], 'Stop the branch (press twice)', () => press(controls.stopButton)),
      on('Commands', ['d'], 'Delete the branch (press twice)', () => press(controls.deleteButton)),
      on('Commands', ['n'], 'Write a note', () => controls.noteText.focus()),
      on('Settings', ['s'], 'To the settings', () => controls.focusSettings()),
      on('Settings', ['i'], 'A change acts on the branch, or on a copy', () => controls.otherMode()),
      on('Settings', ['f'], 'To the remedies', () => findings.focus()),
      on('Curves', ['m'], 'Next curves', () => this.#next(show)),
      on('Curves', ['l'], 'Log or linear', () => this.#set({ y: this.#context.state.get('y') === 'linear' ? null : 'linear' })),
      on('Curves', ['z'], 'The later half of the epochs', zoomLater),
      on('Curves', ['0'], 'All epochs', () => this.#set({ x: null })),
      on('Curves', ['c'], 'To the curves; arrow keys read values', () => this.#charts.values().next().value?.chart.upper.focus()),
    ];
  }

  #next(show) {
    const { branch } = this;
    const possible = show.filter((value) => !MEASURES[value]?.layers || branch?.curves.has(`${MEASURES[value].layers}:0`));
    const value = possible[(possible.indexOf(this.#show) + 1) % possible.length];
    this.#set({ show: value === 'both' ? null : value });
  }
}

/** The range of epochs in an address, or null. */
export function zoomFrom(text) {
  const found = /^(\d+)~(\d+)$/.exec(text);
  return found && Number(found[2]) - Number(found[1]) >= 2 ? [Number(found[1]), Number(found[2])] : null;
}
