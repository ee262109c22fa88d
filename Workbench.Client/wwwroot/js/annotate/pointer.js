// What mouse and finger do on the passage: clicks choose, a drag from an entity's name draws a relation. Selecting text is the browser's own work.

const MOVED = 6;

export class Pointer {
  #host;
  #owner;
  #down = null;
  #last = null;
  #line = null;

  /** @param owner graph, picker, spanUnder(x, y), choose(kind, id, link), clickText(x, y), rubber (a path element) */
  constructor(host, owner) {
    this.#host = host;
    this.#owner = owner;
    host.addEventListener('pointerdown', event => this.#press(event));
    // The browser begins its selection with the mouse's own event.
    host.addEventListener('mousedown', event => {
      if (this.#down?.owned)
        event.preventDefault();
    });
    host.addEventListener('pointermove', event => this.#move(event));
    host.addEventListener('pointerup', event => this.#release(event));
    host.addEventListener('pointercancel', () => this.#stop());
  }

  #press(event) {
    // The menu answers its own clicks.
    if (event.button !== 0 || event.target.closest?.('.wb-annotate-menu'))
      return;
    const grip = event.target.closest?.('[data-span]');
    const relation = event.target.closest?.('[data-relation]');
    this.#down = { x: event.clientX, y: event.clientY, span: grip?.dataset.span, relation: relation?.dataset.relation };
    // Names and arcs are for choosing, and shift with a click on a second entity relates: nothing of that selects text.
    this.#down.owned = Boolean(grip || relation || (event.shiftKey && this.#owner.canLink() && this.#owner.spanUnder(event.clientX, event.clientY)));
    if (grip && event.pointerType !== 'touch')
      this.#host.setPointerCapture(event.pointerId);
  }

  #move(event) {
    const down = this.#down;
    if (!down?.span)
      return;
    if (!this.#line && Math.hypot(event.clientX - down.x, event.clientY - down.y) < MOVED)
      return;
    if (!this.#line) {
      this.#owner.beginLink(down.span);
      if (!this.#owner.picker.active) {
        this.#down = null;
        return;
      }
      this.#line = this.#owner.rubber;
      this.#line.hidden = false;
    }
    const frame = this.#host.getBoundingClientRect();
    this.#line.setAttribute('d', `M${down.x - frame.left} ${down.y - frame.top}L${event.clientX - frame.left} ${event.clientY - frame.top}`);
    this.#last = [event.clientX, event.clientY];
  }

  #release(event) {
    const down = this.#down;
    const linking = this.#line !== null;
    this.#stop();
    if (!down)
      return;
    if (linking) {
      const target = this.#owner.spanUnder(...this.#last);
      if (target)
        this.#owner.picker.pick(target);
      if (this.#owner.picker.step !== 'type')
        this.#owner.picker.cancel(!target);
      this.#owner.repaint();
      return;
    }
    if (down.relation) {
      this.#owner.choose('relation', down.relation, false);
      return;
    }
    if (down.span) {
      this.#owner.choose('span', down.span, event.shiftKey);
      return;
    }
    if (Math.hypot(event.clientX - down.x, event.clientY - down.y) < MOVED)
      this.#owner.clickText(event.clientX, event.clientY, event.shiftKey);
  }

  #stop() {
    this.#down = null;
    if (this.#line) {
      this.#line.setAttribute('d', '');
      this.#line = null;
    }
  }
}
