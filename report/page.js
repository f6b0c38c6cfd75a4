// What makes the page's charts and buttons work.

/** Draws every chart that is not folded away and not drawn yet. */
const draw = () => {
  for (const [make, specs] of [[frontChart, data.fronts], [agreementChart, data.agreements], [regretChart, data.regrets], [comparisonChart, data.comparisons], [curveChart, data.curves]])
    for (const spec of specs) {
      const canvas = document.getElementById(spec.id);
      if (!Chart.getChart(canvas) && !canvas.closest('details:not([open])')) make(spec, canvas);
    }
  root.dataset.charts = String(Object.keys(Chart.instances).length);  // for scripts that check the page
};
const redraw = () => {
  for (const chart of Object.values(Chart.instances)) chart.destroy();
  draw();
};
const onPaper = is => {
  root.classList.toggle('paper', is);
  redraw();
};

/** Into the clipboard; where the browser does not let a file do that, by marking the text. */
const copy = async element => {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    element.closest('details').open = true;
    getSelection().selectAllChildren(element);
    return document.execCommand('copy');
  }
};
for (const button of document.querySelectorAll('button.copy')) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    const done = await copy(document.getElementById(button.dataset.copies));
    button.textContent = done ? 'Copied' : 'Marked: Ctrl+C';
    document.getElementById('said').textContent = done ? 'The command is copied.' : 'The command is marked; copy it with Ctrl+C.';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
}

/** A line above what is wider than its box, as shadows alone are easily overlooked. */
const showWhatScrolls = () => {
  for (const box of document.querySelectorAll('.scroll')) box.classList.toggle('cut', box.scrollWidth > box.clientWidth + 1);
};

Chart.defaults.font.family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
draw();
showWhatScrolls();
for (const fold of document.querySelectorAll('details')) fold.addEventListener('toggle', () => { draw(); showWhatScrolls(); });
addEventListener('resize', showWhatScrolls);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
addEventListener('beforeprint', () => onPaper(true));
addEventListener('afterprint', () => onPaper(false));
