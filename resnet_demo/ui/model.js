// The Model tab's drawing: a block chosen here is shown by the Layers tab, which may not have been opened yet.
const modelShown = () => element.querySelector('.network')?.dataset.model;
const choose = (event) => {
  const block = event.target.closest('[data-path]');
  if (!block || (event.type === 'keydown' && event.key !== 'Enter')) return;
  chooseBlock(modelShown(), [block.dataset.path]);
  trigger('choose');
};
element.addEventListener('click', choose);
element.addEventListener('keydown', choose);
window.addEventListener('lab-block', () => markDrawing(modelShown()));
watch('value', () => setTimeout(() => markDrawing(modelShown()), 50));
