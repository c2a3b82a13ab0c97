// What is open, in the page's own address behind #: a link to it opens the same run, view, branch, axes, brush and trial.

export class ViewState {
  #values = new Map();
  #listeners = new Set();

  constructor() {
    this.#read();
    window.addEventListener('hashchange', () => {
      this.#read();
      for (const listener of this.#listeners) listener();
    });
  }

  /** Calls `listener` when somebody follows a link or goes back. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get(name, usual = '') {
    return this.#values.get(name) ?? usual;
  }

  getNumber(name) {
    const text = this.#values.get(name);
    const value = text === undefined || text === '' ? NaN : Number(text);
    return Number.isFinite(value) ? value : null;
  }

  getList(name) {
    return (this.#values.get(name) ?? '').split(',').filter(Boolean);
  }

  /** Sets values; null or '' leaves one out. With `visit` the browser's Back returns to what was. */
  set(values, { visit = false } = {}) {
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === undefined || value === '') this.#values.delete(name);
      else this.#values.set(name, String(value));
    }
    const text = new URLSearchParams([...this.#values]).toString();
    const address = `${location.pathname}${location.search}${text ? `#${text}` : ''}`;
    if (address === `${location.pathname}${location.search}${location.hash}`) return;
    if (location.protocol === 'about:') return; // in a notebook's frame, which has no address
    history[visit ? 'pushState' : 'replaceState'](null, '', address);
  }

  #read() {
    this.#values = new Map(new URLSearchParams(location.hash.slice(1)));
  }
}

/** A brush as text: `name:0.1~0.5` by axis, in positions of the axis. */
export function brushText(brush) {
  return [...brush].map(([name, [low, high]]) => `${name}:${low.toFixed(3)}~${high.toFixed(3)}`).join(',');
}

/** A brush from text; what cannot be read is left out. */
export function brushFrom(text) {
  const brush = new Map();
  for (const part of text.split(',')) {
    const found = /^(.+):([\d.]+)~([\d.]+)$/.exec(part);
    if (found && Number(found[2]) <= Number(found[3])) brush.set(found[1], [Number(found[2]), Number(found[3])]);
  }
  return brush;
}
