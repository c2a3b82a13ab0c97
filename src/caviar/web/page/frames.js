// News into the store as it comes; at most once a frame what changed is drawn. How long that took is measured.

import { Gap } from './store.js';

export class Frames {
  /** Milliseconds of script per news message, drawing included. */
  stats = { updates: 0, lastUpdateMs: 0, worstUpdateMs: 0 };
  #store;
  #ondraw;
  #ongap;
  #frame = 0;
  #cost = 0;

  /**
   * @param {import('./store.js').Store} store
   * @param {{ondraw: (changed: Set<string>) => void, ongap: () => void}} on - `ongap`: everything has to be sent again
   */
  constructor(store, { ondraw, ongap }) {
    this.#store = store;
    this.#ondraw = ondraw;
    this.#ongap = ongap;
  }

  /** Takes news that came at `started`. */
  take(news, started) {
    try {
      this.#store.apply(news);
    } catch (error) {
      if (!(error instanceof Gap)) throw error;
      this.#ongap();
      return;
    }
    this.stats.updates += 1;
    this.#cost += performance.now() - started;
    this.invalidate();
  }

  /** Has everything that changed drawn with the next frame. */
  invalidate() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #draw() {
    this.#frame = 0;
    const started = performance.now();
    this.#ondraw(this.#store.changes());
    if (!this.#cost) return; // nothing came: somebody moved the pointer
    this.stats.lastUpdateMs = this.#cost + performance.now() - started;
    this.stats.worstUpdateMs = Math.max(this.stats.worstUpdateMs, this.stats.lastUpdateMs);
    this.#cost = 0;
  }
}
