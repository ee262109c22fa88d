// What a click means: it chooses, while picking it picks, and with shift it relates the chosen entity to the clicked one.

export class Choosing {
  #view;

  constructor(view) {
    this.#view = view;
  }

  get picker() {
    return this.#view.picker;
  }

  get rubber() {
    return this.#view.parts.rubber;
  }

  canLink() {
    return this.#view.chosenSpan !== undefined;
  }

  beginLink(id) {
    this.#view.batch(() => this.picker.start(this.#view.graph.spans.get(id)));
  }

  repaint() {
    this.#view.changed();
  }

  choose(kind, id, link) {
    const view = this.#view;
    view.batch(() => {
      if (kind === 'span' && view.picker.active && view.picker.step !== 'type') {
        view.picker.pick(view.graph.spans.get(id));
      } else if (kind === 'span' && link && this.canLink() && view.chosenSpan.id !== id) {
        view.picker.start(view.chosenSpan);
        if (view.picker.step === 'tail')
          view.picker.pick(view.graph.spans.get(id));
      } else {
        view.picker.cancel(false);
        view.select(kind, id, true);
      }
    });
  }

  clickText(x, y, link) {
    const view = this.#view;
    const span = this.spanUnder(x, y);
    if (span) {
      const inner = view.graph.at(view.passage.offsetAt(x, y) ?? span.start);
      // A second click on the same place chooses the next outer entity.
      const next = inner[(inner.findIndex(one => one.id === view.chosenSpan?.id) + 1) % inner.length] ?? span;
      this.choose('span', (view.picker.active || link ? span : next).id, link);
    } else if (view.picker.active) {
      view.picker.cancel(true);
    } else if (view.selected) {
      view.select(null);
    }
  }

  /** The entity under a point of the window: its name, or the innermost of the words there. */
  spanUnder(x, y) {
    const { graph, passage } = this.#view;
    const grip = document.elementsFromPoint(x, y).map(element => element.closest('[data-span]')).find(Boolean);
    if (grip)
      return graph.spans.get(grip.dataset.span);
    const offset = passage.offsetAt(x, y);
    return offset === null ? undefined : graph.at(offset)[0];
  }
}
