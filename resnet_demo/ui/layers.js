// Folding, unfolding and saving, by what was clicked; and the block that was chosen in the drawing.
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

function show(tries) {
  const part = window.labBlock && element.querySelector(`[data-path="${CSS.escape(window.labBlock)}"]`);
  if (!part || !part.offsetParent) return void (tries && setTimeout(show, 100, tries - 1));
  window.labBlock = null;
  for (const old of element.querySelectorAll('.chosen')) old.classList.remove('chosen');
  for (let up = part; up && up !== element; up = up.parentElement) if (up.tagName === 'DETAILS') up.open = true;
  if (part.matches('.fold')) part.querySelector('details').open = true;
  part.classList.add('chosen');
  part.firstElementChild.scrollIntoView({block: 'center'});
}
window.addEventListener('lab-block', () => show(30));
show(30);
