// Commands that wait for their answers, by number.

export class Answers {
  #last = Math.floor(Math.random() * 2 ** 40); // in a notebook each of several views hears the others' answers
  #waiting = new Map();

  /** A number for a command, and the promise of its answer: what was done, or the words of a refusal. */
  begin() {
    this.#last += 1;
    const id = this.#last;
    const promise = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    return { id, promise };
  }

  /** Takes an answer. */
  take({ id, done, error }) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error !== undefined) waiting?.reject(new Error(error));
    else waiting?.resolve(done);
    return Boolean(waiting);
  }

  /** Nothing will be answered any more. */
  drop(words) {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new Error(words));
  }
}

/**
 * What sends a command and says how it went in the status line; gives what was done, or null where it was refused.
 * @param {import('./status.js').Status} status
 * @param {(command: object) => Promise<any>} send
 */
export function commander(status, send) {
  return async (command) => {
    const entry = status.begin(describe(command));
    try {
      const done = await send(command);
      entry.done(`Done: ${done.words || describe(command)}`);
      return done;
    } catch (error) {
      entry.refused(error.message);
      return null;
    }
  };
}

/** A command in words, until the server has its own. */
function describe({ verb, branch, settings = {}, epoch, text }) {
  if (verb === 'note') return `note “${text}”`;
  const changes = Object.entries(settings).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  const what = branch === undefined || branch === null ? `${verb} all` : `${verb} branch ${branch}`;
  return [what, ...changes, epoch === undefined ? null : `to epoch ${epoch}`].filter(Boolean).join(', ');
}
