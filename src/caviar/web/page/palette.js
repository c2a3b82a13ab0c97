// Colours of branches and chosen trials: eight that colour-blind people tell apart; the number stands at the end of a curve.

/** Places of the colours of chosen trials, in their order; the second one is much like that of the best trial. */
const CHOSEN = [2, 3, 4, 5, 6, 7, 0];

/** Styles of curves by number, shared objects, so that a chart can draw all curves of a style at once. */
export class Palette {
  #styles = new Map();
  #theme;
  #colours;

  /** @param {import('./theme.js').Theme} theme */
  constructor(theme) {
    this.#theme = theme;
    this.#colours = theme.colours();
  }

  colour(number) {
    return this.#colours.series[number % this.#colours.series.length];
  }

  /** Of the trial that was chosen as the `at`-th: none is like that of the best one. */
  chosen(at) {
    return CHOSEN[at % CHOSEN.length];
  }

  /**
   * @param {number} number - of the branch, the trial or the layer
   * @param {'dev' | 'train'} role - solid or dashed
   * @param {boolean} strong - emphasised
   */
  style(number, role, strong = false) {
    const key = `${number % this.#colours.series.length} ${role} ${strong}`;
    if (!this.#styles.has(key)) {
      const style = { number, role, strong, colour: '', width: 1, alpha: 1, dash: role === 'train' ? [5, 3] : null };
      this.#paint(style);
      this.#styles.set(key, style);
    }
    return this.#styles.get(key);
  }

  /** Reads the colours again, into the same styles. */
  themed() {
    this.#colours = this.#theme.colours();
    for (const style of this.#styles.values()) this.#paint(style);
  }

  #paint(style) {
    style.colour = this.colour(style.number);
    style.width = (style.role === 'train' ? 1.2 : 1.6) + (style.strong ? 0.9 : 0);
    style.alpha = style.strong ? 1 : 0.8;
  }
}
