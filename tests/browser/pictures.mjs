// Pictures of the main screens, for docs/console.md: `scripts/screenshots` runs this against a Reprieve of its own.
// PICTURES is the folder they go to.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { api, done, step } from './lib.mjs';
import { says, signedIn } from './person.mjs';

const { PICTURES } = process.env;
mkdirSync(PICTURES, { recursive: true });
const person = await signedIn({ script: true, organization: 'northwind' });
const { page, organization, link, button, status, make, navigation } = person;

const take = async (name, { width = 1180, height = 760, dark = false } = {}) => {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
  await page.setViewportSize({ width: 1180, height: 760 });
  await page.emulateMedia({ colorScheme: 'light' });
};

/** The calls of somebody else, whose name is written down with them. */
const by = (name) => api(person.key, { 'Reprieve-Actor': `id=${name.toLowerCase().replace(' ', '.')}; name=${encodeURIComponent(name)}` });

/** A connection with so many models and charts on it. */
async function built(name, models, charts, more) {
  const id = await make(name, more);
  const row = (kind, index) => ({ name: `${kind} ${index + 1}`, ...(kind === 'model' ? {} : { kind: 'chart', body: {} }) });
  const items = (kind, count) => Array.from({ length: count }, (_, index) => row(kind, index));
  if (models) await organization('POST', `/v1/connections/${id}/models/batch`, { items: items('model', models) }, 201);
  if (charts) await organization('POST', `/v1/connections/${id}/content/batch`, { items: items('chart', charts) }, 201);
  return id;
}

await step('there is something to see', async () => {
  const gone = [
    ['Legacy ERP', 3, 12, 2, 'Grace Hopper'],
    ['Survey results 2024', 1, 4, 9, 'Ada Lovelace'],
    ['Staging copy', 0, 0, 9, 'Grace Hopper'],
    ['Marketing events', 7, 58, 17, 'Edsger Dijkstra'],
    ['Old finance cube', 22, 131, 24, 'Ada Lovelace'],
  ];
  for (const [name, models, charts, days, who] of gone) {
    const id = await built(name, models, charts);
    await organization('PUT', '/v1/retention', { retention_days: days });
    await by(who)('DELETE', `/v1/connections/${id}?reason=Replaced%20by%20the%20new%20warehouse`);
  }
  await organization('PUT', '/v1/retention', { retention_days: 30 });
  await built('Customer support', 4, 19);
  await built('Finance', 9, 47);
  await built('Product analytics', 18, 203);
  const hints = { source_hints: { password: '1Password, vault Data team' } };
  await built('Sales warehouse', 12, 34, hints);
  await built('Web shop', 2, 11);
});

await step('every picture is taken', async () => {
  await page.goto('/console/connections');
  await take('connections');
  await link('Sales warehouse').click();
  await link('Archive').click();
  await button('Move to trash').click();
  await take('delete');
  await page.getByRole('dialog').getByRole('textbox').fill('Sales warehouse');
  await page.keyboard.press('Enter');
  await says(status, 'was moved to the trash');
  await navigation.getByRole('link', { name: /^Trash/ }).click();
  await take('trash', { height: 860 });
  await take('trash-narrow-dark', { width: 390, height: 844, dark: true });
  await link('Old finance cube').click();
  await take('entry', { height: 1200 });
  await page.goBack();
  await button('Restore Sales warehouse').click();
  await says(status, "'Sales warehouse' was restored");
  await take('restored', { height: 1180 });
  await navigation.getByRole('link', { name: 'Activity' }).click();
  await take('activity', { height: 860 });
  await navigation.getByRole('link', { name: 'Settings' }).click();
  await take('retention', { height: 860 });
});

await done();
