// What is known of the open run: news goes in, the views read it. Curves are appended in place.

/** News that does not continue what came before: everything has to be sent again. */
export class Gap extends Error {}

/** Values that grow at their end; `edition` rises when those before the end are other ones. */
export class Curve {
  values = [];
  edition = 0;

  /** Puts `values` behind the first `from`. */
  put(values, from) {
    if (from > this.values.length) throw new Gap(`a curve has ${this.values.length} values, and news begins at ${from}`);
    if (from < this.values.length) {
      this.edition += 1;
      this.values.length = from;
    }
    for (const value of values) this.values.push(value === null ? NaN : value);
  }

  /** Takes a whole curve: an addition where it begins like this one. */
  take(values) {
    const had = this.values;
    let same = had.length <= values.length;
    for (let i = 0; same && i < had.length; i++) same = had[i] === values[i] || (values[i] === null && Number.isNaN(had[i]));
    if (same) this.put(values.slice(had.length), had.length);
    else this.put(values, 0);
  }
}

export class Store {
  /** Names of what changed since `changes()` was called: run, branches, curves, journal, findings, effects, viewers, trials, zooms, rungs. */
  #changed = new Set();

  constructor() {
    this.clear();
  }

  clear() {
    this.kind = null;
    this.version = 0;
    this.run = {};
    this.branches = new Map();
    this.journal = [];
    this.findings = [];
    this.effects = new Map();
    this.viewers = 0;
    this.alive = true;
    this.trouble = null;
    this.trials = new Map();
    this.curves = new Map();
    this.zooms = [];
    this.rungs = new Map();
  }

  /** What changed since the last call. */
  changes() {
    const changed = this.#changed;
    this.#changed = new Set();
    return changed;
  }

  get changed() {
    return this.#changed.size > 0;
  }

  /**
   * Takes one message.
   * @throws {Gap} it does not continue what came before.
   */
  apply(news) {
    if (news.reset) {
      this.clear();
      this.kind = news.kind;
      this.#changed.add('reset');
    } else if (this.kind === null) throw new Gap('the first news must be all of it');
    this.version = news.version ?? this.version;
    if (news.run) {
      Object.assign(this.run, news.run, { kind: this.kind });
      this.#changed.add('run');
    }
    if (news.viewers !== undefined && news.viewers !== this.viewers) {
      this.viewers = news.viewers;
      this.#changed.add('viewers');
    }
    if (news.alive !== undefined) {
      this.alive = news.alive;
      this.#changed.add('run');
    }
    if (news.trouble !== undefined) {
      this.trouble = news.trouble;
      this.#changed.add('run');
    }
    if (this.kind === 'session') this.#session(news);
    if (this.kind === 'study') this.#study(news);
  }

  #session(news) {
    for (const [key, branch] of Object.entries(news.branches ?? {})) this.#branch(Number(key), branch);
    for (const number of news.deleted ?? []) {
      if (this.branches.delete(number)) this.#changed.add('branches');
    }
    for (const line of news.journal ?? []) {
      const at = this.journal.findIndex((one) => one.line === line.line);
      if (at < 0) this.journal.push(line);
      else this.journal[at] = line;
      this.#changed.add('journal');
    }
    if (news.findings) {
      this.findings = news.findings;
      this.#changed.add('findings');
    }
    if (news.effects) {
      this.effects = new Map(news.effects.map((effect) => [effect.line, effect]));
      this.#changed.add('effects');
    }
  }

  #branch(number, news) {
    const { curves = {}, from = 0, ...fields } = news;
    let branch = this.branches.get(number);
    if (!branch) {
      branch = { number, curves: new Map() };
      this.branches.set(number, branch);
    }
    const other = fields.revision !== undefined && branch.revision !== undefined && fields.revision !== branch.revision;
    if (other && from > 0) throw new Gap(`the curves of branch ${number} are other ones`);
    Object.assign(branch, fields);
    if (other) for (const curve of branch.curves.values()) curve.put([], 0);
    for (const [name, values] of Object.entries(curves)) {
      for (const [key, part] of split(name, values, branch.curves)) {
        if (!branch.curves.has(key)) {
          branch.curves.set(key, new Curve());
          branch.curves.get(key).put(new Array(from).fill(null), 0);
        }
        branch.curves.get(key).put(part, from);
      }
    }
    this.#changed.add('branches').add('curves');
  }

  #study(news) {
    for (const trial of news.trials ?? []) this.trials.set(trial.number, trial);
    if (news.trials?.length) this.#changed.add('trials');
    for (const [key, values] of Object.entries(news.curves ?? {})) {
      const number = Number(key);
      if (!this.curves.has(number)) this.curves.set(number, new Curve());
      if (Array.isArray(values)) this.curves.get(number).take(values);
      else this.curves.get(number).put(values.values, values.from);
      this.#changed.add('curves');
    }
    for (const zoom of news.zooms ?? []) {
      const text = JSON.stringify(zoom);
      if (!this.zooms.some((one) => JSON.stringify(one) === text)) this.zooms.push(zoom);
      this.#changed.add('zooms');
    }
    for (const rung of news.rungs ?? []) {
      this.rungs.set(rung.generation, rung);
      this.#changed.add('rungs');
    }
  }

  /** The number of the best trial: what the server says, or the best complete one. */
  bestTrial() {
    const { best, smaller_is_better: smaller = true } = this.run;
    if (best !== null && best !== undefined && this.trials.has(best)) return best;
    let found = null;
    for (const trial of this.trials.values()) {
      if (trial.state !== 'complete' || !Number.isFinite(trial.value)) continue;
      if (found === null || (smaller ? trial.value < found.value : trial.value > found.value)) found = trial;
    }
    return found ? found.number : null;
  }
}

/** Curves by name; one of lists (a value per layer) is a curve per layer, `gradient_norm:0` and so on. */
function split(name, values, known) {
  const layers = values.find((one) => Array.isArray(one))?.length ?? [...known.keys()].filter((key) => key.startsWith(`${name}:`)).length;
  if (!layers) return values.length ? [[name, values]] : [];
  const parts = [];
  for (let layer = 0; layer < layers; layer++) {
    parts.push([`${name}:${layer}`, values.map((one) => (Array.isArray(one) ? (one[layer] ?? null) : null))]);
  }
  return parts;
}
