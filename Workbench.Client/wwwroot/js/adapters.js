// Sends the files of an input as a form; the bytes never pass through .NET.
export async function send(input, address) {
  const form = new FormData();
  for (const file of input.files)
    form.append('files', file, file.webkitRelativePath || file.name);
  if (!input.files.length)
    return { problem: 'No file was sent.' };
  try {
    const answer = await fetch(address, { method: 'POST', body: form });
    const body = await answer.json();
    return answer.ok ? { id: body.id } : { problem: body.detail ?? body.title ?? String(answer.status) };
  } catch (broken) {
    return { problem: broken.message };
  }
}
