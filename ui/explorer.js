// Lets the explorer ask the app: what is shown is the value {run, beside, index}; while a run goes on new frames are pulled.
// `element`, `props`, `server` and `watch` are given by gr.HTML. Plotly is kept at load: other bundles overwrite the global.
const PULL_MS = 300, IDLE_MS = 4000, SLOW_MS = 3000;
const P = window.Plotly, root = element.querySelector('.explorer');
let turn = 0, timer = null, mark = '';
const source = {
  plotly: P, charts: filmCharts(P), ask: () => start(),
  type: async texts => { try { return await server.type_on_map([visitor(), asked(), texts]); } catch (error) { return {fault: 'The app does not answer. Reload the page once it runs again.'}; } },
  page: async () => { try { return await server.save_map([visitor(), asked()]); } catch (error) { return {fault: 'The app does not answer. Reload the page once it runs again.'}; } },
};
const explorer = mountExplorer(root, source);
const asked = () => ({...(props.value || {}), method: explorer.value('method'), neighbours: Number(explorer.value('neighbours')), min_dist: Number(explorer.value('min_dist'))});

async function pull(mine, quick) {
  let wait = IDLE_MS;
  if (!element.offsetWidth) wait = PULL_MS;
  else {
    try {
      const news = await server.space_of([visitor(), asked(), quick ? '' : mark, quick]);
      if (mine !== turn) return;
      if (news.fault !== undefined && explorer.space && explorer.value('method') === 'umap') {
        // The main axes stay where UMAP cannot be had.
        root.querySelector('[data-choice=method][value=pca]').checked = true;
        root.classList.remove('by-umap');
        root.querySelector('[data-part=says]').textContent = news.fault;
        return;
      }
      if (news.fault !== undefined) { explorer.say(news.fault); mark = ''; }
      else if (news.films) {
        mark = news.mark;
        for (const film of news.films) film.isLive = news.isLive;
        explorer.set(news.space, news.films);
      }
      root.querySelector('[data-part=says]').textContent = news.says || '';
      if (quick) return pull(mine, false);
      if (news.final && news.fault === undefined) { if (!warmed) server.warm_map([visitor()]).then(told => { warmed = Boolean(told.warms); }, () => {}); return; }
      if (news.isLive) wait = PULL_MS;
    } catch (error) {
      if (mine !== turn) return;
      wait = SLOW_MS;
    }
  }
  if (mine === turn) timer = setTimeout(() => pull(mine, quick), wait);
}

let warmed = false;
function start() {
  clearTimeout(timer); turn += 1; mark = '';
  root.classList.toggle('by-umap', explorer.value('method') === 'umap');
  if (explorer.value('method') === 'umap' && explorer.space) root.querySelector('[data-part=says]').textContent = 'UMAP is being worked out; the first time takes up to a minute. The main axes stay meanwhile.';
  // The main axes are there at once; what is told of the frames takes longer.
  pull(turn, explorer.value('method') !== 'umap');
}
watch('value', start);
start();
