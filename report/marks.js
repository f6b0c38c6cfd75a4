// What is drawn upon charts of networks: budgets, standard errors, and letters at the chosen ones.

/** Dashed lines at the budgets, each with its label on top; labels that would touch stand in two rows. */
const budgetLines = budgets => ({
  id: 'budgets',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x}} = chart;
    ctx.save();
    ctx.font = '600 11px system-ui, sans-serif';
    ctx.textBaseline = 'bottom';
    ctx.strokeStyle = ctx.fillStyle = color('budget');
    ctx.setLineDash([5, 4]);
    const ends = [-Infinity, -Infinity];
    for (const [value, label] of budgets) {
      const at = x.getPixelForValue(value), text = '≤ ' + label, width = ctx.measureText(text).width;
      if (at < area.left - 1 || at > area.right + 1) continue;
      ctx.beginPath();
      ctx.moveTo(at, area.top);
      ctx.lineTo(at, area.bottom);
      ctx.stroke();
      const left = Math.min(Math.max(at - width / 2, area.left), area.right - width);
      const row = left > ends[0] + 4 ? 0 : 1;
      ctx.textAlign = 'left';
      ctx.fillText(text, left, area.top - 3 - 13 * row);
      ends[row] = left + width;
    }
    ctx.restore();
  },
});

/** A bar of one standard error to both sides of a point, where `errors` gives points [x, y, error of y, error of x]. */
const errorBars = errors => ({
  id: 'errors',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea: area, scales: {x, y}} = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.left, area.top, area.width, area.height);
    ctx.clip();
    ctx.strokeStyle = faded('ink', 0.5);
    ctx.lineWidth = 1.2;
    ctx.beginPath();
    const bar = (x0, y0, x1, y1) => {
      const cap = x0 === x1 ? [3, 0] : [0, 3];
      ctx.moveTo(x0, y0);
      ctx.lineTo(x1, y1);
      for (const [px, py] of [[x0, y0], [x1, y1]]) {
        ctx.moveTo(px - cap[0], py - cap[1]);
        ctx.lineTo(px + cap[0], py + cap[1]);
      }
    };
    for (const [px, py, up, across] of errors) {
      const at = [x.getPixelForValue(px), y.getPixelForValue(py)];
      if (up) bar(at[0], y.getPixelForValue(py - up), at[0], y.getPixelForValue(py + up));
      if (across) bar(x.getPixelForValue(px - across), at[1], x.getPixelForValue(px + across), at[1]);
    }
    ctx.stroke();
    ctx.restore();
  },
});

const LETTER = 8;  // radius

/** Where the letters go: near their points, and upon as few others as possible, above all of the front. */
const placedLetters = (chart, marks) => {
  const {chartArea: area, scales: {x, y}} = chart;
  const at = ([px, py]) => ({x: x.getPixelForValue(px), y: y.getPixelForValue(py)});
  const inside = (p, room) =>
    p.x >= area.left + room && p.x <= area.right - room && p.y >= area.top + room && p.y <= area.bottom - room;
  const placesOf = sets => sets.flatMap(set => set.data.filter(p => !p.end).map(p => at([p.x, p.y])));
  const isFront = set => set.label !== 'Dominated';
  const front = placesOf(chart.data.datasets.filter(isFront)), points = placesOf(chart.data.datasets.filter(set => !isFront(set)));
  const rings = marks.map(at), placed = [];
  const touches = (p, q, distance) => (p.x - q.x) ** 2 + (p.y - q.y) ** 2 < distance ** 2;
  /** Whether the line from a to b passes p. */
  const passes = (a, b, p, room = LETTER + 2) => {
    const dx = b.x - a.x, dy = b.y - a.y, along = Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy)));
    return touches({x: a.x + along * dx, y: a.y + along * dy}, p, room);
  };
  marks.forEach((mark, i) => {
    const ring = rings[i];
    if (!inside(ring, -1)) return;
    let best = null;
    for (const distance of [20, 28, 38, 52])
      for (let step = 0; step < 16; ++step) {
        const angle = step * Math.PI / 8, p = {x: ring.x - distance * Math.sin(angle), y: ring.y - distance * Math.cos(angle)};
        if (!inside(p, LETTER + 1)) continue;
        const covered = front.filter(q => touches(p, q, LETTER + 4)).length;
        const badness = 10 * covered + points.filter(q => touches(p, q, LETTER + 3)).length +
          20 * placed.filter(q => touches(p, q, 2 * LETTER + 3) || passes(ring, p, q) || passes(q.ring, q, p)).length + 10 * rings.filter(q => touches(p, q, LETTER + 8)).length +
          2 * front.filter(q => !touches(q, ring, 3) && passes(ring, p, q, 4)).length + distance / 100 + Math.min(step, 16 - step) / 1000;
        if (!best || badness < best.badness) best = {...p, badness, covered};
      }
    if (best) placed.push({...best, ring, letter: mark[2]});
  });
  return placed;
};

/** Rings around the chosen networks, and their letters beside them. */
const letters = marks => {
  let key = '', placed = [];
  return {
    id: 'letters',
    afterDatasetsDraw(chart) {
      const {ctx, chartArea: area, scales: {x, y}} = chart;
      const now = [area.left, area.right, area.top, area.bottom, x.min, x.max, y.min, y.max].join();
      if (now !== key) [key, placed] = [now, placedLetters(chart, marks)];
      chart.canvas.dataset.covered = String(placed.reduce((sum, p) => sum + p.covered, 0));  // for scripts that check the page
      ctx.save();
      ctx.font = '700 11px system-ui, sans-serif';
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      for (const {x: px, y: py, ring, letter} of placed) {
        const length = Math.hypot(px - ring.x, py - ring.y), away = [(px - ring.x) / length, (py - ring.y) / length];
        ctx.strokeStyle = color('ink');
        ctx.lineWidth = 1.5;
        ctx.beginPath();
        ctx.arc(ring.x, ring.y, 7, 0, 2 * Math.PI);
        ctx.stroke();
        ctx.lineWidth = 1;
        ctx.beginPath();
        ctx.moveTo(ring.x + 7 * away[0], ring.y + 7 * away[1]);
        ctx.lineTo(px - LETTER * away[0], py - LETTER * away[1]);
        ctx.stroke();
        ctx.fillStyle = color('accent');
        ctx.beginPath();
        ctx.arc(px, py, LETTER, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = color('paper');
        ctx.fillText(letter, px, py + 0.5);
      }
      ctx.restore();
    },
  };
};
