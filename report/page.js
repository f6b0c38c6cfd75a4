'use strict';
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById('data').textContent);

  // Colours come from the style sheet, so that charts follow the page into the dark and onto paper.
  const color = name => getComputedStyle(root).getPropertyValue('--' + name).trim();
  const faded = (name, alpha) => {
    const [r, g, b] = color(name).match(/[0-9a-f]{2}/gi).map(part => parseInt(part, 16));
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  };

  const shortNumber = value => String(Number(Number(value).toPrecision(4)));
  const withUnit = count => count >= 1e6 ? shortNumber(count / 1e6) + ' M' : count >= 1e3 ? shortNumber(count / 1e3) + ' k' : String(count);

  /** An architecture in lines that fit a tooltip: broken at its separators, else anywhere. */
  const lines = (text, width) => {
    const result = [''];
    for (const word of text.split(/(?<=[|,\s])/)) {
      for (let rest = word; rest; rest = rest.slice(width)) {
        const part = rest.slice(0, width);
        if (result[result.length - 1].length + part.length > width) result.push('');
        result[result.length - 1] += part;
      }
    }
    return result.length > 8 ? result.slice(0, 8).concat('…') : result;
  };

  const axis = title => ({
    title: {display: true, text: title, color: color('muted')},
    ticks: {color: color('muted'), maxRotation: 0},
    grid: {color: color('grid'), borderColor: color('line')},
  });

  /** Round numbers for a logarithmic axis. */
  const logarithmicTicks = (min, max) => {
    const steps = max / min > 60 ? [1, 2, 5] : max / min > 8 ? [1, 2, 3, 5] : [1, 1.5, 2, 3, 4, 5, 7];
    const ticks = [];
    for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); ++power)
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= min && value <= max) ticks.push({value});
      }
    return ticks;
  };

  /** Budget lines with labels, and rings with letters around the chosen networks. */
  const marks = front => ({
    id: 'marks',
    beforeDatasetsDraw(chart) {
      const {ctx, chartArea: area, scales: {x}} = chart;
      ctx.save();
      ctx.font = '600 11px system-ui, sans-serif';
      ctx.textBaseline = 'bottom';
      for (const [value, label] of front.budgets) {
        const at = x.getPixelForValue(value);
        if (at < area.left - 1 || at > area.right + 1) continue;
        ctx.strokeStyle = color('budget');
        ctx.setLineDash([5, 4]);
        ctx.beginPath();
        ctx.moveTo(at, area.top);
        ctx.lineTo(at, area.bottom);
        ctx.stroke();
        ctx.fillStyle = color('budget');
        ctx.textAlign = at > area.right - 30 ? 'right' : at < area.left + 30 ? 'left' : 'center';
        ctx.fillText('≤ ' + label, at, area.top - 3);
      }
      ctx.restore();
    },
    afterDatasetsDraw(chart) {
      const {ctx, chartArea: area, scales: {x, y}} = chart;
      ctx.save();
      ctx.font = '700 11px system-ui, sans-serif';
      ctx.textAlign = 'center';
      ctx.textBaseline = 'middle';
      for (const [macs, top1, letter] of front.marks) {
        const px = x.getPixelForValue(macs), py = y.getPixelForValue(top1);
        if (py > area.bottom + 1) continue;
        const above = py - 18 > area.top + 6;
        ctx.strokeStyle = color('ink');
        ctx.lineWidth = 1.5;
        ctx.beginPath();
        ctx.arc(px, py, 7, 0, 2 * Math.PI);
        ctx.stroke();
        ctx.fillStyle = color('accent');
        ctx.beginPath();
        ctx.arc(px, py + (above ? -18 : 18), 8, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = color('paper');
        ctx.fillText(letter, px, py + (above ? -17.5 : 18.5));
      }
      ctx.restore();
    },
  });

  const frontChart = (front, canvas) => {
    const point = ([x, y, params, arch]) => ({x, y, params, arch});
    const all = front.front.concat(front.others);
    const xs = all.map(p => p[0]).concat(front.budgets.map(b => b[0]));
    const least = Math.min(...all.map(p => p[0])), most = Math.max(...xs);
    const logarithmic = least > 0 && most / least > 5;
    const x = axis(front.x + (logarithmic ? ', logarithmic' : ''));
    if (logarithmic) {
      const room = (most / least) ** 0.03;
      x.type = 'logarithmic';
      x.min = Math.min(least, ...xs) / room;
      x.max = most * room;
      x.afterBuildTicks = scale => { scale.ticks = logarithmicTicks(scale.min, scale.max); };
    } else {
      const room = (most - least) * 0.04 || most * 0.1 || 1;
      x.type = 'linear';
      x.suggestedMin = Math.max(0, least - room);
      x.suggestedMax = most + room;
    }
    x.ticks.callback = shortNumber;
    const y = axis(front.y);
    y.grace = '6%';
    const lowest = Math.min(...all.map(p => p[1]));
    y.afterDataLimits = scale => { if (lowest >= 0) scale.min = Math.max(0, scale.min); };
    y.min = front.from;
    const options = {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      layout: {padding: {top: front.budgets.length ? 18 : 4, right: 6}},
      scales: {x, y},
      plugins: {
        legend: {position: 'bottom', labels: {color: color('ink'), usePointStyle: true, boxHeight: 7}},
        tooltip: {
          filter: (item, index) => index === 0,
          displayColors: false,
          callbacks: {
            title: items => items.length ? `${items[0].parsed.y.toFixed(2)} %` : '',
            label: item => [`${shortNumber(item.raw.x)} ${front.unit} MACs, ${withUnit(item.raw.params)} parameters`]
              .concat(lines(item.raw.arch, canvas.clientWidth < 500 ? 34 : 60)),
          },
        },
      },
    };
    const chart = new Chart(canvas, {
      type: 'scatter',
      data: {
        datasets: [
          {label: 'Pareto front', data: front.front.map(point), showLine: true, stepped: 'before', borderWidth: 2,
            borderColor: color('accent'), backgroundColor: color('accent'), pointRadius: front.front.length > 150 ? 2 : 4, pointHoverRadius: 6},
          {label: 'Dominated', data: front.others.map(point), borderWidth: 0, backgroundColor: faded('point', front.others.length > 1500 ? 0.35 : 0.55),
            pointRadius: front.others.length > 1500 ? 2 : 2.8, pointHoverRadius: 5},
        ],
      },
      options,
      plugins: [marks(front)],
    });
    if (!front.offered) offerZoom(front, canvas);
    front.offered = true;
    return chart;
  };

  /** Poor networks squeeze the front into a strip at the top: offer to look at the strip. */
  const offerZoom = (front, canvas) => {
    const tops = front.front.map(p => p[1]), low = Math.min(...tops), high = Math.max(...tops);
    const lowest = Math.min(low, ...front.others.map(p => p[1]));
    if (high - lowest < 2 * (high - low) || high === low) return;
    const label = document.createElement('label'), box = document.createElement('input');
    box.type = 'checkbox';
    label.append(box, ' Zoom to the front');
    document.getElementById(front.id + '-tools').append(label);
    box.addEventListener('change', () => {
      front.from = box.checked ? low - 0.5 * (high - low) : undefined;
      const chart = Chart.getChart(canvas);
      chart.options.scales.y.min = front.from;
      chart.update();
    });
  };

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

  /** A line of means and a band between the quartiles for each searcher; logarithmic where regret falls far. */
  const regretChart = (regret, canvas) => {
    const means = regret.lines.flatMap(line => line.mean);
    const most = Math.max(...means), positive = means.filter(value => value > 0);
    const least = Math.max(Math.min(...positive), most / 1e4);
    const logarithmic = positive.length > 0 && most / least > 8;
    const floor = logarithmic ? least / 1.3 : -Infinity;
    const datasets = [];
    regret.lines.forEach((line, i) => {
      const hue = 'series-' + (i % 5 + 1);
      const points = values => values.flatMap((y, k) => y === null ? [] : [{x: line.steps[k], y: Math.max(y, floor)}]);
      const band = {band: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 0, backgroundColor: faded(hue, 0.16)};
      datasets.push({...band, label: line.name + ', low', data: points(line.low), fill: false});
      datasets.push({...band, label: line.name + ', high', data: points(line.high), fill: '-1'});
      datasets.push({label: line.name, data: points(line.mean), pointRadius: 0, pointHitRadius: 6, borderWidth: 2,
        borderDash: i < 5 ? [] : [6, 3], borderColor: color(hue), backgroundColor: color(hue), fill: false});
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

  /** Draws every chart that is not folded away and not drawn yet. */
  const draw = () => {
    for (const [make, specs] of [[frontChart, data.fronts], [regretChart, data.regrets], [curveChart, data.curves]])
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

  Chart.defaults.font.family = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
  draw();
  for (const fold of document.querySelectorAll('details.panel')) fold.addEventListener('toggle', draw);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
  addEventListener('beforeprint', () => onPaper(true));
  addEventListener('afterprint', () => onPaper(false));
})();
