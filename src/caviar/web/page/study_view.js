// A search, finished or under way: all its curves, its settings against its values, its trials.
//
// Curves are drawn with every news. What lies below them is drawn part by part, at most twice a second and only where
// it is in sight, so that a search of thousands of networks stays light.

import { CurveChart } from './chart.js';
import { el, fill, segmented } from './dom.js';
import { count, errorFormat, number, percent, setting, spaced, whole } from './format.js';
import { drawImportance, drawRungs } from './importance.js';
import { Parallel } from './parallel.js';
import { dimensionScale, valueScale } from './scales.js';
import { Scatter } from './scatter.js';
import { zoomFrom } from './session_view.js';
import { brushFrom, brushText } from './state.js';
import { TrialTable } from './table.js';
import { Comparison, TrialDetail } from './trial.js';

/** Milliseconds between two drawings of a part that only follows the news. */
const CALM = 500;
const MOST_PICKED = 7;
const PARTS = ['parallel', 'restyle', 'table', 'side', 'scatter', 'comparison'];

export class StudyView {
  #context;
  #stale = new Set(PARTS);
  #queue = [];
  #last = -Infinity;
  #restyled = -Infinity;
  #restyle = true;
  #late = false;
  #visible = new Set();
  #drawn = new Set();
  #styles;
  #trials = [];
  #kept = null;
  #ranks = new Map();
  #axes = [];
  #value = null;
  #brush = new Map();
  #off = [];
  #timer = 0;

  constructor(context) {
    this.#context = { ...context, open: (trial) => this.#open(trial) };
    this.#styles = restyled(styles(), context.theme);
    this.#build();
    this.observer = new IntersectionObserver((entries) => {
      for (const entry of entries) this.#visible[entry.isIntersecting ? 'add' : 'delete'](entry.target);
      this.#touch();
    });
    for (const part of [this.parallel.root, this.scatter.root, this.table.root]) this.observer.observe(part);
    this.#off = [context.keys.add(this.#keys()), context.theme.listen(() => this.#themed()), context.state.listen(() => this.#address())];
    this.#brush = brushFrom(context.state.get('brush'));
  }

  destroy() {
    clearTimeout(this.#timer);
    for (const off of this.#off) off();
    for (const part of [this.chart, this.parallel, this.scatter, this.comparison]) part.destroy();
    this.observer.disconnect();
  }

  #build() {
    const { invalidate, say, theme } = this.#context;
    this.chart = new CurveChart({
      label: 'Curves',
      testid: 'curves-study',
      theme,
      onpick: (key) => this.#open(Number(key)),
      onzoom: (zoom) => this.#set({ x: zoom && zoom.join('~') }),
      oninvalid: invalidate,
    });
    this.parallel = new Parallel({ onbrush: (brush) => this.#brushed(brush), oninvalid: () => this.#touch('parallel'), theme });
    this.scatter = new Scatter({ onopen: (trial) => this.#open(trial), oninvalid: () => this.#touch('scatter'), theme });
    this.table = new TrialTable({
      onopen: (trial) => this.#open(trial),
      onpick: (trial) => this.#pick(trial),
      onsort: (sort) => this.#set({ sort }, 'table'),
      onfilter: (filter) => this.#set({ filter }, 'table'),
    });
    this.detail = new TrialDetail({ onclose: () => this.#open(null), onpick: (trial) => this.#pick(trial), say });
    this.comparison = new Comparison(this.#context, { onpick: (trial) => this.#pick(trial), onclear: () => this.#set({ picks: null }, ...PARTS) });
    this.axis = segmented({ label: 'Scale of the values', options: [['log', 'log'], ['linear', 'linear']], testid: 'y', onchoose: (value) => this.#set({ y: value === 'log' ? null : value }, 'comparison') });
    this.whole = el('button', { type: 'button', text: 'All epochs', title: 'Shows all epochs again (0)', hidden: true, 'data-testid': 'zoom-reset', onclick: () => this.#set({ x: null }) });
    this.headline = el('div', { class: 'headline' });
    this.importance = el('div', { 'data-testid': 'importance' });
    this.rungs = el('div', { 'data-testid': 'rungs' });
    this.critic = el('ul', { class: 'critic' });
    this.zooms = el('ol', { class: 'critic' });
    this.brushes = el('span', { class: 'chips', 'data-testid': 'brushes' });
    this.side = segmented({
      label: 'About the search',
      options: [['importance', 'What matters'], ['rungs', 'Rungs'], ['zooms', 'Zooms'], ['critic', 'Critic']],
      testid: 'side',
      onchoose: (value) => this.#set({ side: value === 'importance' ? null : value }, 'side'),
    });
    this.root = el('div', { class: 'study' }, this.#top(), this.#middle(), this.#bottom(), this.#scatters());
  }

  #top() {
    const legend = el('span', { class: 'legend' }, el('span', { class: 'key-line best' }), 'best', el('span', { class: 'key-line many' }), 'complete', el('span', { class: 'key-line few' }), 'pruned or failed');
    return el(
      'div',
      { class: 'study-top' },
      el('section', { class: 'card curves', 'aria-label': 'Learning curves' }, el('div', { class: 'card-head' }, this.axis.root, this.whole, el('span', { class: 'grow' }), legend), el('div', { class: 'charts' }, this.chart.root)),
      el('section', { class: 'card side', 'aria-label': 'About the search' }, this.headline, el('div', { class: 'card-head' }, this.side.root), el('div', { class: 'scroll' }, this.importance, this.rungs, this.zooms, this.critic)),
    );
  }

  #middle() {
    return el(
      'section',
      { class: 'card', 'aria-label': 'Settings together' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Settings together' }), el('span', { class: 'where', text: 'draw along an axis to choose a range' }), this.brushes),
      this.parallel.root,
    );
  }

  #bottom() {
    return el('div', { class: 'study-trials' }, el('section', { class: 'card', 'aria-label': 'Trials' }, this.table.root), el('div', { class: 'beside' }, this.detail.root, this.comparison.root));
  }

  #scatters() {
    return el(
      'section',
      { class: 'card', 'aria-label': 'Setting by setting' },
      el('div', { class: 'card-head' }, el('h2', { text: 'Setting by setting' }), el('span', { class: 'legend' }, el('span', { class: 'key-band' }), 'zooms of coarse to fine, the later the stronger')),
      this.scatter.root,
    );
  }

  // ---- state

  get #picks() {
    const { store, state, palette } = this.#context;
    const numbers = state.getList('picks').map(Number).filter((one) => store.trials.has(one));
    return new Map(numbers.map((one, at) => [one, palette.colour(palette.chosen(at))]));
  }

  #set(values, ...stale) {
    this.#context.state.set(values);
    this.#touch(...stale);
  }

  /** Has parts drawn anew with the next frame. */
  #touch(...parts) {
    for (const part of parts) this.#stale.add(part);
    this.#queue = [];
    this.#last = -Infinity;
    this.#context.invalidate();
  }

  #address() {
    this.#brush = brushFrom(this.#context.state.get('brush'));
    this.#keep();
    this.#touch(...PARTS);
  }

  #brushed(brush) {
    this.#brush = brush;
    this.#keep();
    this.#set({ brush: brushText(brush) || null }, ...PARTS);
  }

  #open(trial) {
    this.#set({ trial }, 'restyle', 'table', 'comparison');
    if (trial !== null) this.table.turnTo(trial);
  }

  #pick(trial) {
    const picks = this.#context.state.getList('picks').map(Number);
    const at = picks.indexOf(trial);
    if (at >= 0) picks.splice(at, 1);
    else if (picks.length >= MOST_PICKED) {
      this.#context.say(`At most ${MOST_PICKED} trials are compared. Take one out first.`, 'refused');
    } else picks.push(trial);
    this.#set({ picks: picks.join(',') || null }, ...PARTS);
  }

  #themed() {
    restyled(this.#styles, this.#context.theme);
    this.chart.themed();
    this.comparison.chart.themed();
    this.#touch(...PARTS);
  }

  // ---- drawing

  /** @param {Set<string> | null} changed */
  update(changed) {
    const { store, state } = this.#context;
    const reset = !changed || changed.has('reset');
    if (reset || changed.has('trials') || changed.has('run')) {
      for (const part of PARTS) if (part !== 'restyle') this.#stale.add(part);
      this.#late = true;
    }
    if (changed?.has('zooms')) this.#stale.add('scatter').add('side');
    if (changed?.has('rungs')) this.#stale.add('side');
    if (changed?.has('curves') && state.get('picks')) this.#stale.add('comparison');
    const now = performance.now();
    if (reset) {
      this.#restyle = true;
      this.#last = -Infinity;
    }
    if (this.#late && !this.#queue.length && now - this.#last > CALM) this.#count();
    this.#curves(now, store, state);
    this.#parts(now);
  }

  /** What is derived from all trials: the order of their values, the axes, those that the brushes keep. */
  #count() {
    this.#late = false;
    const { store } = this.#context;
    const { run } = store;
    this.#trials = [...store.trials.values()];
    const smaller = run.smaller_is_better !== false;
    const ranked = this.#trials.filter((trial) => trial.state === 'complete' && Number.isFinite(trial.value));
    ranked.sort((a, b) => (smaller ? a.value - b.value : b.value - a.value));
    this.#ranks = new Map(ranked.map((trial, at) => [trial.number, ranked.length > 1 ? at / (ranked.length - 1) : 0]));
    const words = this.#words();
    const order = new Map((run.importance ?? []).map((one, at) => [one.name, at]));
    const names = Object.keys(run.space ?? {}).sort((a, b) => (order.get(a) ?? 99) - (order.get(b) ?? 99));
    this.#axes = names.map((name) => ({ name, title: name, scale: dimensionScale(run.space[name]), value: (trial) => trial.params?.[name], words: setting }));
    this.#value = { name: 'value', title: run.metric ?? 'value', scale: valueScale(ranked.map((trial) => trial.value)), value: (trial) => trial.value ?? undefined, words };
    this.#keep();
  }

  #words() {
    const { run } = this.#context.store;
    return errorFormat(run);
  }

  /** The trials within all brushes; null where there is no brush. */
  #keep() {
    const brushed = [...this.#axes, ...(this.#value ? [this.#value] : [])].filter((axis) => this.#brush.has(axis.name));
    if (!brushed.length) {
      this.#kept = null;
      return;
    }
    this.#kept = new Set();
    for (const trial of this.#trials) {
      const inside = brushed.every((axis) => {
        const at = axis.scale.of(axis.value(trial));
        const [low, high] = this.#brush.get(axis.name);
        return at >= low - 1e-9 && at <= high + 1e-9;
      });
      if (inside) this.#kept.add(trial.number);
    }
  }

  #curves(now, store, state) {
    const { run } = store;
    const zoom = zoomFrom(state.get('x'));
    const log = state.get('y') !== 'linear';
    this.axis.choose(log ? 'log' : 'linear');
    this.whole.hidden = !zoom;
    this.chart.log = log;
    this.chart.zoom = zoom;
    this.chart.format = this.#curveWords();
    this.chart.title = `${spaced(run.curve ?? 'curves')} by epoch`;
    // A trial that ended gets its colour with the next full drawing, so that a living search is not drawn anew all the time.
    const restyle = this.#restyle || now - this.#restyled > 2000;
    if (restyle) {
      this.#restyled = now;
      thin(this.#styles, store.curves.size);
    }
    const best = store.bestTrial();
    const picks = this.#picks;
    const open = state.getNumber('trial');
    for (const [trial, curve] of store.curves) {
      if (!restyle && this.chart.has(String(trial)) && trial !== best && trial !== this.#best) continue;
      this.#put(trial, curve, { best, picks, open });
    }
    this.#best = best;
    this.#restyle = false;
    if (restyle) this.chart.keep(new Set([...store.curves.keys()].map(String)));
    this.chart.describe(`${run.curve ?? 'curves'} by epoch of ${count(store.curves.size, 'network')}${best === null ? '' : `; the best is trial ${best}`}. Arrow keys read values.`);
    this.chart.draw();
  }

  #best = null;

  #put(trial, curve, { best, picks, open }) {
    const { palette, store } = this.#context;
    const state = store.trials.get(trial)?.state ?? 'complete';
    const faded = this.#kept && !this.#kept.has(trial);
    const at = picks.size ? [...picks.keys()].indexOf(trial) : -1;
    const emphasis = at >= 0 ? palette.style(palette.chosen(at), 'dev', true) : trial === best ? this.#styles.best : trial === open ? this.#styles.open : null;
    this.chart.put({
      key: String(trial),
      curve,
      style: faded ? this.#styles.faded : state === 'complete' || state === 'running' ? this.#styles.many : this.#styles.few,
      first: 0,
      every: 1,
      label: `trial ${trial}`,
      emphasis,
      tag: emphasis ? String(trial) : '',
    });
  }

  #curveWords() {
    const { run } = this.#context.store;
    const error = run.curve === 'dev_error' || run.curve === 'train_error';
    return error && run.task === 'classification' ? percent : number;
  }

  /** Draws one of the parts that are stale and in sight, or were never drawn; the others follow with the next frames. */
  #parts(now) {
    const roots = { parallel: this.parallel.root, table: this.table.root, scatter: this.scatter.root };
    const wanted = () => PARTS.filter((part) => this.#stale.has(part) && (!roots[part] || !this.#drawn.has(part) || this.#visible.has(roots[part])));
    if (!this.#queue.length) {
      if (now - this.#last < CALM) {
        if (!this.#timer && wanted().length) this.#wait(now);
        return;
      }
      this.#queue = wanted();
    }
    const part = this.#queue.shift();
    if (part === undefined) return;
    this.#stale.delete(part);
    this.#drawn.add(part);
    this.#draw(part);
    if (this.#queue.length) this.#context.invalidate();
    else this.#last = now;
  }

  #wait(now) {
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      this.#context.invalidate();
    }, CALM - (now - this.#last));
  }

  #draw(part) {
    const { store, state } = this.#context;
    const words = this.#words();
    const best = store.bestTrial();
    const picked = this.#picks;
    const open = state.getNumber('trial');
    const metric = store.run.metric ?? 'value';
    const data = { axes: this.#axes, value: this.#value, trials: this.#trials, kept: this.#kept, ranks: this.#ranks, best, picked, zooms: store.zooms };
    if (part === 'restyle') {
      this.#restyle = true;
      this.#context.invalidate();
    } else if (part === 'parallel') {
      const axes = this.#value ? [...this.#axes, this.#value] : this.#axes;
      this.parallel.draw({ ...data, axes, brush: this.#brush });
      this.#chips(axes);
    } else if (part === 'scatter') this.scatter.draw(data);
    else if (part === 'table') {
      const down = store.run.smaller_is_better === false ? '-value' : 'value';
      this.table.draw({ ...data, names: this.#axes.map((axis) => axis.name), metric, words, sort: state.get('sort', down), filter: state.get('filter'), open });
      this.detail.draw(store.trials.get(open) ?? null, { metric, words, picked: picked.has(open), best: open === best && best !== null });
    } else if (part === 'comparison') {
      this.comparison.draw([...picked.keys()].map((one) => store.trials.get(one)), { metric, words: this.#curveWords(), log: state.get('y') !== 'linear' });
    } else this.#side();
  }

  #chips(axes) {
    fill(
      this.brushes,
      [...this.#brush].map(([name, [low, high]]) => {
        const axis = axes.find((one) => one.name === name);
        if (!axis) return null;
        const { options } = axis.scale;
        const text = options
          ? options.filter((option) => axis.scale.of(option) >= low && axis.scale.of(option) <= high).map(setting).join(', ') || 'none'
          : `${axis.words(axis.scale.at(low))} to ${axis.words(axis.scale.at(high))}`;
        return el('button', { type: 'button', class: 'chip', text: `${axis.title} ${text} ×`, 'aria-label': `Choose all of ${axis.title} again`, onclick: () => this.#unbrush(name) });
      }),
    );
  }

  #unbrush(name) {
    const brush = new Map(this.#brush);
    brush.delete(name);
    this.#brushed(brush);
  }

  #side() {
    const { store, state } = this.#context;
    const { run } = store;
    const best = store.trials.get(store.bestTrial());
    const states = new Map();
    for (const trial of store.trials.values()) states.set(trial.state, (states.get(trial.state) ?? 0) + 1);
    const counts = [...states].map(([name, n]) => `${whole(n)} ${name}`).join(', ');
    const sentences = run.headline?.length ? run.headline : [best ? `The best ${run.metric} so far is ${this.#words()(best.value)}, by trial ${best.number}.` : 'No network is ready so far.'];
    fill(this.headline, el('p', { class: 'where', text: `${run.finished ? 'Finished' : 'Under way'}: ${count(store.trials.size, 'trial')}${counts ? ` (${counts})` : ''}` }), sentences.map((text) => el('p', { text })));
    const side = state.get('side', 'importance');
    this.side.choose(side);
    this.importance.hidden = side !== 'importance';
    this.rungs.hidden = side !== 'rungs';
    this.zooms.hidden = side !== 'zooms';
    this.critic.hidden = side !== 'critic';
    drawImportance(this.importance, run);
    drawRungs(this.rungs, store.rungs.values());
    const none = (text) => el('li', { class: 'empty', text });
    fill(this.zooms, store.zooms.length ? store.zooms.map((zoom) => el('li', {}, el('b', { text: `Generation ${zoom.generation}` }), ` ${zoom.reason}`)) : none('No zooms: the whole space was searched.'));
    fill(this.critic, run.critic?.length ? run.critic.map((text) => el('li', { text })) : none('The critic has nothing to say so far.'));
  }

  // ---- keys

  #step(by) {
    const { listed } = this.table;
    const at = listed.findIndex((trial) => trial.number === this.#context.state.getNumber('trial'));
    const next = listed[at < 0 ? 0 : at + by];
    if (next) this.#open(next.number);
  }

  #keys() {
    const on = (group, keys, words, run, shown) => ({ keys, words, group, run, shown });
    const { state } = this.#context;
    return [
      on('Trials', ['j'], 'Open the next trial of the table', () => this.#step(1)),
      on('Trials', ['k'], 'Open the trial before', () => this.#step(-1)),
      on('Trials', ['o'], 'Open the best trial', () => this.#open(this.#context.store.bestTrial())),
      on('Trials', ['c'], 'Compare the open trial, or no more', () => state.getNumber('trial') !== null && this.#pick(state.getNumber('trial'))),
      on('Trials', ['C'], 'Compare none', () => this.#set({ picks: null }, ...PARTS)),
      on('Trials', ['/'], 'Filter the table', () => this.table.filter.focus()),
      on('Trials', ['n'], 'Next page of the table', () => this.table.turn(1)),
      on('Trials', ['N'], 'Page before', () => this.table.turn(-1)),
      on('Trials', ['Escape'], 'Close the open trial', () => this.#open(null)),
      on('Settings', ['s'], 'To the axes: arrow keys move the ends of a range, Delete takes it away', () => this.parallel.focus()),
      on('Settings', ['x'], 'Take all ranges away', () => this.#brushed(new Map())),
      on('Curves', ['l'], 'Log or linear', () => this.#set({ y: state.get('y') === 'linear' ? null : 'linear' }, 'comparison')),
      on('Curves', ['z'], 'The later half of the epochs', () => this.#later()),
      on('Curves', ['0'], 'All epochs', () => this.#set({ x: null })),
      on('Curves', ['g'], 'To the curves; arrow keys read values', () => this.chart.upper.focus()),
    ];
  }

  #later() {
    const [from, to] = zoomFrom(this.#context.state.get('x')) ?? [1, this.chart.longest];
    if (to - from > 4) this.#set({ x: `${Math.round((from + to) / 2)}~${to}` });
  }
}

function styles() {
  const one = () => ({ colour: '', width: 1, alpha: 1, dash: null });
  return { many: one(), few: one(), faded: one(), best: one(), open: one() };
}

/** Makes curves the fainter the more there are, so that one sees where many lie. */
function thin(found, curves) {
  found.many.alpha = Math.min(0.7, Math.max(0.05, 4 / Math.sqrt(curves + 1)));
  found.few.alpha = found.many.alpha;
  found.faded.alpha = found.many.alpha / 3;
}

/** The same style objects with the colours of the theme. */
function restyled(found, theme) {
  const palette = theme.colours();
  Object.assign(found.many, { colour: palette.many });
  Object.assign(found.few, { colour: palette.few });
  Object.assign(found.faded, { colour: palette.few });
  Object.assign(found.best, { colour: palette.best, width: 2.6 });
  Object.assign(found.open, { colour: palette.ink, width: 2.2 });
  return found;
}
