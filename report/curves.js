// Charts over steps.
const runningMean = (values, window) => {
  const result = [];
  let sum = 0;
  for (let i = 0; i < values.length; ++i) {
    sum += values[i] - (i >= window ? values[i - window] : 0);
    result.push(sum / Math.min(i + 1, window));
  }
  return result;
};

/** Lines over numbers, without animation; what the charts of a run have in common. */
const lineChart = (canvas, datasets, scales, plugins) => new Chart(canvas, {
  type: 'line',
  data: {datasets},
  options: {
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    parsing: false,
    normalized: true,
    interaction: {mode: 'nearest', axis: 'x', intersect: false},
    scales,
    plugins,
  },
});

const curveChart = (curve, canvas) => {
  const datasets = [];
  curve.lines.forEach((line, i) => {
    const hue = 'series-' + (i % 5 + 1);
    const points = values => values.map((y, k) => ({x: line.steps[k], y}));
    const radius = line.steps.length > 40 ? 0 : 2.5;
    const smooth = curve.smooth && curve.lines.length === 1 && line.values.length > 60;
    const common = {pointRadius: radius, pointHitRadius: 6, borderJoinStyle: 'round'};
    if (smooth) {
      const window = Math.max(5, Math.round(line.values.length / 40));
      datasets.push({...common, label: `mean of ${window} points`, data: points(runningMean(line.values, window)),
        borderColor: color(hue), backgroundColor: color(hue), borderWidth: 2});
    }
    datasets.push({...common, label: smooth ? 'each point' : line.name, data: points(line.values), borderColor: smooth ? faded(hue, 0.28) : color(hue),
      backgroundColor: smooth ? faded(hue, 0.28) : color(hue), borderWidth: smooth ? 1 : 1.8});
  });
  const x = axis(curve.x), y = axis(curve.y);
  x.type = 'linear';
  x.min = Math.min(0, ...curve.lines.map(line => line.steps[0]));
  x.max = Math.max(1, ...curve.lines.map(line => line.steps[line.steps.length - 1]));
  x.ticks.maxTicksLimit = 7;
  y.ticks.maxTicksLimit = 7;
  y.ticks.callback = shortNumber;
  return lineChart(canvas, datasets, {x, y}, {
    legend: {display: datasets.length > 1, labels: {color: color('ink'), boxWidth: 18, boxHeight: 2}},
    tooltip: {callbacks: {
      title: items => items.length ? `${curve.x} ${items[0].parsed.x}` : '',
      label: item => `${item.dataset.label}: ${Number(item.parsed.y.toPrecision(5))}`,
    }},
  });
};

/** The i-th line of a chart, and a band around it. */
const withBand = (name, i, mean, low, high) => {
  const hue = 'series-' + (i % 5 + 1);
  const band = {band: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 0, backgroundColor: faded(hue, 0.16)};
  return [
    {...band, label: name + ', low', data: low, fill: false},
    {...band, label: name + ', high', data: high, fill: '-1'},
    {label: name, data: mean, pointRadius: 0, pointHitRadius: 6, borderWidth: 2, borderDash: i < 5 ? [] : [6, 3], borderColor: color(hue),
      backgroundColor: color(hue), fill: false},
  ];
};

/** A line of means and a band between the quartiles for each searcher; logarithmic where regret falls far. */
const regretChart = (regret, canvas) => {
  const means = regret.lines.flatMap(line => line.mean);
  const most = Math.max(...means), positive = means.filter(value => value > 0);
  const least = Math.max(Math.min(...positive), most / 1e4);
  const logarithmic = positive.length > 0 && most / least > 8;
  const floor = logarithmic ? least / 1.3 : -Infinity;
  const datasets = [];
  regret.lines.forEach((line, i) => {
    const points = values => values.flatMap((y, k) => y === null ? [] : [{x: line.steps[k], y: Math.max(y, floor)}]);
    datasets.push(...withBand(line.name, i, points(line.mean), points(line.low), points(line.high)));
  });
  const x = axis(regret.x), y = axis(regret.y + (logarithmic ? ', logarithmic' : ''));
  x.type = 'linear';
  x.min = 0;
  x.max = Math.max(1, ...regret.lines.map(line => line.steps[line.steps.length - 1]));
  x.ticks.maxTicksLimit = 7;
  y.ticks.callback = shortNumber;
  if (logarithmic) {
    y.type = 'logarithmic';
    y.min = floor;
    y.afterBuildTicks = scale => { scale.ticks = logarithmicTicks(scale.min, scale.max); };
  } else {
    y.min = 0;
  }
  return lineChart(canvas, datasets, {x, y}, {
    legend: {labels: {color: color('ink'), boxWidth: 18, boxHeight: 2, filter: item => !datasets[item.datasetIndex].band}},
    tooltip: {
      filter: item => !item.dataset.band,
      callbacks: {
        title: items => items.length ? `${items[0].parsed.x} evaluated` : '',
        label: item => `${item.dataset.label}: ${Number(item.parsed.y.toPrecision(4))}`,
      },
    },
  });
};
