// The live connection to one run: news in, commands out. A lost one is opened again, later and later.

import { Answers } from './answers.js';

/** In a notebook its own connection takes the place of a server: `open()` gives what acts like a WebSocket, `fetch(path)` JSON. */
const beside = window.caviarTransport;

/** Whether this is a notebook's output: there are no other pages to go to. */
export const inNotebook = Boolean(beside);

/** JSON of the server, by a path of its own. */
export function ask(path) {
  return beside ? beside.fetch(path) : fetch(path);
}

function addressOf(run) {
  const address = new URL(`live?run=${encodeURIComponent(run)}`, document.baseURI);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  return address;
}

const FIRST = 500;
const LONGEST = 10_000;
/** Close codes after which nothing is tried again, and that of a server with too many pages. */
const REFUSED = new Map([
  [1008, 'The server sent this page away. Open the address that caviar printed.'],
  [4404, 'There is no such run on this server.'],
]);
const TRY_LATER = 1013;

/** @typedef {{phase: 'connecting' | 'open' | 'lost' | 'refused' | 'closed', words: string, again?: number}} Phase */

export class Connection {
  #socket = null;
  #run = null;
  #attempts = 0;
  #timer = 0;
  #answers = new Answers();
  #onnews;
  #onphase;
  #was = false;

  /**
   * @param {{onnews: (news: any, started: number) => void, onphase: (phase: Phase) => void}} to
   */
  constructor({ onnews, onphase }) {
    this.#onnews = onnews;
    this.#onphase = onphase;
    window.addEventListener('online', () => this.#timer && this.again());
    document.addEventListener('visibilitychange', () => !document.hidden && this.#timer && this.again());
  }

  /** Watches a run, and no other. */
  open(run) {
    this.close();
    this.#run = run;
    this.#attempts = 0;
    this.#was = false;
    this.#connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#drop('Another run was opened before an answer came.');
    this.#run = null;
    this.#onphase({ phase: 'closed', words: 'Not connected' });
  }

  /** Tries at once. */
  again() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#run !== null) this.#connect();
  }

  /** Everything anew, when news did not fit what came before. */
  resync() {
    this.#drop('The connection was opened anew before an answer came: the journal says whether it was done.');
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.again(), FIRST);
  }

  get opened() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Sends a command; resolves with what was done, rejects with the words of a refusal. */
  send(command) {
    if (!this.opened) return Promise.reject(new Error('Not sent: there is no connection to the server.'));
    const { id, promise } = this.#answers.begin();
    this.#socket.send(JSON.stringify({ id, command }));
    return promise;
  }

  #connect() {
    this.#drop('');
    this.#onphase({ phase: this.#was ? 'lost' : 'connecting', words: this.#was ? 'Connecting again …' : 'Connecting …' });
    const socket = beside?.open() ?? new WebSocket(addressOf(this.#run));
    this.#socket = socket;
    socket.addEventListener('open', () => {
      if (socket !== this.#socket) return;
      this.#onphase({ phase: 'open', words: this.#was ? 'Connected again' : 'Connected' });
      this.#was = true;
    });
    socket.addEventListener('message', (event) => {
      if (socket !== this.#socket) return;
      const started = performance.now();
      const message = JSON.parse(event.data);
      if (message.type === 'news') this.#attempts = 0;
      if (message.type === 'answer') this.#take(message);
      else this.#onnews(message, started);
    });
    socket.addEventListener('close', (event) => {
      if (socket === this.#socket) this.#lost(event);
    });
  }

  #take(answer) {
    if (!this.#answers.take(answer) && answer.error && answer.id === null) this.#onnews({ type: 'failure', error: answer.error }, 0);
  }

  #lost(event) {
    this.#drop('The connection was lost before an answer came: the journal says whether it was done.');
    if (REFUSED.has(event.code)) {
      this.#onphase({ phase: 'refused', words: event.reason || REFUSED.get(event.code) });
      return;
    }
    this.#attempts += 1;
    const later = event.code === TRY_LATER;
    const wait = (later ? LONGEST : Math.min(LONGEST, FIRST * 2 ** (this.#attempts - 1))) * (0.85 + 0.3 * Math.random());
    const why = later && event.reason ? event.reason.replace(/\.$/, '') : this.#was ? 'Connection lost' : 'No connection';
    const words = `${why}: trying again in ${Math.max(1, Math.round(wait / 1000))} s`;
    this.#onphase({ phase: 'lost', words, again: wait });
    this.#timer = window.setTimeout(() => this.again(), wait);
  }

  #drop(words) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#answers.drop(words);
  }
}
