// Operations on their way to the server, one after the other. They lie in this browser's storage until the server has them: a lost connection, a
// restart of the server or of the tab loses nothing.

const PAUSE = 1500;

export class SaveQueue {
  #base;
  #key;
  #entries;
  #running = null;
  #timer = 0;
  #closed = false;
  #listeners;
  #wake = () => this.flush();

  /** @param listeners saved(record, operation, answer), refused(record, operation, message, status), changed(pending, offline) */
  constructor(base, listeners) {
    this.#base = base;
    this.#key = `wb-annotation:${base}`;
    this.#listeners = listeners;
    this.#entries = this.#read();
    this.offline = false;
    addEventListener('online', this.#wake);
  }

  get pending() {
    return this.#entries.length;
  }

  of(record) {
    return this.#entries.filter(entry => entry.record === record).map(entry => entry.operation);
  }

  all() {
    return [...this.#entries];
  }

  add(record, operation) {
    this.#entries.push({ record, operation });
    this.#write();
    this.#listeners.changed(this.pending, this.offline);
    this.flush();
  }

  /** Sends what waits; settles when all is sent or the server is away. */
  flush() {
    clearTimeout(this.#timer);
    this.#running ??= this.#send().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    removeEventListener('online', this.#wake);
  }

  async #send() {
    while (this.#entries.length > 0 && !this.#closed) {
      const entry = this.#entries[0];
      let answer;
      try {
        answer = await fetch(`${this.#base}/records/${encodeURIComponent(entry.record)}/operations`, {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(entry.operation), signal: AbortSignal.timeout(15_000),
        });
      } catch (away) {
        this.#wait(away.name);
        return;
      }
      if (answer.status >= 500) {
        this.#wait(`HTTP ${answer.status}`);
        return;
      }
      this.offline = false;
      const body = await answer.json().catch(() => ({}));
      // Another tab may have sent it in the meantime; its storage is this one's.
      this.#entries = this.#entries.filter(other => other.operation.id !== entry.operation.id);
      this.#write();
      if (answer.ok)
        this.#listeners.saved(entry.record, entry.operation, body);
      else
        this.#listeners.refused(entry.record, entry.operation, body.detail ?? body.title ?? `HTTP ${answer.status}`, answer.status);
      this.#listeners.changed(this.pending, this.offline);
    }
  }

  #wait(reason) {
    if (!this.offline)
      console.info(`The server does not answer (${reason}); ${this.pending} change(s) wait in this browser.`);
    this.offline = true;
    this.#listeners.changed(this.pending, true);
    if (!this.#closed)
      this.#timer = setTimeout(this.#wake, PAUSE);
  }

  #read() {
    try {
      return JSON.parse(localStorage.getItem(this.#key) ?? '[]');
    } catch (damaged) {
      console.warn('What was kept in this browser cannot be read.', damaged);
      return [];
    }
  }

  #write() {
    try {
      if (this.#entries.length > 0)
        localStorage.setItem(this.#key, JSON.stringify(this.#entries));
      else
        localStorage.removeItem(this.#key);
    } catch (full) {
      console.warn('This browser keeps nothing; changes last until the tab is closed.', full.name);
    }
  }
}
