// The elements that the annotation draws into, with what is read out about it.

const SVG = 'http://www.w3.org/2000/svg';

/** @param selectedText gives the selected stretch of the text */
export function build(host, texts, selectedText) {
  const element = (name, className, attributes = {}) => {
    const made = document.createElement(name);
    made.className = className;
    for (const [key, value] of Object.entries(attributes))
      made.setAttribute(key, value);
    return made;
  };
  const paper = element('div', 'wb-annotate-paper');
  const text = element('div', 'wb-annotate-text', { role: 'textbox', 'aria-multiline': 'true', 'aria-readonly': 'true', tabindex: '0', 'aria-label': texts.passage, 'aria-describedby': 'wb-annotate-keys', translate: 'no' });
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'wb-annotate-marks');
  svg.setAttribute('aria-hidden', 'true');
  const over = document.createElementNS(SVG, 'svg');
  over.setAttribute('class', 'wb-annotate-rubber');
  over.setAttribute('aria-hidden', 'true');
  const rubber = document.createElementNS(SVG, 'path');
  over.append(rubber);
  const caret = element('div', 'wb-annotate-caret', { 'aria-hidden': 'true' });
  const menu = element('div', 'wb-annotate-menu', { role: 'group' });
  menu.hidden = true;
  paper.append(text, svg, caret, over, menu);
  const said = element('p', 'wb-annotate-said', { role: 'status', 'aria-live': 'polite' });
  const refused = element('p', 'wb-annotate-said wb-annotate-refused', { role: 'alert' });
  const spoken = element('p', 'wb-annotate-spoken', { 'aria-live': 'polite' });
  const keys = element('p', 'wb-annotate-spoken', { id: 'wb-annotate-keys' });
  keys.textContent = texts.passageKeys;
  const line = element('div', 'wb-annotate-line');
  line.append(said, refused);
  const list = element('section', 'wb-annotate-list', { 'aria-label': texts.list });
  host.replaceChildren(line, paper, list, spoken, keys);
  // What is copied is the text, not the lines it is broken into here.
  text.addEventListener('copy', event => {
    event.clipboardData.setData('text/plain', selectedText());
    event.preventDefault();
  });
  let speaking = 0;
  said.textContent = texts.ready;
  return {
    paper, text, svg, rubber, caret, menu, list,
    say(message, refusal) {
      (refusal ? refused : said).textContent = message;
      (refusal ? said : refused).textContent = '';
    },
    /** Takes a refusal off the screen when the next key comes. */
    calm() {
      if (refused.textContent)
        refused.textContent = '';
    },
    /** Read out, a little later: what passes by while one selects would only be noise. */
    describe(message) {
      clearTimeout(speaking);
      speaking = setTimeout(() => {
        spoken.textContent = message;
      }, 250);
    },
  };
}
