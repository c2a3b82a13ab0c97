// The page: one run at a time, live. News goes into the store, at most once a frame the open view draws what changed.

import { commander } from './answers.js';
import { ask, Connection, inNotebook } from './connection.js';
import { DataView } from './data_view.js';
import { el, fill, write } from './dom.js';
import { count, errorFormat } from './format.js';
import { Frames } from './frames.js';
import { Keys } from './keys.js';
import { OtherView, ReportView } from './other_view.js';
import { Palette } from './palette.js';
import { SessionView } from './session_view.js';
import { ViewState } from './state.js';
import { Status } from './status.js';
import { Store } from './store.js';
import { StudyView } from './study_view.js';
import { Theme } from './theme.js';

/** Milliseconds between two looks at the list of runs. */
const RUNS_EVERY = 10_000;
const LIVE = { session: SessionView, study: StudyView, other: OtherView };
const LIVE_NAMES = { session: 'Session', study: 'Study', other: 'Summary' };
/** What belongs to one run in the address, and goes when another one is opened. */
const OF_A_RUN = ['view', 'branch', 'show', 'x', 'brush', 'trial', 'picks', 'sort', 'filter', 'side'];

class Page {
  #view = null;
  #shown = '';
  #runs = [];
  #run = null;

  constructor() {
    forgetToken();
    this.store = new Store();
    this.state = new ViewState();
    this.theme = new Theme();
    this.palette = new Palette(this.theme);
    this.keys = new Keys();
    this.status = new Status();
    this.theme.listen(() => {
      this.palette.themed();
      this.#themeName();
    });
    this.connection = new Connection({ onnews: (news, started) => this.#news(news, started), onphase: (phase) => this.#phase(phase) });
    this.frames = new Frames(this.store, { ondraw: (changed) => this.#draw(changed), ongap: () => this.connection.resync() });
    this.command = commander(this.status, (command) => this.connection.send(command));
    this.#build();
    this.keys.add(this.#bindings());
    this.state.listen(() => this.#follow());
    this.#loadRuns();
    window.setInterval(() => !document.hidden && this.#loadRuns(), RUNS_EVERY);
  }

  #build() {
    this.runPicker = el('select', { 'aria-label': 'Run', 'data-testid': 'runs', onchange: () => this.#open(this.runPicker.value, true) });
    this.views = el('div', { class: 'segmented', role: 'group', 'aria-label': 'Views', 'data-testid': 'views' });
    this.viewers = el('span', { class: 'where', 'data-testid': 'viewers' });
    this.connectionWords = el('span', { 'aria-live': 'polite', role: 'status', 'data-testid': 'connection-words' });
    this.againButton = el('button', { type: 'button', text: 'Try now', hidden: true, onclick: () => this.connection.again() });
    this.connectionChip = el('span', { class: 'connection', 'data-testid': 'connection' }, el('span', { class: 'light', 'aria-hidden': 'true' }), this.connectionWords, this.againButton);
    this.themeButton = el('button', { type: 'button', title: 'Light, dark, or as the system (t)', 'data-testid': 'theme', onclick: () => this.theme.next() });
    this.main = el('main', { id: 'main', tabindex: '-1' }, el('p', { class: 'empty', text: 'Looking for runs …' }));
    this.#themeName();
    document.body.replaceChildren(
      el('a', { class: 'skip', href: '#main', text: 'To the content', onclick: (event) => {
        event.preventDefault();
        this.main.focus();
      } }),
      el(
        'header',
        { class: 'page-head' },
        el('h1', { text: 'caviar' }),
        this.runPicker,
        this.views,
        el('span', { class: 'grow' }),
        this.viewers,
        this.connectionChip,
        this.themeButton,
        el('button', { type: 'button', text: 'Keys', title: 'All keys (?)', 'data-testid': 'help-button', onclick: () => this.keys.help() }),
      ),
      this.main,
      el('footer', {}, this.status.root),
      this.keys.dialog,
    );
  }

  #themeName() {
    if (this.themeButton) write(this.themeButton, `Theme: ${this.theme.choice}`);
  }

  // ---- runs and views

  async #loadRuns() {
    try {
      const answer = await ask('api/runs');
      if (answer.status === 401 || answer.status === 403) throw new Error('open the address that caviar printed, with its token');
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      this.#showRuns((await answer.json()).runs);
    } catch (error) {
      if (!this.#runs.length) fill(this.main, el('p', { class: 'empty', text: `The list of runs cannot be read: ${error.message}.` }));
    }
  }

  #showRuns(runs) {
    const same = JSON.stringify(runs) === JSON.stringify(this.#runs);
    this.#runs = runs;
    if (!same) {
      fill(this.runPicker, runs.map((run) => el('option', { value: String(run.id), text: [run.title || run.name, run.state].filter(Boolean).join(' · ') })));
      if (this.#run !== null) this.runPicker.value = this.#run;
    }
    if (!runs.length) fill(this.main, el('p', { class: 'empty', text: 'There are no runs here so far. A run folder appears as soon as caviar has begun it.' }));
    else if (this.#run === null) {
      const wanted = this.state.get('run');
      this.#open(runs.some((run) => String(run.id) === wanted) ? wanted : String(runs[0].id), false);
    }
  }

  #open(id, byHand) {
    if (id === this.#run) return;
    this.#run = id;
    this.runPicker.value = id;
    const anew = byHand ? Object.fromEntries(OF_A_RUN.map((name) => [name, null])) : {};
    this.state.set({ ...anew, run: id }, { visit: byHand });
    this.#close();
    this.store.clear();
    this.views.replaceChildren();
    fill(this.main, el('p', { class: 'empty', text: 'Waiting for the first news …' }));
    this.connection.open(id);
  }

  #follow() {
    const wanted = this.state.get('run');
    if (wanted && wanted !== this.#run && this.#runs.some((run) => String(run.id) === wanted)) this.#open(wanted, false);
    else this.#showView();
  }

  #close() {
    this.#view?.destroy();
    this.#view = null;
    this.#shown = '';
  }

  /** The view of the address, made where it is another one. */
  #showView() {
    const { kind, run } = this.store;
    if (kind === null) return;
    const possible = ['live', 'data', ...(run.report === false || inNotebook ? [] : ['report'])];
    const name = possible.includes(this.state.get('view')) ? this.state.get('view') : 'live';
    const shown = `${this.#run} ${kind} ${name}`;
    if (shown !== this.#shown) {
      this.#close();
      const View = { live: LIVE[kind] ?? OtherView, data: DataView, report: ReportView }[name];
      this.#view = new View(this.#context());
      this.#shown = shown;
      document.body.dataset.view = name === 'live' ? kind : name;
      fill(this.main, this.#view.root);
      this.#view.update(null);
    }
    const names = { live: LIVE_NAMES[kind] ?? 'Summary', data: 'Data', report: 'Report' };
    fill(
      this.views,
      possible.map((one) => el('button', { type: 'button', text: names[one], 'aria-pressed': String(one === name), 'data-testid': `view-${one}`, 'data-key': `view-${one}`, onclick: () => this.#toView(one) })),
    );
  }

  #toView(name) {
    this.state.set({ view: name === 'live' ? null : name }, { visit: true });
    this.#showView();
  }

  #context() {
    return {
      id: this.#run,
      store: this.store,
      state: this.state,
      theme: this.theme,
      palette: this.palette,
      keys: this.keys,
      say: (words, kind) => this.status.say(words, kind),
      command: this.command,
      invalidate: () => this.frames.invalidate(),
      errorFormat: () => errorFormat(this.store.run),
    };
  }

  // ---- news

  #news(news, started) {
    if (news.type === 'failure') {
      this.status.say(news.error, 'refused');
      if (this.store.kind === null) fill(this.main, el('p', { class: 'empty', text: news.error }));
    } else if (news.type === 'news') this.frames.take(news, started);
  }

  #draw(changed) {
    if (changed.has('reset') || changed.has('run')) {
      this.#showView();
      document.title = this.store.run.name ? `${this.store.run.name} · caviar` : 'caviar';
    }
    if (changed.has('viewers')) write(this.viewers, this.store.viewers > 1 ? count(this.store.viewers, 'viewer') : '');
    this.#view?.update(changed);
  }

  #phase({ phase, words }) {
    this.connectionChip.dataset.phase = phase;
    write(this.connectionWords, words);
    this.againButton.hidden = phase !== 'lost' || words.startsWith('Connecting');
  }

  // ---- keys

  #bindings() {
    const on = (keys, words, run) => ({ keys, words, run, group: 'Page' });
    return [
      on(['v'], 'Next view: live, data, report', () => {
        const buttons = [...this.views.children];
        const at = buttons.findIndex((button) => button.getAttribute('aria-pressed') === 'true');
        buttons[(at + 1) % buttons.length]?.click();
      }),
      on(['u'], 'To the list of runs', () => this.runPicker.focus()),
      on(['t'], 'Light, dark, or as the system', () => this.theme.next()),
      on(['h'], 'All messages', () => this.status.root.toggleAttribute('open')),
    ];
  }
}

/** The token of the first address is in a cookie by now: it leaves the address, its history and what is copied of it. */
function forgetToken() {
  const address = new URL(location.href);
  if (!address.searchParams.has('token')) return;
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
}

const page = new Page();
window.caviar = { store: page.store, stats: page.frames.stats };
