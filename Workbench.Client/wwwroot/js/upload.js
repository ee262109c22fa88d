// Sends a model's files in pieces, each where the last one ended. The files stay with the browser: a pause or a lost connection costs one piece.

const PIECE = 8 * 1024 * 1024;
const ATTEMPTS = 8;
let chosen = new Map();
let stopped = false;
let sending = false;

addEventListener('beforeunload', event => {
  if (sending)
    event.preventDefault();
});

/** The drop area holds two inputs, one for folders and one for files. */
export function attach(dropId, reference) {
  const area = document.getElementById(dropId);
  if (!area || area.dataset.attached)
    return;
  area.dataset.attached = 'true';
  const take = (name, entries) => {
    chosen = new Map(entries.filter(([path]) => !path.split('/').some(part => part.startsWith('.'))));
    const files = [...chosen].map(([path, file]) => ({ path, size: file.size }));
    reference.invokeMethodAsync('OnChosen', name, files);
  };
  for (const input of area.querySelectorAll('input[type=file]'))
    input.addEventListener('change', () => {
      const entries = [...input.files].map(file => [file.webkitRelativePath || file.name, file]);
      input.value = '';
      if (entries.length)
        take(...named(entries));
    });
  area.addEventListener('dragover', event => {
    event.preventDefault();
    area.classList.add('wb-drop-over');
  });
  area.addEventListener('dragleave', () => area.classList.remove('wb-drop-over'));
  area.addEventListener('drop', async event => {
    event.preventDefault();
    area.classList.remove('wb-drop-over');
    // Entries are only there while the event is handled; they are collected before the first wait.
    const roots = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
    const entries = (await Promise.all(roots.map(root => walk(root)))).flat();
    if (entries.length)
      take(...named(entries));
  });
}

export async function config() {
  const file = chosen.get('config.json');
  return file && file.size < 4 * 1024 * 1024 ? await file.text() : null;
}

export function stop() {
  stopped = true;
}

/** Null when all is sent, '' when stopped, else what went wrong. */
export async function send(address, received) {
  stopped = false;
  sending = true;
  try {
    for (const { path, size: here } of received) {
      const file = chosen.get(path);
      if (!file)
        return `${path}: not among the chosen files`;
      let at = here;
      let failures = 0;
      let first = file.size === 0 && here === 0;
      while (at < file.size || first) {
        if (stopped)
          return '';
        first = false;
        try {
          const answer = await fetch(`${address}?path=${encodeURIComponent(path)}&offset=${at}`, {
            method: 'PUT', headers: { 'Content-Type': 'application/octet-stream' }, body: file.slice(at, at + PIECE),
          });
          const body = await answer.json();
          if (!answer.ok)
            return body.detail ?? body.title ?? String(answer.status);
          if (body.size === at && file.size > 0 && ++failures >= ATTEMPTS)
            return `${path}: no progress`;
          at = body.size;
        } catch (broken) {
          if (++failures >= ATTEMPTS)
            return `${path}: ${broken.message}`;
          await new Promise(resolve => setTimeout(resolve, Math.min(15_000, 500 * 2 ** failures)));
          at = await whereAmI(address, path, at);
        }
      }
    }
    return null;
  } finally {
    sending = false;
  }
}

async function whereAmI(address, path, at) {
  try {
    const state = await (await fetch(address)).json();
    return state.received.find(file => file.path === path)?.size ?? at;
  } catch (broken) {
    console.info('The server is still away.', broken.message);
    return at;
  }
}

/** A folder's name is the model's; its files are named from inside it. */
function named(entries) {
  const folders = new Set(entries.map(([path]) => path.includes('/') ? path.split('/')[0] : ''));
  if (folders.size === 1 && !folders.has('')) {
    const [folder] = folders;
    return [folder, entries.map(([path, file]) => [path.slice(folder.length + 1), file])];
  }
  const gguf = entries.find(([path]) => path.toLowerCase().endsWith('.gguf'));
  return [gguf ? gguf[0].replace(/\.gguf$/i, '') : 'model', entries];
}

async function walk(entry) {
  if (entry.isFile)
    return [[entry.fullPath.replace(/^\//, ''), await new Promise((resolve, reject) => entry.file(resolve, reject))]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length)
      return (await Promise.all(found.map(child => walk(child)))).flat();
    found.push(...batch);
  }
}
