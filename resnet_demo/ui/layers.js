// Folding, unfolding and saving, by what was clicked.
element.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (!button) return;
  if (button.dataset.fold) {
    for (const part of element.querySelectorAll('details.part')) part.open = button.dataset.fold === 'open';
    return;
  }
  if (!button.dataset.take) return;
  const asked = JSON.parse(button.closest('[data-asked]').dataset.asked);
  const text = await server.take_along([button.dataset.take, ...asked]);
  if (!text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'text/plain;charset=utf-8'}));
  link.download = `${asked[0]}-${asked.slice(1, 4).join('x')}.${button.dataset.take}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});
