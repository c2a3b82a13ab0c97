// What may be done to the selected branch: its settings, each with a slider and a field, and the commands as buttons.
//
// A change acts when the slider is let go, or the field is left or Enter is pressed: on the branch itself, or on a copy
// beside it, as is chosen above the settings.

import { el, fill, twiceButton, write } from './dom.js';
import { plainNumber, setting } from './format.js';
import { choiceScale, numberScale } from './scales.js';

const STEPS = 1000;
/** Milliseconds after the last key on a slider until it counts as let go. */
const KEYS_REST = 600;
const NONE = [];
const SCALES = { linear: '', log: 'log', one_minus_log: 'log of 1 − value' };

export class Controls {
  #rows = new Map();
  #built = null;
  #branch = null;
  #beside = false;
  #kept = '';
  #chosen = false;
  #context;

  constructor(context) {
    this.#context = context;
    this.title = el('h2', { text: 'Branch' });
    this.rewindTo = el('select', { 'aria-label': 'Kept epoch to go back to', 'data-testid': 'rewind-epoch', onchange: () => {
      this.#chosen = true;
    } });
    this.noteText = el('input', {
      type: 'text',
      maxlength: '2000',
      placeholder: 'A note',
      'aria-label': 'A note for the journal',
      'data-testid': 'note-text',
      onkeydown: (event) => event.key === 'Enter' && this.note(),
    });
    this.pauseButton = el('button', { type: 'button', class: 'main', 'data-testid': 'cmd-pause', onclick: () => this.pauseOrResume() });
    this.settings = el('div', { class: 'settings', 'data-testid': 'settings' });
    this.steering = el('div', { class: 'steering' }, this.#commands(), this.#modes(), this.settings);
    this.closed = el('p', { class: 'empty', 'data-testid': 'closed', hidden: true });
    this.trouble = el('p', { class: 'empty', role: 'status', 'data-testid': 'trouble', hidden: true });
    this.root = el('section', { class: 'card controls', 'aria-label': 'Controls' }, this.closed, this.trouble, this.steering);
  }

  #commands() {
    const send = (verb, more = {}) => this.#send({ verb, branch: this.#branch?.number, ...more });
    const stop = twiceButton({
      text: 'Stop',
      title: 'Ends this branch (x)',
      testid: 'cmd-stop',
      sure: () => 'Stop it?',
      onsure: () => send('stop'),
    });
    const forget = twiceButton({
      text: 'Delete',
      title: 'Forgets this branch (d)',
      testid: 'cmd-delete',
      sure: () => 'Delete it?',
      onsure: () => send('delete'),
    });
    this.stopButton = stop;
    this.deleteButton = forget;
    const button = (text, testid, title, onclick) => el('button', { type: 'button', text, title, 'data-testid': testid, onclick });
    return el(
      'div',
      { class: 'commands' },
      el('div', { class: 'card-head' }, this.title, el('span', { class: 'grow' }), this.pauseButton),
      el(
        'div',
        { class: 'buttons' },
        button('Branch', 'cmd-branch', 'A copy of it trains beside it (b)', () => this.copy()),
        button('Keep best', 'cmd-keep', 'Writes the network of its best epoch into the run folder (e)', () => this.keep()),
        stop,
        forget,
      ),
      el(
        'div',
        { class: 'pair note' },
        this.rewindTo,
        button('Rewind', 'cmd-rewind', 'Back to the kept epoch that is chosen (R)', () => this.rewind()),
        this.noteText,
        button('Add', 'cmd-note', 'Puts these words into the journal (n)', () => this.note()),
      ),
    );
  }

  #modes() {
    const radio = (beside, text, testid) => {
      const input = el('input', {
        type: 'radio',
        name: 'mode',
        checked: beside === this.#beside,
        'data-testid': testid,
        onchange: () => {
          this.#beside = beside;
        },
      });
      return [input, el('label', { class: 'choice' }, input, text)];
    };
    const [nudge, nudgeLabel] = radio(false, 'acts on it', 'mode-nudge');
    const [beside, besideLabel] = radio(true, 'is tried beside it', 'mode-branch');
    this.modes = [nudge, beside];
    return el('fieldset', { class: 'modes' }, el('legend', { text: 'A change' }), nudgeLabel, besideLabel);
  }

  /** The other way of acting on a change. */
  otherMode() {
    this.#beside = !this.#beside;
    this.modes[this.#beside ? 1 : 0].checked = true;
  }

  update(branch) {
    const { run, alive, trouble } = this.#context.store;
    const settings = run.settings ?? NONE;
    if (settings !== this.#built) this.#build(settings);
    const other = branch !== this.#branch;
    this.#branch = branch;
    this.steering.hidden = !alive;
    this.closed.hidden = alive;
    write(this.closed, alive ? '' : `No commands are taken here: the session is closed, or open in another process. caviar watch --resume ${run.folder ?? ''} goes on with a closed one.`);
    this.trouble.hidden = !trouble;
    write(this.trouble, trouble ? `It trains on, but epochs are not kept: ${trouble}` : '');
    this.steering.inert = !branch;
    if (!branch) return;
    write(this.title, `Branch ${branch.number}`);
    const paused = branch.state === 'paused';
    write(this.pauseButton, paused ? 'Resume' : 'Pause');
    this.pauseButton.dataset.testid = paused ? 'cmd-resume' : 'cmd-pause';
    this.pauseButton.title = `${paused ? 'Lets it train on' : 'Lets it stand still'} (p)`;
    this.#showKept(branch);
    const usual = { learning_rate: branch.curves.get('learning_rate')?.values.at(-1) };
    for (const row of this.#rows.values()) {
      row.usual(usual[row.about.name]);
      row.show(branch.config?.[row.about.name], other);
    }
  }

  #showKept(branch) {
    const kept = JSON.stringify([branch.number, branch.kept, branch.best_epoch]);
    const same = JSON.parse(this.#kept || '[]')[0] === branch.number;
    if (kept === this.#kept || (same && document.activeElement === this.rewindTo)) return; // not under somebody's hand
    this.#chosen &&= same;
    const chosen = this.#chosen ? this.rewindTo.value : '';
    this.#kept = kept;
    const epochs = [...(branch.kept ?? [])].sort((a, b) => b - a);
    const words = (epoch) => (epoch === 0 ? 'start' : epoch === branch.best_epoch ? `best: ${epoch}` : `epoch ${epoch}`);
    fill(this.rewindTo, epochs.map((epoch) => el('option', { value: String(epoch), text: words(epoch) })));
    const usual = epochs.includes(branch.best_epoch) ? branch.best_epoch : epochs[0];
    this.rewindTo.value = chosen !== '' && epochs.includes(Number(chosen)) ? chosen : String(usual ?? '');
    this.rewindTo.disabled = !epochs.length;
  }

  #build(settings) {
    this.#built = settings;
    this.#rows = new Map(settings.map((about) => [about.name, new Row(about, (value) => this.#changed(about, value), this.#context.say)]));
    fill(this.settings, [...this.#rows.values()].map((row) => row.root));
  }

  async #changed(about, value) {
    const row = this.#rows.get(about.name);
    const { number } = this.#branch;
    const beside = this.#beside;
    row.pending(true);
    const done = await this.#send({ verb: beside ? 'branch' : 'nudge', branch: number, settings: { [about.name]: value } });
    row.pending(false);
    // What was changed stands in the field until the news brings it; what was not goes back.
    if (!done || beside || this.#branch?.number !== number) row.show(this.#branch?.config?.[about.name], true);
  }

  #send(command) {
    return this.#context.command(command);
  }

  // ---- commands, also by keyboard

  pauseOrResume() {
    if (this.#branch) this.#send({ verb: this.#branch.state === 'paused' ? 'resume' : 'pause', branch: this.#branch.number });
  }

  /** A copy as it is, which is then the selected one. */
  async copy() {
    if (!this.#branch) return;
    const done = await this.#send({ verb: 'branch', branch: this.#branch.number });
    if (done && done.new !== null && done.new !== undefined) this.#context.select(done.new);
  }

  keep() {
    if (this.#branch) this.#send({ verb: 'keep', branch: this.#branch.number });
  }

  rewind() {
    if (this.#branch && this.rewindTo.value !== '') {
      this.#send({ verb: 'rewind', branch: this.#branch.number, epoch: Number(this.rewindTo.value) });
    }
  }

  async note() {
    const text = this.noteText.value.trim();
    if (!text) {
      this.noteText.focus();
      return;
    }
    if (await this.#send({ verb: 'note', text })) this.noteText.value = '';
  }

  focusSettings() {
    this.settings.querySelector('input, select')?.focus();
  }
}

/** One setting: its name, a slider where it is a number, and a field. */
class Row {
  #value;
  #busy = false;
  #dirty = false;
  #timer = 0;
  #byPointer = false;
  #onchange;
  #say;

  constructor(about, onchange, say) {
    this.about = about;
    this.#onchange = onchange;
    this.#say = say;
    const id = `setting-${about.name}`;
    this.scale = about.kind === 'choice' ? choiceScale(about.options ?? []) : sliding(about) ? numberScale(about) : null;
    this.field = this.#field(id);
    this.slider = sliding(about) ? this.#slide(about) : null;
    this.off = about.has_off ? this.#offBox(about) : null;
    this.hint = el('span', { class: 'setting-hint', id: `${id}-about` }, hint(about));
    this.root = el(
      'div',
      { class: `setting${this.slider ? '' : ' no-slider'}`, title: about.about },
      el('label', { for: id, class: 'setting-name' }, about.name, this.hint),
      this.slider,
      this.off ? el('span', { class: 'field-and-off' }, this.field, el('label', { class: 'choice' }, this.off, 'off')) : this.field,
    );
  }

  #field(id) {
    const { about } = this;
    const common = { id, 'data-testid': id, 'aria-describedby': `${id}-about`, onchange: () => this.#typed() };
    if (about.kind === 'choice') {
      return el('select', common, (about.options ?? []).map((one, i) => el('option', { value: String(i), text: setting(one) })));
    }
    if (about.kind === 'flag') return el('input', { type: 'checkbox', ...common });
    return el('input', {
      type: 'text',
      inputmode: about.kind === 'widths' ? 'text' : 'decimal',
      autocomplete: 'off',
      spellcheck: 'false',
      ...common,
      oninput: () => {
        this.#dirty = true;
        this.field.setCustomValidity('');
      },
      onblur: () => {
        this.#dirty = false;
        this.show(this.#value, true);
      },
      onkeydown: (event) => event.key === 'Escape' && this.show(this.#value, true),
    });
  }

  #slide(about) {
    return el('input', {
      type: 'range',
      min: '0',
      max: String(STEPS),
      step: '1',
      'aria-label': `${about.name}, slider`,
      'data-testid': `slider-${about.name}`,
      onpointerdown: () => {
        this.#byPointer = true;
      },
      onkeydown: () => {
        this.#byPointer = false;
      },
      oninput: () => {
        this.#dirty = true;
        if (this.off) this.off.checked = false;
        const value = this.scale.at(this.slider.value / STEPS);
        this.field.value = this.#words(value);
        this.slider.setAttribute('aria-valuetext', this.#words(value));
      },
      onchange: () => {
        clearTimeout(this.#timer);
        const act = () => this.#take(this.scale.at(this.slider.value / STEPS));
        if (this.#byPointer) act();
        else this.#timer = window.setTimeout(act, KEYS_REST);
      },
    });
  }

  /** Switches the setting off; taken away, the field waits for a value. */
  #offBox(about) {
    return el('input', {
      type: 'checkbox',
      'aria-label': `${about.name} off`,
      'data-testid': `off-${about.name}`,
      onchange: () => {
        if (this.off.checked) this.#take(about.off);
        else {
          this.#dirty = true;
          this.field.value = '';
          this.field.focus();
        }
      },
    });
  }

  /** What holds where nothing is set. */
  usual(value) {
    const words = value === undefined || Number.isNaN(value) ? 'default' : plainNumber(value);
    if (this.field.placeholder !== undefined && this.field.placeholder !== words) this.field.placeholder = words;
  }

  #words(value) {
    if (value === null || value === undefined) return '';
    return typeof value === 'number' ? plainNumber(value) : setting(value);
  }

  #typed() {
    const { about, field } = this;
    if (about.kind === 'choice') return this.#take(about.options[Number(field.value)]);
    if (about.kind === 'flag') return this.#take(field.checked);
    const value = read(field.value, about.kind);
    if (value === undefined) {
      const wanted = about.kind === 'widths' ? 'whole numbers with commas between, such as 64, 64' : 'a number, such as 0.003 or 3e-3';
      this.#say(`${about.name} must be ${wanted}, got "${field.value}". Write it anew.`, 'refused');
      this.show(this.#value, true);
      return undefined;
    }
    return this.#take(value);
  }

  #take(value) {
    this.#dirty = false;
    if (JSON.stringify(value) === JSON.stringify(this.#value)) this.show(this.#value, true);
    else this.#onchange(value);
  }

  /** A command with this setting waits for its answer. */
  pending(busy) {
    this.#busy = busy;
    this.root.classList.toggle('pending', busy);
    this.root.setAttribute('aria-busy', String(busy));
  }

  /** The value that the branch has; what somebody is changing right now stays, unless `anyway`. */
  show(value, anyway = false) {
    if (!anyway && (this.#busy || this.#dirty || JSON.stringify(value) === JSON.stringify(this.#value))) return;
    clearTimeout(this.#timer);
    this.#dirty = false;
    this.#value = value;
    const { about, field } = this;
    if (about.kind === 'choice') {
      field.value = String((about.options ?? []).findIndex((one) => JSON.stringify(one) === JSON.stringify(value)));
    } else if (about.kind === 'flag') field.checked = Boolean(value);
    else {
      field.value = this.#words(value);
    }
    if (this.off) this.off.checked = JSON.stringify(value ?? null) === JSON.stringify(about.off ?? null);
    if (!this.slider) return;
    const unset = this.off ? 0 : 0.5;
    const at = typeof value === 'number' ? this.scale.of(value) : Array.isArray(value) ? this.scale.of(value[0]) : unset;
    this.slider.value = String(Math.round(Math.min(1, Math.max(0, at)) * STEPS));
    this.slider.setAttribute('aria-valuetext', this.#words(value) || 'not set');
  }
}

function sliding(about) {
  return (about.kind === 'number' || about.kind === 'whole') && Number.isFinite(about.low) && Number.isFinite(about.high);
}

function hint(about) {
  const parts = [];
  if (SCALES[about.scale] && sliding(about)) parts.push(SCALES[about.scale]);
  if (about.compiles) parts.push('compiles');
  return parts.join(' · ');
}

/** What was typed: a number, several with commas between, null where nothing; undefined where it cannot be read. */
function read(text, kind) {
  const parts = text.replace(/[[\]()]/g, '').split(',').map((part) => part.trim()).filter(Boolean);
  const values = parts.map(Number);
  if (values.some((one) => !Number.isFinite(one))) return undefined;
  if (kind === 'widths') return values.every((one) => Number.isInteger(one) && one > 0) ? values : undefined;
  if (!values.length) return null;
  return values.length > 1 ? values : values[0];
}
