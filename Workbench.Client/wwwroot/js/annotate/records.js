// Records of the dataset as the server shows them; the next one is read ahead, so that going on waits for nothing, not even for a connection.

export class Records {
  #base;
  #ahead = new Map();

  constructor(base) {
    this.#base = base;
  }

  async setup() {
    return await this.#get(this.#base);
  }

  /** A record; one that was read ahead at once. */
  async open(id) {
    const known = this.#ahead.get(id);
    this.#ahead.delete(id);
    return known ?? await this.#get(`${this.#base}/records/${encodeURIComponent(id)}`);
  }

  async fresh(id) {
    return await this.#get(`${this.#base}/records/${encodeURIComponent(id)}`);
  }

  /** Reads records that are likely to come next. */
  async prepare(ids) {
    for (const id of new Set(ids.filter(Boolean))) {
      if (this.#ahead.has(id))
        continue;
      try {
        this.#ahead.set(id, await this.#get(`${this.#base}/records/${encodeURIComponent(id)}`));
      } catch (away) {
        console.info('The next record could not be read ahead.', away.message);
        return;
      }
    }
    while (this.#ahead.size > 8)
      this.#ahead.delete(this.#ahead.keys().next().value);
  }

  forget(id) {
    this.#ahead.delete(id);
  }

  async read(id, texts) {
    return await this.#send(`${this.#base}/records/${encodeURIComponent(id)}/read`, { texts });
  }

  async suggest(id, runId) {
    return await this.#send(`${this.#base}/records/${encodeURIComponent(id)}/suggest`, { runId });
  }

  async #get(address) {
    return await answered(await fetch(address));
  }

  async #send(address, body) {
    return await answered(await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }));
  }
}

async function answered(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok)
    throw new Error(body.detail ?? body.title ?? `HTTP ${response.status}`);
  return body;
}
