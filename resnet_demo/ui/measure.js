// Asks for times once they are seen and stay, one after the other, so that passing by costs the server nothing.
let waiting = 0, busy = false;
const later = () => { clearTimeout(waiting); waiting = setTimeout(ask, 800); };
new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) later(); }).observe(element);
async function ask() {
  const place = element.querySelector('.time[data-model]:not([data-asked])');
  if (!place || !place.offsetParent || document.hidden || busy) return;
  place.dataset.asked = 'yes';
  busy = true;
  try {
    const html = await server.measure([place.dataset.model, place.dataset.brief || '']);
    if (html && place.isConnected) place.innerHTML = html;
  } catch (error) { delete place.dataset.asked; }
  busy = false;
  later();
}
