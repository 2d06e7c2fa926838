'use strict';
const form = document.getElementById('filter');
const rows = Array.from(document.querySelectorAll('#all tbody tr'), row => ({ row, status: row.dataset.status, profile: row.dataset.profile, text: row.textContent.toLowerCase() }));
function filter() {
  const data = new FormData(form);
  const statuses = data.getAll('status'), profile = data.get('profile'), words = data.get('text').toLowerCase().split(/\s+/);
  let shown = 0;
  for (const r of rows) {
    const show = statuses.includes(r.status) && (profile === '' || r.profile === profile) && words.every(w => r.text.includes(w));
    if (r.row.hidden === show) r.row.hidden = !show;
    if (show) shown++;
  }
  document.getElementById('shown').textContent = shown === rows.length ? `${shown} results` : `${shown} of ${rows.length} results`;
}
form.addEventListener('input', filter);
form.addEventListener('submit', event => event.preventDefault());
document.addEventListener('click', async event => {
  if (!event.target.classList.contains('copy')) return;
  await navigator.clipboard.writeText(event.target.previousElementSibling.textContent);
  event.target.textContent = 'copied';
});
