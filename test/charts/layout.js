/*
 * Put into a copy of a chart by test/checks/charts-in-a-browser: has the browser measure what it drew, and leaves
 * what is wrong with it in the attribute data-wrong of the root. Names in the chart are only compared.
 */
(() => {
  const root = document.documentElement, wrong = [];
  const [, , W, H] = root.getAttribute('viewBox').split(' ').map(Number);
  const box = e => { const b = e.getBBox(); return { x: b.x, y: b.y, r: b.x + b.width, b: b.y + b.height }; };
  const shown = e => e.textContent !== '' && getComputedStyle(e).display !== 'none' && getComputedStyle(e.parentNode).display !== 'none';
  const say = (what, e) => wrong.push(what + ': ' + e.textContent.slice(0, 40));
  const texts = [...document.querySelectorAll('text')].filter(shown).map(e => ({ e, ...box(e) }));
  for (const t of texts)
    if (t.x < 0 || t.y < 0 || t.r > W || t.b > H) say('text outside', t.e);
  texts.sort((a, b) => a.x - b.x);
  texts.forEach((t, i) => {
    for (let k = i + 1; k < texts.length && texts[k].x < t.r - 0.5; k++)
      if (texts[k].y < t.b - 3 && t.y < texts[k].b - 3) say('text over "' + t.e.textContent.slice(0, 40) + '"', texts[k].e);
  });
  for (const r of [...document.querySelectorAll('rect')].filter(r => getComputedStyle(r.parentNode).display !== 'none')) {
    const b = box(r);
    if (b.x < -0.01 || b.y < 0 || b.r > W + 0.01 || b.b > H) say('rectangle outside', r.parentNode);
  }
  // A flame graph's frames: each upon its caller and within it, beside the others of its row.
  const frames = [...document.querySelectorAll('.f')].filter(g => getComputedStyle(g).display !== 'none')
    .map(g => ({ e: g, depth: +g.dataset.depth, ...box(g.querySelector('rect')), text: g.querySelector('text') }));
  const rows = [];
  for (const f of frames) {
    (rows[f.depth] = rows[f.depth] || []).push(f);
    if (f.text.textContent && (box(f.text).r > f.r || box(f.text).x < f.x)) say('text wider than its frame', f.e);
  }
  rows.forEach((row, depth) => {
    row.sort((a, b) => a.x - b.x).forEach((f, i) => {
      if (i && row[i - 1].r > f.x + 0.01) say('frames of a row overlap', f.e);
      const caller = depth && rows[depth - 1].find(c => c.x <= f.x + 0.01 && c.r >= f.r - 0.01);
      if (depth && (!caller || Math.abs(caller.y - f.y - 18) > 0.01)) say('a frame stands upon none', f.e);
    });
  });
  const sight = frames.length ? rows[0][0].e.getBoundingClientRect() : { top: 0, bottom: 0 };
  if (sight.top < 0 || sight.bottom > innerHeight) wrong.push('the root is not in sight');
  // A boot chart's bars: each begins where the one before it ends.
  const bars = [...document.querySelectorAll('g > rect[rx="2"]')].filter(r => !r.parentNode.classList.contains('f')).map(box);
  bars.forEach((b, i) => { if (i && (Math.abs(b.x - bars[i - 1].r) > 1.2 || b.y <= bars[i - 1].y)) wrong.push('bar ' + i + ' does not follow'); });
  root.dataset.wrong = wrong.slice(0, 5).join('; ') || 'nothing';
  root.dataset.seen = texts.length + ' texts, ' + frames.length + ' frames, ' + bars.length + ' bars';
})();
