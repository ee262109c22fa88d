// What the page around hears, after the picture is on the screen: the page is interpreted, and a key must not wait for it.

const SOON = 30;

export class News {
  #page;
  #news = {};
  #timer = 0;
  #state;
  #last = '';

  /** @param state gives what is sent with every message */
  constructor(page, state) {
    this.#page = page;
    this.#state = state;
  }

  tell(news = {}) {
    Object.assign(this.#news, news);
    this.#timer ||= setTimeout(() => {
      const told = this.#news;
      this.#news = {};
      this.#timer = 0;
      const state = this.#state();
      const written = JSON.stringify(state);
      if (written === this.#last && Object.keys(told).length === 0)
        return;
      this.#last = written;
      this.#page.invokeMethodAsync('OnNews', { ...state, ...told });
    }, SOON);
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = -1;
  }
}
