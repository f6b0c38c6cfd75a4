// What all charts of the page have in common.
const root = document.documentElement;
root.classList.add('js');
const data = JSON.parse(document.getElementById('data').textContent);

// Colours come from the style sheet, so that charts follow the page into the dark and onto paper.
const color = name => getComputedStyle(root).getPropertyValue('--' + name).trim();
const faded = (name, alpha) => {
  const [r, g, b] = color(name).match(/[0-9a-f]{2}/gi).map(part => parseInt(part, 16));
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
};

const shortNumber = value => String(Number(Number(value).toPrecision(4)));
const behind = (value, unit) => unit ? `${value} ${unit}` : String(value);

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


/** A round step of which a few fit into the range. */
const roundStep = range => {
  const power = 10 ** Math.floor(Math.log10(range / 5)), steps = range / 5 / power;
  return power * (steps < 2 ? 1 : steps < 5 ? 2 : 5);
};

const legend = more => ({position: 'bottom', labels: {color: color('ink'), usePointStyle: true, boxHeight: 7, ...more}});

/** A scale over these values: logarithmic where they are positive and far apart. */
const costScale = (title, values) => {
  const least = Math.min(...values), most = Math.max(...values);
  const logarithmic = least > 0 && most / least > 5;
  const scale = axis(title + (logarithmic ? ', logarithmic' : ''));
  if (logarithmic) {
    const room = (most / least) ** 0.03;
    scale.type = 'logarithmic';
    scale.min = least / room;
    scale.max = most * room;
    scale.afterBuildTicks = built => { built.ticks = logarithmicTicks(built.min, built.max); };
  } else {
    const room = (most - least) * 0.04 || Math.abs(most) * 0.1 || 1;
    scale.type = 'linear';
    scale.suggestedMin = least >= 0 ? Math.max(0, least - room) : least - room;
    scale.suggestedMax = most + room;
  }
  scale.ticks.callback = shortNumber;
  return scale;
};
