// What both drawings share: the block in hand, marked wherever it is drawn, and saving as SVG or PNG.
// window.labBlock = {model, paths}: the paths of the chosen part, from itself up to its stage.
function markDrawing(model) {
  const chosen = window.labBlock && window.labBlock.model === model ? window.labBlock.paths : [];
  for (const svg of element.querySelectorAll('svg.net')) {
    for (const old of svg.querySelectorAll('.block.chosen')) old.classList.remove('chosen');
    const path = chosen.find(path => svg.querySelector(`.block[data-path="${CSS.escape(path)}"]`));
    if (path) svg.querySelector(`.block[data-path="${CSS.escape(path)}"]`).classList.add('chosen');
  }
}
function chooseBlock(model, paths) {
  window.labBlock = {model, paths};
  window.dispatchEvent(new Event('lab-block'));
}
function keep(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
function standalone(svg) {
  const copy = svg.cloneNode(true), [, , width, height] = svg.getAttribute('viewBox').split(' ').map(Number);
  for (const old of copy.querySelectorAll('.chosen')) old.classList.remove('chosen');
  for (const [key, value] of Object.entries({width, height, style: 'color:#1f2937;background:#fff'})) copy.setAttribute(key, value);
  return {text: new XMLSerializer().serializeToString(copy), width, height};
}
async function saveDrawing(svg, kind, name) {
  const {text, width, height} = standalone(svg), blob = new Blob([text], {type: 'image/svg+xml'});
  if (kind === 'svg') return keep(blob, `${name}.svg`);
  const image = new Image(), address = URL.createObjectURL(blob), larger = 3;
  image.src = address;
  await image.decode();
  const canvas = Object.assign(document.createElement('canvas'), {width: width * larger, height: height * larger});
  const paper = canvas.getContext('2d');
  paper.fillStyle = '#fff';
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  canvas.toBlob(made => keep(made, `${name}.png`), 'image/png');
}
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-save]');
  if (!button) return;
  const seen = [...element.querySelectorAll('svg.net')].find(svg => svg.getBoundingClientRect().width);
  if (seen) saveDrawing(seen, button.dataset.save, button.dataset.name.replace(/[^\w.-]+/g, '-'));
});
