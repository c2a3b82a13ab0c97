// Light or dark: as the system says, or as it was chosen here. The choice is kept in this browser.

const KEPT = 'caviar-theme';
const ORDER = ['system', 'light', 'dark'];

export class Theme {
  #listeners = new Set();
  #dark = window.matchMedia('(prefers-color-scheme: dark)');
  #root = document.documentElement;

  constructor() {
    this.choice = kept();
    this.#dark.addEventListener('change', () => this.#apply());
    this.#apply();
  }

  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The next of system, light and dark. */
  next() {
    this.choice = ORDER[(ORDER.indexOf(this.choice) + 1) % ORDER.length];
    try {
      if (this.choice === 'system') localStorage.removeItem(KEPT);
      else localStorage.setItem(KEPT, this.choice);
    } catch {
      // A browser that keeps nothing: the choice holds until the page is closed.
    }
    this.#apply();
  }

  #apply() {
    const dark = this.choice === 'dark' || (this.choice === 'system' && this.#dark.matches);
    this.#root.dataset.theme = dark ? 'dark' : 'light';
    for (const listener of this.#listeners) listener();
  }

  /** Colours of the style sheet, for canvases; read again after a change of theme. */
  colours() {
    const style = getComputedStyle(this.#root);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    return {
      ink: read('ink'),
      muted: read('muted'),
      line: read('line'),
      surface: read('surface'),
      accent: read('accent'),
      best: read('best'),
      many: read('many'),
      few: read('few'),
      band: read('band'),
      good: read('seq-good'),
      bad: read('seq-bad'),
      series: Array.from({ length: 8 }, (_, i) => read(`s${i}`)),
    };
  }
}

function kept() {
  try {
    const choice = localStorage.getItem(KEPT);
    return ORDER.includes(choice) ? choice : 'system';
  } catch {
    return 'system';
  }
}

/** `count` colours from one to another, both written as #rrggbb. */
export function ramp(from, to, count) {
  const a = channels(from);
  const b = channels(to);
  return Array.from({ length: count }, (_, i) => {
    const share = count > 1 ? i / (count - 1) : 0;
    return `rgb(${a.map((one, k) => Math.round(one + (b[k] - one) * share)).join(' ')})`;
  });
}

function channels(hex) {
  return [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}
