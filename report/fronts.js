// Charts of networks as points.
const MOST_BARS = 60;

/** A point of the page's data as Chart.js takes it. */
const point = ([x, y, arch, error]) => ({x, y, arch, error});

/** What a tooltip says of a network. */
const networkLines = (raw, canvas) => {
  const [text, costs] = data.archs[raw.arch];
  return [costs].concat(lines(text, canvas.clientWidth < 500 ? 34 : 60));
};

const withError = (value, error) => error ? `${value.toFixed(2)} ± ${error.toFixed(2)}` : value.toFixed(2);

const networkTooltip = (canvas, head) => ({
  filter: (item, index) => index === 0 && item.raw.arch !== undefined,
  displayColors: false,
  callbacks: {
    title: items => items.length ? head(items[0].raw)[0] : '',
    label: item => head(item.raw).slice(1).concat(networkLines(item.raw, canvas)),
  },
});

/** The datasets of a front: its lines, each with points, and the dominated networks behind them. */
const frontSets = front => {
  const many = front.lines.reduce((sum, line) => sum + line.points.length, 0) > 150;
  const sets = front.lines.map((line, i) => {
    const hue = color('series-' + (i % 5 + 1)), points = line.points.map(point);
    if (line.end !== undefined) points.push({x: line.end, y: points[points.length - 1].y, end: true});
    return {
      label: line.name, data: points, showLine: line.staircase, stepped: front.low_x ? 'before' : 'after', borderWidth: 2, borderColor: hue,
      backgroundColor: hue, pointRadius: context => context.raw && context.raw.end ? 0 : many ? 2 : 4, pointHitRadius: 4,
      pointHoverRadius: context => context.raw && context.raw.end ? 0 : 6,
    };
  });
  const others = front.others.length;
  if (others) sets.push({label: 'Dominated', data: front.others.map(point), borderWidth: 0,
    backgroundColor: faded('point', others > 1000 ? 0.4 : 0.6), pointRadius: others > 1000 ? 2 : 2.8, pointHoverRadius: 5});
  return sets;
};

const frontChart = (front, canvas) => {
  const members = front.lines.flatMap(line => line.points), all = members.concat(front.others);
  const x = costScale(front.x, all.map(p => p[0]).concat(front.budgets.map(b => b[0])));
  const y = axis(front.y);
  y.grace = '6%';
  const lowest = Math.min(...all.map(p => p[1]));
  y.afterDataLimits = scale => { if (lowest >= 0) scale.min = Math.max(0, scale.min); };
  y.ticks.callback = shortNumber;
  const errors = members.filter(p => p[3]).map(p => [p[0], p[1], p[3], 0]);
  const chart = new Chart(canvas, {
    type: 'scatter',
    data: {datasets: frontSets(front)},
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      layout: {padding: {top: front.budgets.length > 1 ? 30 : front.budgets.length ? 18 : 4, right: 6}},
      scales: {x, y},
      plugins: {
        legend: legend(),
        tooltip: networkTooltip(canvas, raw =>
          [behind(withError(raw.y, raw.error), front.y_unit)].concat(front.x_is_count ? [] : behind(shortNumber(raw.x), front.x_unit))),
      },
    },
    plugins: [budgetLines(front.budgets), errorBars(errors.length <= MOST_BARS ? errors : []), letters(front.marks)],
  });
  offerZoom(front, chart);
  return chart;
};

/** Poor networks squeeze the front into a strip: look at the strip, and offer all. */
const offerZoom = (front, chart) => {
  const best = front.lines.flatMap(line => line.points).map(p => p[1]), rest = front.others.map(p => p[1]);
  const sign = front.low_y ? -1 : 1, up = values => values.map(value => sign * value);
  const sorted = up(best).sort((a, b) => a - b), high = sorted[sorted.length - 1];
  const low = sorted[Math.floor(sorted.length / 4)];  // the worst quarter of the front is often of no use, too
  const lowest = Math.min(...up(best), ...up(rest)), step = roundStep(2 * (high - low) || 1);
  const from = Math.floor((low - 0.5 * (high - low)) / step) * step;
  if (!rest.length || high === low || high - lowest < 3 * (high - low)) return;
  const hidden = up(best.concat(rest)).filter(value => value < from).length;
  const zoom = on => {
    chart.options.scales.y[front.low_y ? 'max' : 'min'] = on ? sign * from : undefined;
    chart.update();
  };
  const tools = document.getElementById(front.id + '-tools');
  let box = tools.querySelector('input');
  if (!box) {
    const label = document.createElement('label');
    box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = true;
    label.append(box, ` Zoom to the front (${hidden} of the points drawn are outside)`);
    tools.append(label);
  }
  box.onchange = () => zoom(box.checked);
  if (box.checked) zoom(true);
};

/** Two accuracies of the same networks, on axes of equal range, with the line on which both are equal. */
const agreementChart = (agreement, canvas) => {
  const values = agreement.points.flatMap(p => [p[0] - (p[4] || 0), p[0] + (p[4] || 0), p[1] - (p[3] || 0), p[1] + (p[3] || 0)]);
  const least = Math.min(...values), most = Math.max(...values), room = (most - least) * 0.06 || 1;
  const step = roundStep(most - least + 2 * room);
  const range = [Math.max(0, Math.floor((least - room) / step) * step), Math.min(100, Math.ceil((most + room) / step) * step)];
  const scale = title => Object.assign(axis(title), {type: 'linear', min: range[0], max: range[1]});
  const x = scale(agreement.x), y = scale(agreement.y);
  x.ticks.callback = y.ticks.callback = shortNumber;
  const few = agreement.points.length <= MOST_BARS, many = agreement.points.length > 500;
  return new Chart(canvas, {
    type: 'scatter',
    data: {datasets: [
      {label: 'Networks', data: agreement.points.map(([px, py, arch, up, across]) => ({x: px, y: py, arch, error: up, across})), borderWidth: 0,
        backgroundColor: many ? faded('series-1', 0.4) : color('series-1'), pointRadius: many ? 2 : 3.5, pointHoverRadius: 6},
      {label: 'Equal', data: range.map(value => ({x: value, y: value, end: true})), showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 1.5,
        borderDash: [5, 4], borderColor: color('muted'), backgroundColor: color('muted')},
    ]},
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      layout: {padding: {right: 6}},
      scales: {x, y},
      plugins: {
        legend: legend({pointStyle: 'circle'}),
        tooltip: networkTooltip(canvas, raw =>
          [`${withError(raw.y, raw.error)} % on test, ${withError(raw.x, raw.across)} % before`]),
      },
    },
    plugins: [errorBars(few ? agreement.points.map(p => [p[0], p[1], p[3], p[4]]) : []), letters(agreement.marks)],
  });
};
