// Samplers under one budget of training.

/** Accuracy by cost: a line an arm, and a band of one standard deviation over the seeds. */
const comparisonChart = (comparison, canvas) => {
  const datasets = [];
  comparison.lines.forEach((line, i) => {
    const points = sign => comparison.places.map((x, k) => ({x, y: line.mean[k] + sign * (line.sd ? line.sd[k] : 0)}));
    const [low, high, mean] = withBand(line.name, i, points(0), points(-1), points(1));
    datasets.push(...line.sd ? [low, high] : [], {...mean, pointRadius: 3});
  });
  const x = costScale(comparison.x, comparison.places), y = axis(comparison.y);
  y.ticks.callback = shortNumber;
  y.ticks.maxTicksLimit = 7;
  return lineChart(canvas, datasets, {x, y}, {
    legend: {labels: {color: color('ink'), boxWidth: 18, boxHeight: 2, filter: item => !datasets[item.datasetIndex].band}},
    tooltip: {
      mode: 'index',
      filter: item => !item.dataset.band,
      callbacks: {
        title: items => items.length ? comparison.bins[items[0].dataIndex] : '',
        label: item => {
          const sd = comparison.lines.find(line => line.name === item.dataset.label).sd;
          return `${item.dataset.label}: ${item.parsed.y.toFixed(2)}${sd ? ' ± ' + sd[item.dataIndex].toFixed(2) : ''} %`;
        },
      },
    },
  });
};
